#include "tunnel/circuit/last_hop.hpp"

#include "tunnel/cell/hidden_payloads.hpp"
#include "tunnel/discovery/signed_packet.hpp"

#include "support/candidates.hpp"
#include "support/circuit_bench.hpp"

#include <gtest/gtest.h>

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;

const Endpoint kSource{IpAddress::v4(0x33640001), 1000};
constexpr CircuitId kId(11);

/// A node that answers create and extend, without the rest of a Tunnel: joining and the last hop together.
class LastHopTest : public ::testing::Test {
protected:
    LastHopTest()
    {
        init_crypto();
        settings_.overlay = bench_.overlay();
        settings_.relay = settings_.exit_bittorrent = settings_.public_network = true;
        settings_.discover = false;
        settings_.identity = PrivateKey::generate();
        settings_.identity_public = settings_.identity->public_key();
        start();
    }
    void start()
    {
        discovery_ = std::make_unique<Discovery>(settings_, bench_.environment);
        exits_ = std::make_unique<Exits>(Exits::Tools{settings_, bench_.environment, bench_.routes, bench_.sender,
                                                      bench_.aead, bench_.counters, bench_.rate, bench_.budget});
        joined_ = std::make_unique<JoinedCircuits>(bench_.routes);
        relays_ = std::make_unique<Relays>(Relays::Tools{bench_.routes, bench_.sender, bench_.aead, bench_.counters,
                                                         bench_.budget, &*settings_.identity},
                                           0);
        joining_ = std::make_unique<Joining>(Joining::Tools{settings_, bench_.environment, bench_.routes, bench_.sender,
                                                            bench_.aead, bench_.counters, bench_.budget, *discovery_,
                                                            *joined_, *relays_});
        last_hop_ = std::make_unique<LastHop>(
            LastHop::Tools{bench_.sender, bench_.aead, bench_.counters, bench_.random, bench_.rate, bench_.budget,
                           *joining_, *exits_, [this](ByteSpan hash) { hashes_.emplace_back(hash.begin(), hash.end()); }});
    }
    void know(const std::vector<Candidate>& candidates) { discovery_->share(candidates, {{IpAddress::v4(0x33630001), 8090}}); }
    void create(CircuitId id, const Endpoint& from = kSource)
    {
        x_ = EphemeralKey::generate(bench_.random);
        joining_->on_create(from, id, encode_body(Create{5, originator_.public_key(), x_.public_key}), bench_.now());
    }
    /// Takes the created that was sent and makes the originator's layer; returns the offer.
    Offer finish()
    {
        const test::SentPacket sent = bench_.packets.take();
        const auto created = Created::parse(sent.message().subspan(1));
        EXPECT_EQ(created->identifier, 5);
        auto keys = finish_handshake(x_, settings_.identity_public.x25519, created->ephemeral, created->auth);
        EXPECT_TRUE(keys);
        layer_ = std::make_unique<Layer>(Layer::initiator(std::move(*keys)));
        return *Offer::parse(*layer_->open_offer(bench_.aead, created->candidates_enc));
    }
    void join()
    {
        create(kId);
        static_cast<void>(finish());
    }
    bool cell(ByteSpan message, bool early = false, const Endpoint& from = kSource)
    {
        const Bytes bytes = bench_.cell(kId, message, {layer_.get()}, early);
        return receive(bytes, from);
    }
    bool receive(ByteSpan bytes, const Endpoint& from = kSource)
    {
        test::OwnedPacket packet(bytes);
        return last_hop_->on_cell(bench_.routes.find(kId).joined(), from, *read_cell_header(bytes), packet.buffer(),
                                  bench_.now());
    }
    void extend(const PublicKey& key, const Endpoint& address)
    {
        cell(test::message_bytes(Extend{9, key, x_.public_key, address}), true);
    }
    template <class Message>
    Message reply()
    {
        const Bytes plain = bench_.open(bench_.packets.take(), {layer_.get()});
        EXPECT_FALSE(plain.empty());
        EXPECT_EQ(plain[0], static_cast<std::uint8_t>(Message::kId));
        replied_ = plain;
        return *Message::parse(ByteSpan(replied_).subspan(1));
    }

