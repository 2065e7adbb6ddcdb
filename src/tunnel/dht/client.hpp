// What this node asks of the DHT: pings, lookups, storing. Several lookups run at once, up to a bound; a node behind a
// NAT is reached by having who named it tell it to open its way. Process: worker 0, io thread.
// Spec: docs/protocol.md, sections 15.3 and 35.
#pragma once

#include "tunnel/dht/lookup.hpp"
#include "tunnel/dht/requests.hpp"
#include "tunnel/dht/value_store.hpp"
#include "tunnel/discovery/drop_counts.hpp"
#include "tunnel/discovery/own_addresses.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <vector>

namespace cepa::tunnel {

class DhtClient {
public:
    static constexpr auto kTimeout = std::chrono::seconds(2);
    static constexpr auto kPingTimeout = std::chrono::seconds(5);
    /// A lookup that took so long ends with what it has: whoever asked waits ten seconds.
    static constexpr auto kLookupTime = std::chrono::seconds(8);
    static constexpr std::size_t kMostLookups = 16;
    static constexpr std::size_t kMostLookupsForOthers = 12;
    static constexpr std::size_t kMostQueued = 64; ///< of each purpose
    /// Of the values that a lookup found, so many go to the closest node that had none.
    static constexpr std::size_t kCachedValues = DhtValueStore::kMostPerKeyAndSource;

    struct Tools {
        const TunnelSettings& settings;
        const OwnAddresses& own;
        DhtNodeTable& table;
        DhtValueStore& store;
        DhtRequests& requests;
        DhtSender& sender;
        DropCounts& drops;
    };
    struct Result {
        std::vector<Bytes> values;          ///< as stored (DhtValue), unchecked
        std::vector<DhtLookup::Node> nodes; ///< the closest that answered, with their tokens
        bool failed = false;                ///< nobody was heard: that nothing was found means nothing
    };
    using Found = std::function<void(Result)>;
    using Stored = std::function<void(std::size_t nodes)>;

    explicit DhtClient(const Tools& tools) : tools_(tools) {}
    DhtClient(const DhtClient&) = delete;
    DhtClient& operator=(const DhtClient&) = delete;

    /// `done` hears later, exactly once; of values, ours are among them.
    void find(const DhtId& target, bool values, Found done, TimePoint now, DhtPurpose purpose = DhtPurpose::own);
    /// Stores on the closest nodes, ourselves included where we are one; `done` hears how many took it.
    void store(const DhtId& key, Bytes value, Stored done, TimePoint now);
    /// `done` may be empty. False when too much is being asked there, or in all.
    bool ping(const DhtRequests::To& to, DhtRequests::Done done, TimePoint now, DhtPurpose purpose = DhtPurpose::own);
    void tick(TimePoint now);

    /// 3600 s where we are among the closest, and half of it for each node too many that is closer.
    [[nodiscard]] static Duration life_of(std::size_t closer_nodes) noexcept;
    [[nodiscard]] std::size_t lookups() const noexcept { return active_.size(); }

private:
    struct Again {
        DhtRequests::To to;
        DhtFindRequest request;
        std::optional<Endpoint> referrer;
        DhtId node_id{};
        TimePoint due;
        bool asked_referrer = false;
    };
    struct Active {
        DhtLookup lookup;
        Found done;
        TimePoint deadline;
        std::vector<Again> again; ///< requests to send once more while they are unanswered
        DhtPurpose purpose = DhtPurpose::own;
    };
    struct Queued {
        DhtId target{};
        bool values = false;
        Found done;
    };
    using Queue = std::deque<Queued>;
    [[nodiscard]] bool may_begin(DhtPurpose purpose) const;
    void begin(Queued wanted, DhtPurpose purpose, TimePoint now);
    void begin_queued(TimePoint now);
    void pump(std::uint64_t number, TimePoint now);
    void ask(std::uint64_t number, const DhtLookup::Node& node, TimePoint now);
    void on_answer(std::uint64_t number, const PublicKey& key, const Endpoint& address, const SignedPacket* packet);
    void send_again(Active& active, TimePoint now);
    void finish(std::uint64_t number, TimePoint now);
    void cache(const Active& active, const std::vector<DhtLookup::Node>& nodes, TimePoint now);
    void store_at(const DhtId& key, const Bytes& value, const std::vector<DhtLookup::Node>& nodes, Stored done,
                  TimePoint now);
    bool send_store(const DhtId& key, const std::vector<ByteSpan>& values, const DhtLookup::Node& node,
                    DhtRequests::Done done, TimePoint now, DhtPurpose purpose);
    [[nodiscard]] bool keep_ourselves(const DhtId& key, const Bytes& value, const std::vector<DhtLookup::Node>& nodes,
                                      TimePoint now);

    Tools tools_;
    std::uint64_t next_ = 0;
    TimePoint now_{};
    std::map<std::uint64_t, Active> active_;
    Queue queued_;
    Queue queued_for_others_;
    std::vector<Found> refused_;
};

} // namespace cepa::tunnel
