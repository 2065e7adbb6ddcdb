// Answers what other nodes ask of the DHT. Every request is signed, so each costs a check: they are limited per node,
// and in all, more for those that we know. Process: worker 0, io thread. Spec: docs/protocol.md, sections 15.3 to 15.4.
#pragma once

#include "tunnel/dht/client.hpp"
#include "tunnel/dht/peer_registry.hpp"
#include "tunnel/dht/tokens.hpp"
#include "tunnel/discovery/flood_limit.hpp"

namespace cepa::tunnel {

class DhtServer {
public:
    static constexpr std::uint32_t kMostQueriesPerNode = 10;
    static constexpr std::size_t kMostValuesPerMessage = 8;
    /// Nodes or values for a stranger when many ask.
    static constexpr std::size_t kFewForStrangers = 2;

    struct Tools {
        const TunnelSettings& settings;
        const OwnAddresses& own;
        DhtNodeTable& table;
        DhtValueStore& store;
        DhtPeerRegistry& registry;
        DhtTokens& tokens;
        DhtClient& client;
        DhtSender& sender;
        MessageSender& introductions;
        DropCounts& drops;
        std::function<void(const DhtId&)> on_target; ///< hears what others look for and store
    };
    explicit DhtServer(Tools tools);

    /// A request of the DHT overlay from an address that may contact us.
    void on_packet(const Endpoint& source, ByteSpan packet, TimePoint now);

private:
    /// In a window, of packets that claim to come from a node of the table: before its signature is seen it may be
    /// anybody, who must not use up what the node may ask.
    static constexpr std::uint32_t kMostVerifiedPerAddress = 100;

    struct Asker {
        Endpoint address;
        PublicKey key;
    };
    [[nodiscard]] bool may_verify(const Endpoint& source, TimePoint now);
    [[nodiscard]] bool may_ask(const Asker& asker, TimePoint now);
    [[nodiscard]] bool answer(std::uint8_t id, const Asker& asker, ByteSpan body, TimePoint now);
    [[nodiscard]] bool on_ping(const Asker& asker, ByteSpan body, TimePoint now);
    [[nodiscard]] bool on_find(const Asker& asker, ByteSpan body, TimePoint now);
    [[nodiscard]] bool on_store(const Asker& asker, ByteSpan body, TimePoint now);
    [[nodiscard]] bool on_store_peer(const Asker& asker, ByteSpan body, TimePoint now);
    [[nodiscard]] bool on_connect_peer(const Asker& asker, ByteSpan body, TimePoint now);
    [[nodiscard]] std::size_t most_for(const Asker& asker, TimePoint now);
    void get_to_know(const Asker& asker, TimePoint now);
    void have_puncture(const Endpoint& node, const Asker& asker, const Endpoint& lan, std::uint32_t identifier,
                       TimePoint now);

    Tools tools_;
    bool addresses_differ_;                          ///< one IP is one stranger; not so on networks with equal prefixes
    DhtQueryLimit known_addresses_{kMostVerifiedPerAddress};
    DhtQueryLimit known_nodes_{kMostQueriesPerNode}; ///< of the table: strangers take no place in it
    DhtQueryLimit strangers_{kMostQueriesPerNode};
    FloodLimit known_{400, 400};
    FloodLimit unknown_{100, 200};
    FloodLimit signed_values_{100, 200};
    FloodLimit challenges_{10, 20};
    FloodLimit whole_answers_{30, 60}; ///< to strangers, who may have given somebody else's address
    FloodLimit punctures_{20, 40};
};

} // namespace cepa::tunnel
