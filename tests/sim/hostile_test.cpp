// What hostile nodes and networks do to circuits: replays, changes, forgeries, floods, choosing our path for us. Where
// the protocol can prevent it, nothing may happen.
#include "support/circuit_bench.hpp"
#include "support/sim_world.hpp"
#include "tunnel/cell/payloads.hpp"
#include "tunnel/crypto/handshake.hpp"
#include "tunnel/crypto/random.hpp"
#include "tunnel/discovery/messages.hpp"
#include "tunnel/discovery/signed_packet.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <memory>
#include <set>
#include <tuple>

namespace cepa::test {
namespace {

using namespace tunnel;
using namespace std::chrono_literals;

struct HostileWorld : SimWorld {
    explicit HostileWorld(std::uint64_t seed = 1) : SimWorld(seed), client(add_client())
    {
        for (int i = 0; i < 5; ++i)
            add_relay();
        for (int i = 0; i < 2; ++i)
            add_exit();
        share();
    }
    SimNode& hop(CircuitId circuit, std::size_t index) { return node_of(view(client, circuit).hops.at(index).mid); }
    std::uint64_t drops(const std::string& why)
    {
        std::uint64_t out = 0;
        for (const auto& node : nodes)
            out += node->dropped(why);
        return out;
    }
    bool is_cell(const SimPacket& packet) const
    {
        return packet.bytes.size() >= kCellHeaderSize && packet.bytes[kMessageIdOffset] == 0 &&
               has_prefix(packet.bytes, make_prefix(client.settings().overlay));
    }
    SimNode& client;
};

/// Every cell that crosses any link, as it was sent.
std::vector<SimPacket> record(HostileWorld& world, const std::function<void()>& action)
{
    std::vector<SimPacket> out;
    world.network.tap = [&](SimPacket& packet) {
        if (world.is_cell(packet)) out.push_back(packet);
        return true;
    };
    action();
    world.network.tap = nullptr;
    return out;
}

/// What the ends have seen: data at the client, datagrams in the world, circuits anywhere.
auto effects(HostileWorld& world)
{
    std::size_t joined = 0;
    for (const auto& node : world.nodes)
        joined += node->tunnel().relays().size() + node->tunnel().exits().size();
    return std::tuple(world.client.received.size(), world.echoed.size(), joined, world.client.closed_circuits.size());
}

TEST(Hostile, ReplayedCellsHaveNoEffect)
{
    HostileWorld world;
    CircuitId circuit;
    const std::vector<SimPacket> cells = record(world, [&] {
        circuit = world.build(world.client, 3);
        for (int i = 0; i < 100; ++i)
            ASSERT_TRUE(world.echoes(world.client, circuit));
        world.network.run_for(1s);
    });
    ASSERT_GT(cells.size(), 600U);
    const auto before = effects(world);
    const CircuitView then = world.view(world.client, circuit);
    for (const SimPacket& cell : cells)
        world.network.inject(cell);
    world.network.run_for(1s);
    EXPECT_EQ(effects(world), before);
    EXPECT_EQ(world.view(world.client, circuit).hops.size(), then.hops.size());
    EXPECT_GT(world.drops("replayed"), 500U);
    // From another port they do not move anybody either.
    for (SimPacket cell : cells) {
        cell.from.port = 6666;
        world.network.inject(cell);
    }
    world.network.run_for(1s);
    EXPECT_EQ(effects(world), before);
    EXPECT_TRUE(world.echoes(world.client, circuit));
}

TEST(Hostile, ReorderedCellsArriveOnce)
{
    HostileWorld world;
    const CircuitId circuit = world.build(world.client, 3);
    world.network.conditions.jitter = 200ms;
    for (int i = 0; i < 200; ++i)
        ASSERT_TRUE(world.client.send(circuit, world.echo, utp_datagram(100)));
    world.network.run_for(3s);
    EXPECT_EQ(world.client.received.size(), 200U);
}

TEST(Hostile, FlippedAndTruncatedCellsHaveNoEffect)
{
    HostileWorld world;
    const CircuitId circuit = world.build(world.client, 3);
    ASSERT_TRUE(world.echoes(world.client, circuit));
    TestRandom random(99);
    int changed = 0;
    const auto before = effects(world);
    world.network.tap = [&](SimPacket& packet) {
        if (!world.is_cell(packet)) return true;
        ++changed;
        if (random.chance(0.5))
            packet.bytes.resize(random.below(static_cast<std::uint32_t>(packet.bytes.size())));
        else
            packet.bytes[random.below(static_cast<std::uint32_t>(packet.bytes.size()))] ^=
                static_cast<std::uint8_t>(1U << random.below(8));
        return true;
    };
    for (int i = 0; i < 2000; ++i) {
        ASSERT_TRUE(world.client.send(circuit, world.echo, utp_datagram(60)));
        world.network.run_for(5ms);
    }
    world.network.tap = nullptr;
    world.network.run_for(1s);
    EXPECT_GE(changed, 2000);
    // A flipped relay_early bit is the one change that a cell may survive: no layer covers it.
    const auto after = effects(world);
    EXPECT_LE(std::get<0>(after) - std::get<0>(before), 10U);
    EXPECT_LE(std::get<1>(after) - std::get<1>(before), 20U);
    for (const SimPacket& seen : world.echoed)
        EXPECT_TRUE(seen.bytes == utp_datagram(60) || seen.bytes == utp_datagram(400, 0));
    EXPECT_TRUE(world.echoes(world.client, circuit));
}

TEST(Hostile, EveryTruncationOfEveryKindOfCellIsHarmless)
{
    HostileWorld world;
    const std::vector<SimPacket> cells = record(world, [&] {
        const CircuitId circuit = world.build(world.client, 3);
        ASSERT_TRUE(world.echoes(world.client, circuit));
        world.network.run_for(12s); // a ping and its pong
        world.client.tunnel().close_circuit(circuit);
    });
    world.network.run_for(90s); // everybody has forgotten: creates are strangers again
    const auto before = effects(world);
    for (const SimPacket& cell : cells) {
        for (std::size_t size = 0; size < cell.bytes.size(); ++size) {
            SimPacket cut = cell;
            cut.bytes.resize(size);
            world.network.inject(cut);
        }
    }
    world.network.run_for(1s);
    EXPECT_EQ(std::get<0>(effects(world)), std::get<0>(before));
    EXPECT_EQ(std::get<1>(effects(world)), std::get<1>(before));
    EXPECT_EQ(std::get<2>(effects(world)), 0U);
}

Bytes destroy_packet(const HostileWorld& world, const PrivateKey& signer, CircuitId circuit)
{
    return build_signed(make_prefix(world.client.settings().overlay), 8, signer, std::nullopt,
                        encode_body(Destroy{circuit, 4}));
}

TEST(Hostile, DestroyIsObeyedOnlyFromTheNeighbour)
{
    HostileWorld world;
    const CircuitId circuit = world.build(world.client, 3);
    SimNode& first = world.hop(circuit, 0);
    SimNode& second = world.hop(circuit, 1);
    const RelayView at_first = first.tunnel().relays().at(0);
    const PrivateKey stranger = PrivateKey::generate();
    const auto before = effects(world);
    // A stranger's key, from the neighbour's address; the neighbour's key from elsewhere; another node of the path.
    world.network.inject({first.address(), world.client.address(), destroy_packet(world, stranger, circuit)});
    world.network.inject(
        {world.fresh_address(), world.client.address(), destroy_packet(world, *first.settings().identity, circuit)});
    world.network.inject(
        {first.address(), world.client.address(), destroy_packet(world, *second.settings().identity, circuit)});
    world.network.inject(
        {second.address(), first.address(), destroy_packet(world, *second.settings().identity, at_first.previous)});
    Bytes flipped = destroy_packet(world, *first.settings().identity, circuit);
    flipped.back() ^= 1;
    world.network.inject({first.address(), world.client.address(), flipped});
    // Right for another circuit.
    world.network.inject({first.address(), world.client.address(),
                          destroy_packet(world, *first.settings().identity, CircuitId(circuit.value + 1))});
    world.network.run_for(1s);
    EXPECT_EQ(effects(world), before);
    EXPECT_TRUE(world.echoes(world.client, circuit));
    // The real one travels to both ends.
    world.network.inject(
        {second.address(), first.address(), destroy_packet(world, *second.settings().identity, at_first.next)});
    world.network.run_for(1s);
    EXPECT_EQ(world.client.closed_circuits[circuit], "destroyed");
}

TEST(Hostile, CellsFromAnotherAddressAreDropped)
{
    HostileWorld world;
    const CircuitId circuit = world.build(world.client, 2);
    std::vector<SimPacket> held;
    world.network.tap = [&](SimPacket& packet) {
        if (!world.is_cell(packet)) return true;
        held.push_back(packet);
        return false;
    };
    ASSERT_TRUE(world.client.send(circuit, world.echo, utp_datagram(60)));
    world.network.tap = nullptr;
    ASSERT_EQ(held.size(), 1U);
    SimPacket stolen = held.front();
    stolen.from = world.fresh_address();
    world.network.inject(stolen);
    world.network.run_for(1s);
    EXPECT_TRUE(world.echoed.empty());
    EXPECT_EQ(world.drops("wrong_source"), 1U);
    world.network.inject(held.front());
    world.network.run_for(1s);
    EXPECT_EQ(world.client.received.size(), 1U);
}

TEST(Hostile, OwnPacketsLoopedBackAreDropped)
{
    HostileWorld world;
    const CircuitId circuit = world.build(world.client, 2);
    world.network.tap = [&](SimPacket& packet) {
        if (packet.from == world.client.address()) world.network.inject({packet.from, packet.from, packet.bytes}, 1ms);
        return true;
    };
    for (int i = 0; i < 5; ++i)
        EXPECT_TRUE(world.echoes(world.client, circuit));
    EXPECT_FALSE(world.client.closed(circuit));
    EXPECT_EQ(world.client.received.size(), 5U);
    // Neither do a relay's own creates make it join itself.
    world.network.tap = [&](SimPacket& packet) {
        if (packet.from != world.client.address()) world.network.inject({packet.from, packet.from, packet.bytes}, 1ms);
        return true;
    };
    world.build(world.client, 3);
    world.network.tap = nullptr;
    world.network.run_for(1s);
    std::size_t joined = 0;
    for (const auto& node : world.nodes)
        joined += node->tunnel().exits().size();
    EXPECT_EQ(joined, 2U); // the ends of the two circuits
}

TEST(Hostile, AMisroutingRelayHasNoEffect)
{
    HostileWorld world;
    const CircuitId a = world.build(world.client, 3, 1);
    const CircuitId b = world.build(world.client, 3, 2);
    // Swaps the circuit ids of everything that reaches the client.
    world.network.tap = [&](SimPacket& packet) {
        if (!world.is_cell(packet) || packet.to != world.client.address()) return true;
        const std::uint32_t id = Reader(ByteSpan(packet.bytes).subspan(kCircuitIdOffset)).u32();
        Writer writer(MutableByteSpan(packet.bytes).subspan(kCircuitIdOffset));
        writer.u32(id == a.value ? b.value : a.value);
        return true;
    };
    ASSERT_TRUE(world.client.send(a, world.echo, utp_datagram(100)));
    ASSERT_TRUE(world.client.send(b, world.echo, utp_datagram(100)));
    world.network.run_for(1s);
    EXPECT_TRUE(world.client.received.empty());
    world.network.tap = nullptr;
    EXPECT_TRUE(world.echoes(world.client, a));
    EXPECT_TRUE(world.echoes(world.client, b));
}

/// An exit whose part the test plays: it answers a create and then says what it likes.
class LyingExit {
public:
    explicit LyingExit(SimWorld& world) : world_(world), node_(world.add_exit())
    {
        world_.network.attach(node_.address(), [this](const SimPacket& packet) { receive(packet); });
    }
    void say(CircuitId circuit, const Address& origin)
    {
        OwnedPacket packet(message_bytes(Data{{}, origin, utp_datagram(100)}));
        EXPECT_TRUE(layer_->seal(aead_, packet.buffer()));
        send(packet, {circuit, false, false});
    }

private:
    void receive(const SimPacket& packet)
    {
        const auto header = read_cell_header(packet.bytes);
        if (!header || !header->plaintext) return;
        client_ = packet.from;
        const auto create = Create::parse(ByteSpan(packet.bytes).subspan(kCellHeaderSize + 1));
        auto made = answer_handshake(node_.settings().identity->x25519_secret(), EphemeralKey::generate(random_),
                                     create->ephemeral);
        layer_ = std::make_unique<Layer>(Layer::responder(std::move(made->keys)));
        const Bytes list = *layer_->seal_offer(aead_, random_, Offer{}.encode());
        OwnedPacket created(message_bytes(Created{create->identifier, made->ephemeral, made->auth, list}));
        send(created, {header->circuit, true, false});
    }
    void send(OwnedPacket& packet, const CellHeader& header)
    {
        prepend_cell_header(packet.buffer(), make_prefix(node_.settings().overlay), header);
        world_.network.send(node_.address(), client_, packet.bytes());
    }

