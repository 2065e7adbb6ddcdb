// The nodes of the DHT that this node knows: at most 8 for each number of leading bits shared with its own id, which is
// what buckets that split only around the own id come to. Only nodes that answered a request of ours get in, so that
// nobody is talked about, or asked, because a third one named it. Pure state. Process: worker 0, io thread.
// Spec: docs/protocol.md, sections 15.1, 15.3 and 35.
#pragma once

#include "base/clock.hpp"
#include "tunnel/dht/dht_distance.hpp"

#include <optional>
#include <vector>

namespace cepa::tunnel {

struct DhtContact {
    DhtId id{};
    PublicKey key;
    Endpoint address;
    TimePoint last_heard{};
    TimePoint last_ping{};
    std::uint32_t failures = 0;    ///< requests in a row that it did not answer
    std::optional<DhtToken> token; ///< what it gave us last, for storing there
    TimePoint token_since{};
};

class DhtNodeTable {
public:
    static constexpr std::size_t kBucketSize = 8;
    static constexpr std::size_t kMostNodes = 512;
    static constexpr std::uint32_t kBadAfter = 2;
    static constexpr std::uint32_t kGoneAfter = 4;
    static constexpr auto kGoodFor = std::chrono::minutes(15);
    static constexpr auto kTokenLife = std::chrono::seconds(600);
    /// A living node is asked whether it still does after this silence; one that failed, sooner.
    static constexpr auto kPingAfter = std::chrono::seconds(45);
    static constexpr auto kPingAgain = std::chrono::seconds(5);
    /// Ids depend on addresses so that one host cannot be everywhere; neither can one network.
    static constexpr std::size_t kMostPerIp = 2;
    static constexpr std::size_t kMostPerPrefix = 8;

    explicit DhtNodeTable(bool equal_prefixes_allowed) : equal_prefixes_(equal_prefixes_allowed) {}

    /// Our own place; nodes that no longer fit their bucket leave.
    void set_own_id(const DhtId& id);
    [[nodiscard]] const DhtId& own_id() const noexcept { return own_; }

    /// `key` answered from `address`. False when there is no room for it.
    bool on_answer(const PublicKey& key, const Endpoint& address, TimePoint now);
    /// `key` asked us something from `address`: refreshes one that is known there, which it says.
    bool on_query(const PublicKey& key, const Endpoint& address, TimePoint now) noexcept;
    void on_failure(const Endpoint& address) noexcept;
    void take_token(const PublicKey& key, const DhtToken& token, TimePoint now) noexcept;

    /// The nodes closest to `target` that are not bad, nearest first; `except` is left out.
    [[nodiscard]] std::vector<DhtContact> closest(const DhtId& target, std::size_t count,
                                                  const PublicKey* except = nullptr) const;
    /// How many of the 20 nodes closest to `target` are closer to it than we are.
    [[nodiscard]] std::size_t closer_than_us(const DhtId& target) const;
    /// Whom to ping now; it counts as pinged.
    [[nodiscard]] std::vector<DhtContact> due_pings(TimePoint now);
    /// Forgets those that have been silent too often.
    void tidy();

    [[nodiscard]] const DhtContact* find(const PublicKey& key) const noexcept;
    [[nodiscard]] const DhtContact* at(const Endpoint& address) const noexcept;
    [[nodiscard]] const std::vector<DhtContact>& all() const noexcept { return nodes_; }
    [[nodiscard]] std::size_t size() const noexcept { return nodes_.size(); }

private:
    [[nodiscard]] bool has_place_for(const DhtContact& node) const noexcept;
    bool make_room(const DhtId& id, TimePoint now);
    bool add(DhtContact node, TimePoint now);

    bool equal_prefixes_;
    DhtId own_{};
    std::vector<DhtContact> nodes_;
};

} // namespace cepa::tunnel
