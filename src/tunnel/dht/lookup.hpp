// One walk towards a place in the DHT: whom to ask next, what was found, when it is over. Pure state: the client sends.
// It ends when the closest nodes have answered, or enough of them gave values. Those who name nodes that do not exist
// are believed no more. Process: worker 0, io thread. Spec: docs/protocol.md, sections 15.3 and 35.
#pragma once

#include "tunnel/dht/node_table.hpp"

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

namespace cepa::tunnel {

class DhtLookup {
public:
    static constexpr std::size_t kClosest = 8;
    static constexpr std::size_t kInFlight = 4;
    static constexpr std::size_t kMostRequests = 24;
    /// Of the nodes that one answer named, so many are waited for at once.
    static constexpr std::size_t kInFlightPerReferrer = 2;
    /// Whose first ones named were all silent, the others that it named are not asked.
    static constexpr std::size_t kSilentReferrals = 3;
    /// So many nodes with values are enough, when no closer one is left to ask.
    static constexpr std::size_t kEnoughVoices = 4;
    static constexpr std::size_t kMostValues = 64;
    /// Pages of 8 values that one node is asked for.
    static constexpr std::uint32_t kMostPages = 3;

    /// Postponed: to be asked, but not before retry().
    enum class State : std::uint8_t { fresh, postponed, asked, answered, silent };
    struct Node {
        DhtId id{};
        PublicKey key;
        Endpoint address;
        std::optional<Endpoint> referrer; ///< who named it; none: we know it
        State state = State::fresh;
        std::optional<DhtToken> token;
        bool gave_values = false;
        std::uint32_t pages = 0;
    };
    /// What an answer says, as far as a lookup cares.
    struct Found {
        DhtToken token{};
        std::vector<Bytes> values;
        std::vector<DhtNode> nodes; ///< only such as we may contact
    };

    DhtLookup(const DhtId& target, bool wants_values, const std::vector<DhtContact>& start);

    [[nodiscard]] const DhtId& target() const noexcept { return target_; }
    [[nodiscard]] bool wants_values() const noexcept { return wants_values_; }
    /// The next node to ask now; it counts as asked. Null: not now.
    [[nodiscard]] const Node* next();
    /// `key` answered. True when its next page of values is worth asking for: it counts as asked again.
    bool on_answer(const PublicKey& key, const Found& found);
    void on_silence(const PublicKey& key);
    /// `key`, which next() gave out, could not be asked now. That says nothing of it.
    void postpone(const PublicKey& key);
    /// Those that were postponed may be asked again.
    void retry();
    /// Nothing is waited for, and nobody is left to ask; or there are values enough.
    [[nodiscard]] bool is_done() const;

    /// The closest nodes that answered, nearest first.
    [[nodiscard]] std::vector<Node> answered() const;
    [[nodiscard]] const std::set<Bytes>& values() const noexcept { return values_; }

private:
    Node* find(const PublicKey& key) noexcept;
    [[nodiscard]] const Node* choose() const;
    [[nodiscard]] std::size_t in_flight(const std::optional<Endpoint>& referrer) const noexcept;
    void add(const DhtNode& node, const Endpoint& referrer);
    void doubt(const Endpoint& referrer);

    DhtId target_;
    bool wants_values_;
    std::vector<Node> nodes_; ///< nearest first
    std::set<Bytes> values_;
    std::size_t voices_ = 0;
    std::size_t requests_ = 0;
};

} // namespace cepa::tunnel