    test::CircuitBench bench_;
    TunnelSettings settings_;
    std::unique_ptr<Discovery> discovery_;
    std::unique_ptr<Exits> exits_;
    std::unique_ptr<JoinedCircuits> joined_;
    std::unique_ptr<Relays> relays_;
    std::unique_ptr<Joining> joining_;
    std::unique_ptr<LastHop> last_hop_;
    std::vector<Bytes> hashes_;
    PrivateKey originator_ = PrivateKey::generate();
    EphemeralKey x_;
    std::unique_ptr<Layer> layer_;
    Bytes replied_;
};

TEST_F(LastHopTest, AnswersPings)
{
    join();
    EXPECT_TRUE(cell(test::message_bytes(Ping{321})));
    EXPECT_EQ(reply<Pong>().identifier, 321);
}

TEST_F(LastHopTest, AnswersTestsOfBothKindsWithAtMostEightTimesTheRequest)
{
    join();
    cell(test::message_bytes(TestRequest{3, 500, Bytes(97)}));
    EXPECT_EQ(reply<TestResponse>().data.size(), 500U);
    cell(test::message_bytes(TestRequest{4, 65535, Bytes(5)}));
    EXPECT_EQ(reply<TestResponse>().data.size(), 8U * 10U);
    cell(test::message_bytes(NativeTestRequest{0x12345678, 65535, Bytes(1000)}));
    const auto native = reply<NativeTestResponse>();
    EXPECT_EQ(native.identifier, 0x12345678U);
    EXPECT_EQ(native.data.size(), 1300U);
}

TEST_F(LastHopTest, DropsWhatIsNotTheNeighboursOrCameBefore)
{
    join();
    const Bytes ping = bench_.cell(kId, test::message_bytes(Ping{1}), {layer_.get()});
    EXPECT_FALSE(receive(ping, {IpAddress::v4(0x33640002), 1000}));
    EXPECT_EQ(bench_.dropped(Drop::wrong_source), 1U);
    EXPECT_TRUE(receive(ping));
    EXPECT_FALSE(receive(ping));
    EXPECT_EQ(bench_.dropped(Drop::replayed), 1U);
    Bytes changed = bench_.cell(kId, test::message_bytes(Ping{1}), {layer_.get()});
    changed.back() ^= 1;
    EXPECT_FALSE(receive(changed));
    EXPECT_EQ(bench_.dropped(Drop::bad_tag), 1U);
}

TEST_F(LastHopTest, RefusesWhatTheRulesForbid)
{
    join();
    cell(Bytes{}); // a message without an id
    cell(test::message_bytes(Extend{9, test::key_number(1), x_.public_key, kSource}), false); // not early
    cell(test::message_bytes(Create{1, originator_.public_key(), x_.public_key}));             // create inside layers
    EXPECT_EQ(bench_.dropped(Drop::refused_cell), 3U);
    cell(Bytes{99});
    EXPECT_EQ(bench_.dropped(Drop::unknown_message), 1U);
    EXPECT_TRUE(bench_.packets.sent.empty());
}

TEST_F(LastHopTest, FollowsTheNeighboursPort)
{
    join();
    cell(test::message_bytes(Ping{1}), false, {kSource.ip, 1001});
    EXPECT_EQ(bench_.packets.sent.at(0).to.port, 1001);
}

TEST_F(LastHopTest, TellsOfLookupHashesThatAreNamed)
{
    join();
    cell(test::message_bytes(PeersRequest{1, LookupHash{7, 8, 9}}));
    ASSERT_EQ(hashes_.size(), 1U);
    EXPECT_EQ(hashes_[0][0], 7);
}

// --- joining ---------------------------------------------------------------------------------------------------------

