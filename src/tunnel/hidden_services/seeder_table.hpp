// What a downloader knows of a swarm's seeders: their swarm keys, and the introduction points through which each can be
// asked. All of it is hearsay: bounded, and soon forgotten. Pure: the time comes in.
// Process: worker, io thread. Spec: docs/protocol.md, sections 14.7 and 36.
#pragma once

#include "tunnel/discovery/flood_limit.hpp"
#include "tunnel/hidden_services/backoff.hpp"
#include "tunnel/hidden_services/end_to_end.hpp"
#include "tunnel/hidden_services/link_worth.hpp"
#include "tunnel/hidden_services/path_race.hpp"
#include "tunnel/tunnel.hpp"

#include <map>
#include <optional>
#include <vector>

namespace cepa::tunnel {

struct IntroductionPoint {
    Endpoint address;
    PublicKey key;
    TimePoint seen{};
    TimePoint asked{}; ///< for a rendezvous; never, if null
};

/// A create-e2e that waits for its answer.
struct EndRequest {
    CircuitId lookup;
    std::uint16_t identifier = 0;
    EphemeralKey ephemeral;
    IpAddress from; ///< of the introduction point, whose answer it must be
    TimePoint sent{};
};

/// A rendezvous circuit on its way to being a link.
struct EndLink {
    PathRace race; ///< the circuits to the rendezvous point; one, when link-e2e was sent
    Cookie cookie{};
    std::optional<Layer> layer; ///< taken when linked
    std::uint16_t identifier = 0;
    bool asked = false; ///< link-e2e was sent
    TimePoint since{};
    Candidate point; ///< of the rendezvous
};

struct Seeder {
    static constexpr std::size_t kMostPoints = 8; // more than one answer names
    static constexpr std::size_t kMostRequests = 3;
    /// With those to introduction points that were named meanwhile.
    static constexpr std::size_t kMostRequestsInAll = 6;

    std::vector<IntroductionPoint> points;
    std::vector<EndRequest> requests; ///< the latest last
    std::optional<EndLink> linking;
    std::optional<CircuitId> link;
    std::optional<CircuitId> stalled; ///< the link so far, while another is made; it may come back before
    TimePoint linked_at{};
    TimePoint lost_at{};     ///< the latest link
    TimePoint known{};       ///< since when
    TimePoint asked{};       ///< last, through whatever introduction point
    std::uint32_t place = 0; ///< drawn: who is named first, and what key somebody chose, give no better turn
    LinkWorth worth;         ///< of what its link brings, or its last one brought
    unsigned useless = 0;    ///< links in a row that were given up because they brought nothing
    /// Searches in a hurry for it: those of a minute at once, and then one a minute, or one that links and goes away
    /// again and again would keep us searching.
    FloodLimit hurries{1.0 / 60, 20};
    TimePoint hurried{}; ///< last
    Backoff retry{std::chrono::seconds(2), std::chrono::seconds(60)};

    [[nodiscard]] bool busy() const noexcept { return link || stalled || linking || !requests.empty(); }
    [[nodiscard]] bool useful() const noexcept
    {
        return worth.per_s() && *worth.per_s() >= LinkWorth::kUsefulBytesPerS;
    }
    /// Its introduction points are kept for so long at least, however long nobody has named them.
    void keep_points(TimePoint now, Duration least) noexcept;
    /// One of its introduction points was never asked.
    [[nodiscard]] bool has_new_point() const noexcept;
    /// The next introduction point to ask: the one that was asked longest ago, if at all, and of such the one that was
    /// named last. Needs one.
    [[nodiscard]] const IntroductionPoint& take_point(TimePoint now);
};

class SeederTable {
public:
    static constexpr std::size_t kMost = 64;
    /// An introduction point that nobody has named for so long is forgotten.
    static constexpr Duration kPointKept = std::chrono::seconds(180);

    /// Somebody said that `point` leads to the seeder with that key. False when there is no room.
    /// `place` is drawn at random for it.
    bool learn(const PublicKey& swarm_key, const IntroductionPoint& point, TimePoint now, std::uint32_t place = 0);
    /// A seeder that is another worker's: only counted.
    void note(const PublicKey& swarm_key, TimePoint now);
    /// Seeders, ours and those of others.
    [[nodiscard]] std::size_t found() const noexcept { return seeders_.size() + noted_.size(); }
    void expire(TimePoint now);
    void forget_point(const PublicKey& swarm_key, const Endpoint& address);

    /// Those that are of use first, then whoever was asked, or first heard of, longest ago: each gets its turn,
    /// whatever others say of how many more.
    [[nodiscard]] std::vector<std::pair<const PublicKey, Seeder>*> in_turn();
    /// Of the links that were judged and are of no use, the one that brings least; nullptr when there is none.
    [[nodiscard]] Seeder* least_useful();
    [[nodiscard]] Seeder* find(const PublicKey& swarm_key);
    [[nodiscard]] Seeder* find_link(CircuitId circuit);
    [[nodiscard]] std::map<PublicKey, Seeder>& all() noexcept { return seeders_; }
    [[nodiscard]] const std::map<PublicKey, Seeder>& all() const noexcept { return seeders_; }
    /// Addresses of introduction points, each once.
    [[nodiscard]] std::vector<IntroductionPoint> points() const;

private:
    bool make_room();

    std::map<PublicKey, Seeder> seeders_;
    std::map<PublicKey, TimePoint> noted_; ///< when last
};

} // namespace cepa::tunnel