    SimWorld& world_;
    SimNode& node_;
    SystemRandom random_;
    Aead aead_;
    Endpoint client_;
    std::unique_ptr<Layer> layer_;
};

TEST(Hostile, AnExitThatNamesAHostAsOriginCostsOneDatagram)
{
    SimWorld world;
    SimNode& client = world.add_client();
    LyingExit exit(world);
    world.share();
    const CircuitId circuit = world.build(client, 1);
    exit.say(circuit, Address("evil.example", 80));
    world.network.run_for(1s);
    EXPECT_TRUE(client.received.empty());
    EXPECT_EQ(client.dropped("unexpected_answer"), 1U);
    exit.say(circuit, world.echo);
    world.network.run_for(1s);
    EXPECT_EQ(client.received.size(), 1U);
    EXPECT_TRUE(client.closed_circuits.empty());
}

TEST(Hostile, CreateFloodIsBoundedAndLeavesRoomForOthers)
{
    SimWorld world;
    SimNode& client = world.add_client();
    TunnelSettings settings = sim_settings(world.fresh_address());
    settings.relay = settings.exit_bittorrent = true;
    SimNode& victim = world.add(settings);
    world.share();
    const Prefix prefix = make_prefix(settings.overlay);
    const PrivateKey attacker = PrivateKey::generate();
    const Endpoint from = world.fresh_address();
    std::size_t bytes_back = 0;
    std::size_t bytes_sent = 0;
    world.network.attach(from, [&](const SimPacket& packet) { bytes_back += packet.bytes.size(); });
    TestRandom random(5);
    for (int i = 0; i < 2000; ++i) {
        KeyBytes x{};
        random.fill(x);
        x[31] &= 0x7f;
        Bytes body = encode_body(Create{1, attacker.public_key(), x});
        body.insert(body.begin(), 2);
        OwnedPacket packet(body);
        prepend_cell_header(packet.buffer(), prefix,
                            {CircuitId(static_cast<std::uint32_t>(random.next())), true, false});
        bytes_sent += packet.bytes().size();
        world.network.inject({from, victim.address(), Bytes(packet.bytes().begin(), packet.bytes().end())});
        world.network.run_for(1ms);
    }
    EXPECT_LE(victim.tunnel().exits().size(), 32U);
    EXPECT_GT(victim.dropped("create_flood") + victim.dropped("create_full"), 1900U);
    EXPECT_LT(bytes_back, bytes_sent); // no reflector: unproven sources get the small answer
    // One hostile source leaves room for others.
    EXPECT_TRUE(world.echoes(client, world.build(client, 1)));
}

TEST(Hostile, ACreateForAnIdInUseIsRefused)
{
    HostileWorld world;
    const CircuitId circuit = world.build(world.client, 1);
    SimNode& exit = world.hop(circuit, 0);
    const PrivateKey attacker = PrivateKey::generate();
    Bytes body = encode_body(Create{1, attacker.public_key(), PrivateKey::generate().public_key().x25519});
    body.insert(body.begin(), 2);
    OwnedPacket packet(body);
    prepend_cell_header(packet.buffer(), make_prefix(exit.settings().overlay), {circuit, true, false});
    const Bytes create(packet.bytes().begin(), packet.bytes().end());
    for (int minute = 0; minute < 3; ++minute) {
        world.network.inject({world.fresh_address(), exit.address(), create});
        world.network.run_for(61s);
        EXPECT_TRUE(world.echoes(world.client, circuit)) << minute;
    }
}

/// Every (key, counter) is used once. The outer layer of a cell on a link is that link's session: its key is named by
/// sender, receiver and circuit id; the offer in created is sealed with the other direction's key.
TEST(Hostile, NoNonceIsUsedTwice)
{
    HostileWorld world(3);
    world.network.conditions = {20ms, 30ms, 0.02, 0.02};
    std::set<std::tuple<Endpoint, Endpoint, std::uint32_t, std::uint64_t>> used;
    std::size_t repeated = 0;
    std::size_t seen = 0;
    std::uint64_t lowest_offer = UINT64_MAX;
    world.network.tap = [&](SimPacket& packet) {
        if (!world.is_cell(packet)) return true;
        const CellHeader header = *read_cell_header(packet.bytes);
        const ByteSpan message = ByteSpan(packet.bytes).subspan(kCellHeaderSize);
        if (!header.plaintext) {
            ++seen;
            const std::uint64_t counter = Reader(message).u64();
            EXPECT_GE(counter, 2U);
            repeated += used.emplace(packet.from, packet.to, header.circuit.value, counter).second ? 0U : 1U;
        } else if (message[0] == 3) {
            const auto created = Created::parse(message.subspan(1));
            const std::uint64_t counter = Reader(created->candidates_enc).u64();
            lowest_offer = std::min(lowest_offer, counter);
            ++seen;
            repeated += used.emplace(packet.to, packet.from, header.circuit.value, counter).second ? 0U : 1U;
        }
        return true;
    };
    for (int round = 0; round < 10; ++round) {
        std::vector<CircuitId> circuits;
        for (std::uint32_t i = 0; i < 6; ++i) {
            if (const auto circuit = world.client.tunnel().create_circuit(static_cast<std::uint8_t>(1 + i % 4), i))
                circuits.push_back(*circuit);
        }
        world.network.run_for(15s);
        for (int i = 0; i < 30; ++i) {
            for (const CircuitId circuit : circuits)
                static_cast<void>(world.client.send(circuit, world.echo, utp_datagram(50)));
            world.network.run_for(20ms);
        }
        for (const CircuitId circuit : circuits)
            world.client.tunnel().close_circuit(circuit);
    }
    EXPECT_GT(seen, 5'000U);
    EXPECT_EQ(repeated, 0U);
    EXPECT_GE(lowest_offer, kOfferCounterBase);
}

TEST(Hostile, NeitherKeysNorAddressesOfTheClientShowBeyondTheFirstHop)
{
    HostileWorld world;
    const EncodedKey identity = world.client.key().encode();
    std::set<Bytes> node_keys;
    std::size_t identity_seen = 0;
    world.network.tap = [&](SimPacket& packet) {
        const ByteSpan bytes = packet.bytes;
        identity_seen += std::ranges::search(bytes, identity).empty() ? 0U : 1U;
        if (world.is_cell(packet) && packet.from == world.client.address() && bytes[kCellHeaderSize] == 2 &&
            bytes[27] == 1) {
            const auto create = Create::parse(bytes.subspan(kCellHeaderSize + 1));
            const EncodedKey key = create->node_key.encode();
            node_keys.emplace(key.begin(), key.end());
            EXPECT_EQ(bytes[28], 0); // relay_early only on extend
        }
        return true;
    };
    for (int i = 0; i < 5; ++i) {
        const CircuitId circuit = world.build(world.client, 3);
        ASSERT_TRUE(world.echoes(world.client, circuit));
        world.client.tunnel().close_circuit(circuit);
    }
    world.network.run_for(1s);
    EXPECT_EQ(node_keys.size(), 5U); // one of its own for each circuit
    EXPECT_EQ(identity_seen, 0U);
}

/// Hostile relays offer only each other. Our path is drawn from our own view, so the share of paths with two of them is
/// what chance gives.
TEST(Hostile, AnEvilFirstHopCannotChooseTheRest)
{
    constexpr int kNodes = 20;
    constexpr int kEvil = 5;
    SimWorld world(11);
    std::set<Mid> evil;
    std::vector<SimNode*> evil_nodes;
    for (int i = 0; i < kNodes; ++i) {
        SimNode& node = world.add_relay();
        if (i >= kEvil) continue;
        evil.insert(node.key().mid());
        evil_nodes.push_back(&node);
    }
    for (int i = 0; i < 4; ++i)
        world.add_exit();
    std::vector<Candidate> colluders;
    for (SimNode* node : evil_nodes)
        colluders.push_back(node->candidate());
    world.share();
    for (SimNode* node : evil_nodes)
        node->tunnel().share(colluders, {node->address()}, {});
    int two = 0;
    int built = 0;
    for (int i = 0; i < 1000; ++i) {
        // A new client each time: guards are drawn anew.
        SimNode& client = world.add_client();
        world.share_with(client);
        const auto circuit = client.tunnel().create_circuit(4, 0);
        ASSERT_TRUE(circuit);
        if (!world.network.run_until([&] { return client.ready(*circuit) || client.closed(*circuit); })) break;
        if (!client.ready(*circuit)) {
            world.nodes.pop_back();
            continue;
        }
        ++built;
        int colluding = 0;
        for (const HopView& hop : world.view(client, *circuit).hops)
            colluding += evil.contains(hop.mid) ? 1 : 0;
        two += colluding >= 2 ? 1 : 0;
        client.tunnel().shut_down();
        world.network.run_for(1s);
        world.nodes.pop_back();
        if (i % 10 == 9) world.network.run_for(20s); // create limits of the relays
    }
    ASSERT_GT(built, 900);
    // Three relay positions drawn without replacement from 20, of which 5 are hostile.
    const double p2 = 3.0 * (5.0 * 4.0 * 15.0) / (20.0 * 19.0 * 18.0) + (5.0 * 4.0 * 3.0) / (20.0 * 19.0 * 18.0);
    const double expected = built * p2;
    EXPECT_LE(two, expected + 3 * std::sqrt(expected * (1 - p2)));
    EXPECT_GE(two, expected - 4 * std::sqrt(expected * (1 - p2))); // the hostile ones were used at all
}

/// Twelve relays and four exits of which some are of one owner, who sees which extends pass and swallows those that
/// leave his own nodes. `share` counts how often the second hop is his, among paths that were completed.
struct DroppingWorld : SimWorld {
    explicit DroppingWorld(std::uint64_t seed) : SimWorld(seed), client(add_client())
    {
        for (int i = 0; i < 12; ++i)
            add_relay();
        for (int i = 0; i < 4; ++i)
            add_exit();
        for (std::size_t i = 1; i < nodes.size(); i += 4)
            his.insert(nodes[i]->address()); // 3 relays, 1 exit
        share();
        // A create that one of his nodes sends to a node that is not his is the silence that is meant to steer us.
        network.tap = [this](SimPacket& packet) {
            const bool create = packet.bytes.size() > kCellHeaderSize && packet.bytes[kMessageIdOffset] == 0 &&
                                read_cell_header(packet.bytes)->plaintext &&
                                packet.bytes[kCellHeaderSize] == static_cast<std::uint8_t>(MessageId::create);
            return !create || !his.contains(packet.from) || his.contains(packet.to);
        };
    }
    SimNode& client;
    std::set<Endpoint> his;
};

TEST(Hostile, SilenceDoesNotSteerThePath)
{
    int paths = 0;
    int second_is_his = 0;
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        DroppingWorld world(seed);
        for (int i = 0; i < 30; ++i) {
            const auto circuit = world.client.tunnel().create_circuit(3, 0);
            ASSERT_TRUE(circuit);
            world.network.run_until([&] { return world.client.ready(*circuit) || world.client.closed(*circuit); }, 61s);
            if (!world.client.ready(*circuit)) continue;
            ++paths;
            if (world.his.contains(world.view(world.client, *circuit).hops[1].address)) ++second_is_his;
            world.client.tunnel().close_circuit(*circuit);
        }
    }
    ASSERT_GT(paths, 600);
    // A quarter of the relays is his. Honest guards give him less, as his second hops only go on to his own exit.
    EXPECT_LT(second_is_his, paths / 4) << paths;
}

TEST(Hostile, PlainRelaysStandInTheMiddleAlthoughNobodySaysWhoIsReachable)
{
    SimWorld world(11);
    SimNode& client = world.add_client();
    for (int i = 0; i < 12; ++i)
        world.add_relay();
    for (int i = 0; i < 5; ++i)
        world.add_exit();
    // Half of the plain relays are behind NATs: who has not talked to them cannot create there.
    std::set<Endpoint> hidden;
    for (std::size_t i = 1; i <= 12; i += 2)
        hidden.insert(world.nodes[i]->address());
    std::set<std::pair<Endpoint, Endpoint>> opened;
    world.network.tap = [&](SimPacket& packet) {
        opened.emplace(packet.from, packet.to);
        const bool direct = packet.from.ip == client.address().ip; // we walked to them
        return direct || !hidden.contains(packet.to) || opened.contains({packet.to, packet.from});
    };
    world.share_with(client, false); // what the walk tells of deployed peers: exits only are reachable for sure
    int middle = 0;
    int exits = 0;
    for (std::uint32_t i = 0; i < 120; ++i) {
        const auto circuit = client.tunnel().create_circuit(3, 0);
        ASSERT_TRUE(circuit);
        world.network.run_until([&] { return client.ready(*circuit) || client.closed(*circuit); }, 61s);
        if (i < 40 || !client.ready(*circuit)) continue; // it has to learn first
        ++middle;
        if (has(world.view(client, *circuit).hops[1].flags, PeerFlag::exit_bittorrent)) ++exits;
    }
    ASSERT_GT(middle, 40);
    EXPECT_LT(exits, middle / 4);
}

} // namespace
} // namespace cepa::test