TEST_F(LastHopTest, OffersRelaysAndExitsToTheVerifiedOnly)
{
    std::vector<Candidate> network;
    for (std::uint32_t n = 0; n < 16; ++n)
        network.push_back(test::candidate_number(n, n < 6 ? test::kExitFlags : test::kRelayFlags));
    Candidate verified = test::candidate_number(50);
    verified.address = kSource;
    network.push_back(verified);
    know(network);
    create(CircuitId(1), {IpAddress::v4(0x33650001), 1});
    const std::size_t small = bench_.packets.sent.at(0).bytes.size();
    EXPECT_LE(small, 142U); // no more than the create
    Offer offer = finish();
    EXPECT_TRUE(offer.relays.empty() && offer.exits.empty());
    create(CircuitId(2));
    offer = finish();
    EXPECT_EQ(offer.relays.size(), 4U);
    EXPECT_EQ(offer.exits.size(), 4U);
    for (const PublicKey& key : offer.relays) EXPECT_NE(key, verified.key); // not itself
}

TEST_F(LastHopTest, AnAddressThatProvedItselfIsVerifiedToo)
{
    know({test::candidate_number(1), test::candidate_number(2)});
    create(kId);
    EXPECT_TRUE(finish().relays.empty());
    cell(test::message_bytes(Ping{1}));
    static_cast<void>(reply<Pong>());
    create(CircuitId(12));
    EXPECT_EQ(finish().relays.size(), 2U);
}

TEST_F(LastHopTest, CreatesAreIgnoredWithoutARoleFromUsAndWhenFull)
{
    create(CircuitId(1), {IpAddress::v4(0x33630001), 5}); // unknown yet to be ours
    EXPECT_EQ(bench_.packets.sent.size(), 1U);
    know({});
    create(CircuitId(2), {IpAddress::v4(0x33630001), 8090});
    EXPECT_EQ(bench_.dropped(Drop::create_from_self), 1U);
    for (std::uint32_t n = 0; n < 150; ++n) {
        bench_.clock.advance(1s);
        create(CircuitId(100 + n), {IpAddress::v4(0x34000001 + (n << 16U)), 1});
    }
    EXPECT_EQ(joined_->size(), 100U);
    EXPECT_EQ(bench_.dropped(Drop::create_full), 51U);
    settings_.relay = settings_.exit_bittorrent = false;
    bench_.packets.sent.clear();
    create(CircuitId(3));
    EXPECT_EQ(bench_.dropped(Drop::no_role), 1U);
    EXPECT_TRUE(bench_.packets.sent.empty());
}

TEST_F(LastHopTest, MalformedCreatesAreDropped)
{
    const Bytes whole = encode_body(Create{5, originator_.public_key(), EphemeralKey::generate(bench_.random).public_key});
    for (std::size_t size = 0; size < whole.size(); ++size)
        joining_->on_create(kSource, kId, ByteSpan(whole).first(size), bench_.now());
    EXPECT_EQ(bench_.dropped(Drop::malformed), whole.size());
    joining_->on_create(kSource, kId, encode_body(Create{5, originator_.public_key(), KeyBytes{}}), bench_.now());
    EXPECT_EQ(bench_.dropped(Drop::malformed), whole.size() + 1); // a point of small order
    EXPECT_TRUE(bench_.packets.sent.empty());
    EXPECT_EQ(joined_->size(), 0U);
}

TEST_F(LastHopTest, ExtendsByAddressAndBecomesARelay)
{
    join();
    const PrivateKey next = PrivateKey::generate();
    const Endpoint address{IpAddress::v4(0x33700001), 7};
    extend(next.public_key(), address);
    const test::SentPacket sent = bench_.packets.take();
    EXPECT_EQ(sent.to, address);
    const auto create = Create::parse(sent.message().subspan(1));
    ASSERT_TRUE(create);
    EXPECT_EQ(create->node_key, settings_.identity_public);
    EXPECT_EQ(create->ephemeral, x_.public_key);
    const CircuitId link = sent.header().circuit;
    EXPECT_FALSE(sent.header().relay_early);
    const Bytes list(30, 3);
    const Created created{create->identifier, KeyBytes{1}, HandshakeAuth{2}, list};
    const Bytes body = encode_body(created);
    JoinedCircuit& circuit = bench_.routes.find(link).joined();
    // Not by a stranger, not with another identifier.
    joining_->on_created(circuit, {IpAddress::v4(0x33700002), 7}, link, body, bench_.now());
    Created other = created;
    ++other.identifier;
    joining_->on_created(circuit, address, link, encode_body(other), bench_.now());
    EXPECT_TRUE(bench_.packets.sent.empty());
    joining_->on_created(circuit, address, link, body, bench_.now());
    const auto extended = reply<Extended>();
    EXPECT_EQ(extended.identifier, 9);
    EXPECT_EQ(extended.ephemeral, KeyBytes{1});
    EXPECT_TRUE(std::ranges::equal(extended.candidates_enc, list));
    EXPECT_EQ(bench_.routes.find(kId).kind, RouteKind::relay_forward);
    EXPECT_EQ(bench_.routes.find(link).kind, RouteKind::relay_backward);
    EXPECT_EQ(relays_->size(), 1U);
    EXPECT_EQ(joined_->size(), 0U);
}

