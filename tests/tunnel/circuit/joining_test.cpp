#include "tunnel/circuit/joining.hpp"

#include "support/joined_node.hpp"

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;
using test::kId;
using test::kSource;

class JoiningTest : public test::JoinedNode {};

TEST_F(JoiningTest, OffersRelaysAndExitsToTheVerifiedOnly)
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

TEST_F(JoiningTest, AnAddressThatProvedItselfIsVerifiedToo)
{
    know({test::candidate_number(1), test::candidate_number(2)});
    create(kId);
    EXPECT_TRUE(finish().relays.empty());
    cell(test::message_bytes(Ping{1}));
    static_cast<void>(reply<Pong>());
    create(CircuitId(12));
    EXPECT_EQ(finish().relays.size(), 2U);
}

TEST_F(JoiningTest, CreatesAreIgnoredWithoutARoleFromUsAndWhenFull)
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

TEST_F(JoiningTest, MalformedCreatesAreDropped)
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

TEST_F(JoiningTest, ExtendsByAddressAndBecomesARelay)
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

TEST_F(JoiningTest, TheFirstAnswerOfSeveralExtendsWins)
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

TEST_F(JoiningTest, RefusesToExtendToOurselvesBackOrNowhere)
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

TEST_F(JoiningTest, ExtendsOnlyInTheFirstMinute)
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

/// Keeps what it is asked for until the test answers.
class SearchingRegister final : public NodeRegister {
public:
    void find_introductions(const LookupHash&, IntroductionsFound) override {}
    void find_node(const PublicKey& key, NodeFound done) override { asked.emplace_back(key, std::move(done)); }
    void register_introduction(const Introduction&, Registered) override {}
    void forget_introduction(const Introduction&) override {}
    [[nodiscard]] std::optional<CircuitId> circuit_of(const PublicKey&) const override { return std::nullopt; }

    std::vector<std::pair<PublicKey, NodeFound>> asked;
};

class JoiningSearchTest : public JoiningTest {
protected:
    JoiningSearchTest()
    {
        node_ = &register_;
        start();
    }
    SearchingRegister register_;
    const PublicKey key_ = test::key_number(1);
    const Endpoint given_{IpAddress::v4(0x33700001), 7};
    const Endpoint found_{IpAddress::v4(0x33700002), 8};
};

TEST_F(JoiningSearchTest, AnUnknownNodeIsAskedAtOnceAndAgainWhereItIsFound)
{
    join();
    extend(key_, given_);
    const test::SentPacket first = bench_.packets.take();
    EXPECT_EQ(first.to, given_);
    ASSERT_EQ(register_.asked.size(), 1U);
    register_.asked[0].second(found_);
    const test::SentPacket again = bench_.packets.take();
    EXPECT_EQ(again.to, found_);
    EXPECT_EQ(again.bytes, first.bytes); // the same create: whoever got it twice has one circuit
    const auto create = Create::parse(first.message().subspan(1));
    const CircuitId link = first.header().circuit;
    joining_->on_created(bench_.routes.find(link).joined(), found_, link,
                         encode_body(Created{create->identifier, {}, {}, {}}), bench_.now());
    EXPECT_EQ(relays_->size(), 1U);
}

TEST_F(JoiningSearchTest, WithoutAnAddressItIsFoundFirst)
{
    join();
    extend(key_, {});
    EXPECT_TRUE(bench_.packets.sent.empty());
    ASSERT_EQ(register_.asked.size(), 1U);
    EXPECT_EQ(register_.asked[0].first, key_);
    register_.asked[0].second(found_);
    EXPECT_EQ(bench_.packets.take().to, found_);
}

TEST_F(JoiningSearchTest, WhatIsFoundIsNoLessForbidden)
{
    join();
    extend(key_, {});
    register_.asked[0].second(kSource); // straight back
    EXPECT_TRUE(bench_.packets.sent.empty());
    EXPECT_EQ(bench_.dropped(Drop::extend_refused), 1U);
    extend(key_, {});
    register_.asked[1].second(std::nullopt);
    EXPECT_EQ(bench_.dropped(Drop::extend_unanswered), 1U);
}

TEST_F(JoiningSearchTest, KnownNodesAreNotSearchedAndOthersNotOften)
{
    know({test::candidate_number(3)});
    join();
    extend(test::candidate_number(3).key, {});
    EXPECT_TRUE(register_.asked.empty());
    for (std::uint32_t n = 10; n < 40; ++n) { // six extends per circuit: many circuits
        create(CircuitId(100 + n));
        if (bench_.routes.find(CircuitId(100 + n)).kind != RouteKind::joined) continue;
        joining_->on_extend(bench_.routes.find(CircuitId(100 + n)).joined(),
                            encode_body(Extend{9, test::key_number(n), x_.public_key, {}}), bench_.now());
    }
    EXPECT_LE(register_.asked.size(), 10U);
    EXPECT_GE(register_.asked.size(), 5U);
}

TEST_F(JoiningSearchTest, ACircuitThatIsGoneIsNotExtended)
{
    join();
    extend(key_, {});
    joined_->remove(kId, bench_.now());
    register_.asked[0].second(found_);
    EXPECT_TRUE(bench_.packets.sent.empty());
}

TEST_F(JoiningTest, AnOfferedNodeNeedsNoAddress)
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
