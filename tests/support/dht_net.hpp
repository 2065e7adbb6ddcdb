// A network of DHT nodes in a SimNetwork: nothing but the overlay itself, so that many of them live for hours. And a
// node that the test plays by hand, which signs whatever it is told to.
#pragma once

#include "support/no_world.hpp"
#include "support/sim_network.hpp"
#include "support/test_random.hpp"
#include "tunnel/dht/dht.hpp"
#include "tunnel/error.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cepa::test::dht {

using namespace cepa::tunnel;

/// Sends everything at once.
class DirectSender final : public PacketSender {
public:
    DirectSender(SimNetwork& network, const Endpoint& from) : network_(network), from_(from) {}
    void queue(const Endpoint& to, ByteSpan packet, CircuitId) override { network_.send(from_, to, packet); }
    void flush() override {}
    void send_now(const Endpoint& to, ByteSpan packet) override { network_.send(from_, to, packet); }

private:
    SimNetwork& network_;
    Endpoint from_;
};

/// What the parts of one node need of the world.
struct World {
    World(SimNetwork& network, const Endpoint& at, std::uint64_t seed) : random(seed), packets(network, at) {}

    TestRandom random;
    DirectSender packets;
    NoExits sockets;
    NoNames names;
    AllMine ids;
    [[nodiscard]] Environment environment(const Clock& clock)
    {
        return Environment{clock, random, packets, sockets, names, ids};
    }
};

/// The settings of a node at `listen` in a private network.
inline TunnelSettings settings_at(const Endpoint& listen)
{
    init_crypto();
    TunnelSettings out;
    out.overlay = {0xd4, 0x17};
    out.identity = PrivateKey::generate();
    out.identity_public = out.identity->public_key();
    out.listen = listen;
    out.relay = true;
    return out;
}

/// 10.<n>.0.1:8090 and on: each in a /16 of its own.
inline Endpoint address_number(unsigned n)
{
    return {IpAddress::v4((10U << 24U) + (n << 16U) + 1U), 8090};
}

class Node {
public:
    Node(SimNetwork& network, TunnelSettings s, std::uint64_t seed)
        : settings(std::move(s)), network_(network), world_(network, settings.listen, seed),
          environment_(world_.environment(network.clock())), own(settings),
          dht(std::make_unique<Dht>(OverlayMember::Tools{settings, environment_, own, drops}))
    {
        network_.attach(settings.listen,
                        [this](const SimPacket& packet) { dht->on_packet(packet.from, packet.bytes); });
        ticking_ = network_.every(std::chrono::milliseconds(50), [this] { dht->tick(); });
    }
    ~Node() { die(); }
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    void die()
    {
        network_.cancel(ticking_);
        network_.detach(settings.listen);
    }
    [[nodiscard]] const Endpoint& address() const { return settings.listen; }
    [[nodiscard]] const PublicKey& key() const { return settings.identity_public; }
    [[nodiscard]] std::uint64_t dropped(const std::string& why) const
    {
        const auto found = drops.find(why);
        return found == drops.end() ? 0 : found->second;
    }

    TunnelSettings settings;

private:
    SimNetwork& network_;
    World world_;
    Environment environment_;

public:
    DropCounts drops;
    OwnAddresses own;
    std::unique_ptr<Dht> dht;

private:
    std::size_t ticking_ = 0;
};

struct Net {
    explicit Net(std::uint64_t seed = 1) : network(seed), seed_(seed) {}

    Node& add() { return add(settings_at(address_number(++last_))); }
    Node& add(TunnelSettings settings)
    {
        if (settings.walk_to.empty() && !nodes.empty()) settings.walk_to = {nodes.front()->address()};
        nodes.push_back(std::make_unique<Node>(network, std::move(settings), seed_ * 1000 + nodes.size()));
        return *nodes.back();
    }
    /// `count` nodes that have found each other.
    void grow(std::size_t count)
    {
        for (std::size_t i = 0; i < count; ++i)
            add();
        network.run_for(std::chrono::seconds(40));
    }
    /// What a lookup from `node` finds.
    std::vector<Bytes> find(Node& node, const DhtId& key)
    {
        std::optional<std::vector<Bytes>> out;
        node.dht->find_values(key, [&](const DhtClient::Result& result) { out = result.values; });
        EXPECT_TRUE(network.run_until([&] { return out.has_value(); }, std::chrono::seconds(20)));
        return out.value_or(std::vector<Bytes>{});
    }
    /// How many nodes took it.
    std::size_t store(Node& node, const DhtId& key, const Bytes& value)
    {
        std::optional<std::size_t> out;
        node.dht->store(key, value, [&](std::size_t nodes_with) { out = nodes_with; });
        EXPECT_TRUE(network.run_until([&] { return out.has_value(); }, std::chrono::seconds(30)));
        return out.value_or(0);
    }

    SimNetwork network;
    std::vector<std::unique_ptr<Node>> nodes;

private:
    std::uint64_t seed_;
    unsigned last_ = 0;
};

/// A node that the test plays by hand.
class Stranger {
public:
    Stranger(SimNetwork& network, const Endpoint& at) : address(at), key(PrivateKey::generate()), network_(network)
    {
        network_.attach(address, [this](const SimPacket& packet) { received.push_back(packet); });
    }
    ~Stranger() { network_.detach(address); }
    Stranger(const Stranger&) = delete;
    Stranger& operator=(const Stranger&) = delete;

    template <class Message>
    [[nodiscard]] Bytes sign(std::uint8_t id, const Message& message) const
    {
        return build_signed(make_prefix(kDhtOverlay), id, key, std::nullopt, encode_body(message));
    }
    template <class Message>
    void send(const Endpoint& to, std::uint8_t id, const Message& message)
    {
        network_.send(address, to, sign(id, message));
    }
    /// The body of the newest message `id` that came, opened; nullopt when none did.
    template <class Message>
    [[nodiscard]] std::optional<Message> last(std::uint8_t id)
    {
        for (auto packet = received.rbegin(); packet != received.rend(); ++packet) {
            if (packet->bytes.size() <= kMessageIdOffset || packet->bytes[kMessageIdOffset] != id) continue;
            const auto opened = open_signed(packet->bytes, TimeField::absent);
            if (opened) return Message::parse(opened->body);
        }
        return std::nullopt;
    }
    [[nodiscard]] std::size_t count(std::uint8_t id) const
    {
        return static_cast<std::size_t>(std::ranges::count_if(received, [id](const SimPacket& packet) {
            return packet.bytes.size() > kMessageIdOffset && packet.bytes[kMessageIdOffset] == id;
        }));
    }

    Endpoint address;
    PrivateKey key;
    std::vector<SimPacket> received;

private:
    SimNetwork& network_;
};

} // namespace cepa::test::dht