TEST_F(LastHopTest, TheFirstAnswerOfSeveralExtendsWins)
{
    join();
    std::vector<CircuitId> links;
    std::vector<Create> creates;
    for (std::uint32_t n = 0; n < 3; ++n) {
        extend(test::key_number(n), {IpAddress::v4(0x33700001 + n), 7});
        const test::SentPacket sent = bench_.packets.take();
        links.push_back(sent.header().circuit);
        creates.push_back(*Create::parse(sent.message().subspan(1)));
    }
    extend(test::key_number(3), {IpAddress::v4(0x33700009), 7});
    EXPECT_EQ(bench_.dropped(Drop::extend_refused), 1U); // three at a time
    joining_->on_created(bench_.routes.find(links[1]).joined(), {IpAddress::v4(0x33700002), 7}, links[1],
                         encode_body(Created{creates[1].identifier, {}, {}, {}}), bench_.now());
    EXPECT_EQ(relays_->size(), 1U);
    EXPECT_EQ(bench_.routes.find(links[0]).kind, RouteKind::lingering);
    EXPECT_EQ(bench_.routes.find(links[1]).kind, RouteKind::relay_backward);
    EXPECT_EQ(bench_.routes.find(links[2]).kind, RouteKind::lingering);
}

TEST_F(LastHopTest, RefusesToExtendToOurselvesBackOrNowhere)
{
    know({});
    join();
    const PublicKey key = test::key_number(1);
    extend(key, {});                                           // not offered and no address
    extend(settings_.identity_public, {IpAddress::v4(0x33700001), 7});
    extend(key, {IpAddress::v4(0x33630001), 8090});            // our address
    extend(key, kSource);                                      // straight back
    extend(key, {IpAddress::v4(0x7f000001), 7});
    extend(key, {IpAddress::v4(0x0a000001), 7});
    EXPECT_EQ(bench_.dropped(Drop::extend_refused), 6U);
    EXPECT_TRUE(bench_.packets.sent.empty());
    extend(key, {IpAddress::v4(0x33700001), 7});
    EXPECT_EQ(bench_.dropped(Drop::extend_refused), 7U); // six tries per circuit
}

TEST_F(LastHopTest, ExtendsOnlyInTheFirstMinute)
{
    join();
    for (int i = 0; i < 7; ++i) {
        bench_.clock.advance(9s);
        cell(test::message_bytes(Ping{1}));
    }
    bench_.packets.sent.clear();
    extend(test::key_number(1), {IpAddress::v4(0x33700001), 7});
    EXPECT_EQ(bench_.dropped(Drop::extend_refused), 1U);
    EXPECT_TRUE(bench_.packets.sent.empty());
}

TEST_F(LastHopTest, AnOfferedNodeNeedsNoAddress)
{
    Candidate offered = test::candidate_number(3);
    Candidate us = test::candidate_number(4);
    us.address = kSource;
    know({offered, us});
    join();
    extend(offered.key, {});
    EXPECT_EQ(bench_.packets.take().to, offered.address);
    // A key that we know is reached where we know it to be, whatever the originator says.
    extend(offered.key, {IpAddress::v4(0x33700001), 7});
    EXPECT_EQ(bench_.packets.take().to, offered.address);
}

} // namespace
} // namespace cepa::tunnel
