// Whom to send an introduction-request next, and which requests are waiting for an answer. Pure state: the caller
// sends. Named and remembered addresses come first and are retried; introduced ones get two tries; with nothing left a
// known peer is asked whom it knows. Process: worker 0, io thread. Spec: docs/protocol.md, section 5.3.
#pragma once

#include "base/address.hpp"
#include "base/clock.hpp"
#include "tunnel/discovery/peer_table.hpp"
#include "tunnel/environment.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace cepa::tunnel {

class Walker {
public:
    static constexpr auto kStep = std::chrono::milliseconds(500);
    static constexpr auto kUnanswered = std::chrono::seconds(3);
    /// A late answer still counts for this long.
    static constexpr auto kRequestLife = std::chrono::seconds(10);
    static constexpr std::size_t kWindow = 5;
    static constexpr std::size_t kMaxTargets = 200;
    static constexpr std::size_t kMaxTargetsPerPrefix = 8;
    static constexpr std::size_t kMaxRequests = 64;
    static constexpr std::size_t kWantedPeers = 20;

    Walker(RandomSource& random, bool equal_prefixes_allowed) : random_(random), equal_prefixes_(equal_prefixes_allowed)
    {
    }

    /// From the settings: tried until a peer lives there, less and less often, never given up.
    void add_named(const Endpoint& address, TimePoint now);
    /// Our guards: as named ones, until they are on the list no more.
    void set_guards(const std::vector<Endpoint>& addresses, TimePoint now);
    /// The network is there again: named addresses and guards are asked anew at once.
    void hurry(TimePoint now);
    /// From the last snapshot: tried at once and a few times more.
    void add_remembered(const Endpoint& address, TimePoint now);
    /// A hint from another node. Ignored when there are too many, or too many of one network.
    void add_introduced(const Endpoint& address, TimePoint now);
    /// A puncture came from there: whoever it is can be reached now.
    void on_puncture(const Endpoint& address, TimePoint now);

    /// One step of the walk, to be called every kStep: the addresses to ask now. `hungry`: more peers are wanted.
    [[nodiscard]] std::vector<Endpoint> step(const PeerTable& peers, bool hungry, TimePoint now);

    /// Draws the identifier of a request that is sent to `address` now; nullopt when too many are waiting.
    [[nodiscard]] std::optional<std::uint16_t> begin_request(const Endpoint& address, TimePoint now);
    /// Whether a request to `address` waits for its answer.
    [[nodiscard]] bool awaits(const Endpoint& address, TimePoint now) const noexcept;
    /// True when a request with this identifier to this very address waits; ends it.
    [[nodiscard]] bool finish_request(const Endpoint& address, std::uint16_t identifier, TimePoint now);
    /// Nobody is to be asked there again (it is ourselves).
    void forget(const Endpoint& address);

    [[nodiscard]] std::size_t targets() const noexcept { return targets_.size(); }

private:
    enum class Kind : std::uint8_t { named, guard, remembered, introduced };
    struct Target {
        Endpoint address;
        Kind kind = Kind::introduced;
        TimePoint due{};
        std::uint32_t tries = 0;
        bool elsewhere = false; ///< a puncture came from another port of its host
    };
    struct Request {
        Endpoint address;
        std::uint16_t identifier = 0;
        TimePoint sent{};
    };

    Target* find(const Endpoint& address) noexcept;
    [[nodiscard]] static bool is_kept(const Target& target) noexcept { return target.kind <= Kind::guard; }
    void add(const Endpoint& address, Kind kind, TimePoint now);
    [[nodiscard]] bool has_room_for(const Endpoint& address) const noexcept;
    void tidy(const PeerTable& peers, TimePoint now);
    void tried(Target& target, TimePoint now) noexcept;
    [[nodiscard]] std::size_t outstanding(TimePoint now) const noexcept;
    void pick_urgent(std::vector<Endpoint>& out, TimePoint now);
    [[nodiscard]] bool pick_introduced(std::vector<Endpoint>& out, TimePoint now);
    void pick_peer(std::vector<Endpoint>& out, const PeerTable& peers);

    RandomSource& random_;
    bool equal_prefixes_;
    std::vector<Target> targets_;
    std::vector<Request> requests_;
};

} // namespace cepa::tunnel
