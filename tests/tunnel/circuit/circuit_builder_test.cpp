#include "support/candidates.hpp"
#include "support/circuit_bench.hpp"
#include "tunnel/circuit/circuit_builder.hpp"

#include <gtest/gtest.h>

#include <set>

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;
using Kind = BuildStep::Kind;

constexpr CircuitId kId(77);

class CircuitBuilderTest : public ::testing::Test, protected PathSource {
protected:
    CircuitBuilderTest()
    {
        init_crypto();
        for (std::uint32_t n = 0; n < 10; ++n) {
            keys_.push_back(PrivateKey::generate());
            Candidate candidate = test::candidate_number(n, n < 3 ? test::kExitFlags : test::kRelayFlags);
            candidate.key = keys_.back().public_key();
            network_.push_back(candidate);
        }
        PathRules rules;
        rules.public_network = true;
        selection_ = std::make_unique<PathSelection>(rules, std::vector<Guard>{}, bench_.random);
        selection_->guards().maintain(network_, 0, bench_.random);
    }
    void begin(Path path, PathWish wish = {})
    {
        circuit_.emplace(kId, 0, static_cast<std::uint8_t>(path.size()), PrivateKey::generate(),
                         Keepalive(bench_.now(), bench_.random));
        builder_.emplace(*circuit_, std::move(path),
                         CircuitBuilder::Tools{*selection_, *this, bench_.sender, bench_.aead, bench_.random},
                         bench_.now(), std::move(wish));
        builder_->start(bench_.now());
    }
    const PrivateKey& secret_of(const PublicKey& key)
    {
        return *std::ranges::find_if(keys_, [&](const PrivateKey& k) { return k.public_key() == key; });
    }
    /// The answer of the node with that key, and the node's layer.
    Created answer(const PublicKey& key, std::uint16_t identifier, const KeyBytes& x, const Offer& offer = {})
    {
        auto made = answer_handshake(secret_of(key).x25519_secret(), EphemeralKey::generate(bench_.random), x);
        hops_.push_back(Layer::responder(std::move(made->keys)));
        offer_ = *hops_.back().seal_offer(bench_.aead, bench_.random, offer.encode());
        return {identifier, made->ephemeral, made->auth, offer_};
    }
    static Extended as_extended(const Created& created)
    {
        return {created.identifier, created.ephemeral, created.auth, created.candidates_enc};
    }
    Create sent_create()
    {
        const test::SentPacket sent = bench_.packets.take();
        EXPECT_EQ(sent.header(), (CellHeader{kId, true, false}));
        return *Create::parse(sent.message().subspan(1));
    }
    Endpoint sent_to()
    {
        const Endpoint to = bench_.packets.sent.at(0).to;
        static_cast<void>(sent_create());
        return to;
    }
    Extend sent_extend()
    {
        const test::SentPacket sent = bench_.packets.take();
        EXPECT_EQ(sent.header(), (CellHeader{kId, false, true})); // relay_early
        EXPECT_EQ(sent.to, builder_->path()[0].address);
        test::OwnedPacket packet(sent.message());
        for (Layer& hop : hops_)
            EXPECT_TRUE(hop.open(bench_.aead, packet.buffer()));
        const auto extend = Extend::parse(packet.bytes().subspan(1));
        EXPECT_TRUE(extend);
        return *extend;
    }
    BuildStep create_answered(const Offer& offer = {})
    {
        const Create create = sent_create();
        return builder_->on_created(answer(builder_->path()[0].key, create.identifier, create.ephemeral, offer),
                                    bench_.now());
    }

    const std::vector<Candidate>& candidates() const override { return network_; }
    PathLoads loads() const override { return {}; }
    std::int64_t now_unix_s() const override { return 0; }
    void connectable(const PublicKey& key) override { reached_.insert(key); }
    void unreachable(const PublicKey& key) override { unreachable_.insert(key); }
    bool is_unreachable(const PublicKey& key) const override { return unreachable_.contains(key); }
    bool may_probe() const override { return may_probe_; }

    test::CircuitBench bench_;
    std::vector<PrivateKey> keys_;
    std::vector<Candidate> network_;
    std::unique_ptr<PathSelection> selection_;
    std::optional<Circuit> circuit_;
    std::optional<CircuitBuilder> builder_;
    std::vector<Layer> hops_;
    Bytes offer_;
    std::set<PublicKey> reached_;
    std::set<PublicKey> unreachable_;
    bool may_probe_ = false;
};

TEST_F(CircuitBuilderTest, CreatesThenExtendsUntilReady)
{
    begin({network_[5], network_[6], network_[0]});
    Offer offer;
    offer.relays = {network_[6].key, network_[7].key};
    EXPECT_EQ(create_answered(offer).kind, Kind::waiting);
    const Extend second = sent_extend();
    EXPECT_EQ(second.node_key, network_[6].key);
    EXPECT_TRUE(second.address.is_null()); // on the list
    EXPECT_EQ(
        builder_->on_extended(as_extended(answer(second.node_key, second.identifier, second.ephemeral)), bench_.now())
            .kind,
        Kind::waiting);
    EXPECT_TRUE(reached_.empty());
    const Extend last = sent_extend();
    EXPECT_EQ(last.node_key, network_[0].key);
    EXPECT_EQ(last.address, network_[0].address); // not on the list, but an exit can be reached
    EXPECT_EQ(
        builder_->on_extended(as_extended(answer(last.node_key, last.identifier, last.ephemeral)), bench_.now()).kind,
        Kind::ready);
    EXPECT_EQ(circuit_->state(), CircuitState::ready);
    EXPECT_EQ(reached_, std::set<PublicKey>{network_[0].key});
    EXPECT_TRUE(bench_.packets.sent.empty());
}

TEST_F(CircuitBuilderTest, TheOfferIsNoChoice)
{
    begin({network_[5], network_[6], network_[0]});
    Offer colluders;
    colluders.relays = {network_[8].key, network_[9].key};
    colluders.exits = {network_[1].key};
    static_cast<void>(create_answered(colluders));
    EXPECT_EQ(sent_extend().node_key, network_[6].key);
}

TEST_F(CircuitBuilderTest, AnUnreachableHopGivesWayToAReachableOne)
{
    for (Candidate& candidate : network_)
        candidate.connectable = has(candidate.flags, PeerFlag::exit_bittorrent);
    network_[9].connectable = true;
    begin({network_[5], network_[6], network_[0]});
    Offer colluders;
    colluders.relays = {network_[8].key};
    static_cast<void>(create_answered(colluders));
    const Extend extend = sent_extend();
    // From our own view, not from the offer; an exit too, as there is but one such relay.
    const std::set<PublicKey> right{network_[9].key, network_[1].key, network_[2].key};
    EXPECT_TRUE(right.contains(extend.node_key));
    EXPECT_FALSE(extend.address.is_null());
    EXPECT_FALSE(builder_->probing());
}

TEST_F(CircuitBuilderTest, AProbeGoesToThePlannedHopAndIsTheCircuitsOnlyTry)
{
    for (Candidate& candidate : network_)
        candidate.connectable = has(candidate.flags, PeerFlag::exit_bittorrent);
    may_probe_ = true;
    begin({network_[5], network_[6], network_[0]});
    static_cast<void>(create_answered());
    const Extend extend = sent_extend();
    EXPECT_EQ(extend.node_key, network_[6].key);
    EXPECT_EQ(extend.address, network_[6].address);
    EXPECT_TRUE(builder_->probing());
    bench_.clock.advance(10s);
    EXPECT_EQ(builder_->tick(bench_.now()).failed, "a hop was silent");
    EXPECT_EQ(unreachable_, std::set<PublicKey>{network_[6].key});
    // The next path does not try it again, though it was reached once.
    network_[6].connectable = true;
    hops_.clear();
    begin({network_[5], network_[6], network_[0]});
    static_cast<void>(create_answered());
    EXPECT_NE(sent_extend().node_key, network_[6].key);
}

TEST_F(CircuitBuilderTest, WithoutAnyReachableOneTheAddressIsTried)
{
    network_.erase(network_.begin() + 1, network_.begin() + 3); // one exit, which is the last hop
    for (Candidate& candidate : network_)
        candidate.connectable = false;
    begin({network_[3], network_[4], network_[0]});
    static_cast<void>(create_answered());
    const Extend extend = sent_extend();
    EXPECT_EQ(extend.node_key, network_[4].key);
    EXPECT_EQ(extend.address, network_[4].address);
}

TEST_F(CircuitBuilderTest, SilenceBringsAnotherNodeIdentifierAndKey)
{
    begin({network_[5], network_[0]}); // a guard, or another comes from them
    const Create first = sent_create();
    bench_.clock.advance(3s + 999ms);
    EXPECT_EQ(builder_->tick(bench_.now()).kind, Kind::waiting);
    EXPECT_TRUE(bench_.packets.sent.empty());
    bench_.clock.advance(1ms);
    EXPECT_EQ(builder_->tick(bench_.now()).kind, Kind::waiting);
    const test::SentPacket sent = bench_.packets.sent.at(0);
    const Create second = sent_create();
    EXPECT_NE(second.identifier, first.identifier);
    EXPECT_NE(second.ephemeral, first.ephemeral);
    EXPECT_NE(sent.to, network_[5].address);
    EXPECT_EQ(sent.to, builder_->path()[0].address);
    // The first one's late answer is not the second one's.
    const Created late = answer(network_[5].key, first.identifier, first.ephemeral);
    EXPECT_EQ(builder_->on_created(late, bench_.now()).kind, Kind::waiting);
    EXPECT_TRUE(circuit_->hops().empty());
}

TEST_F(CircuitBuilderTest, ASilentHopIsAskedOnceMoreAndNobodyTakesItsPlace)
{
    begin({network_[5], network_[6], network_[0]});
    static_cast<void>(create_answered());
    const Extend first = sent_extend();
    bench_.clock.advance(10s);
    EXPECT_EQ(builder_->tick(bench_.now()).kind, Kind::waiting);
    const Extend second = sent_extend();
    EXPECT_EQ(second.node_key, first.node_key);
    EXPECT_NE(second.identifier, first.identifier);
    EXPECT_NE(second.ephemeral, first.ephemeral);
    bench_.clock.advance(9s + 999ms);
    EXPECT_EQ(builder_->tick(bench_.now()).kind, Kind::waiting);
    bench_.clock.advance(1ms);
    EXPECT_EQ(builder_->tick(bench_.now()).failed, "a hop was silent");
    EXPECT_TRUE(bench_.packets.sent.empty());
    EXPECT_FALSE(builder_->probing());
}

TEST_F(CircuitBuilderTest, AnAnswerToTheSecondTryIsAsGood)
{
    begin({network_[5], network_[0]});
    static_cast<void>(create_answered());
    static_cast<void>(sent_extend());
    bench_.clock.advance(10s);
    static_cast<void>(builder_->tick(bench_.now()));
    const Extend second = sent_extend();
    EXPECT_EQ(
        builder_->on_extended(as_extended(answer(second.node_key, second.identifier, second.ephemeral)), bench_.now())
            .kind,
        Kind::ready);
}

TEST_F(CircuitBuilderTest, AnAnswerToTheFirstTryIsAsGoodThoughItCameLate)
{
    begin({network_[5], network_[0]});
    static_cast<void>(create_answered());
    const Extend first = sent_extend();
    bench_.clock.advance(10s);
    static_cast<void>(builder_->tick(bench_.now()));
    const Extend second = sent_extend();
    // The relay serves the first question as soon as it has found the node, and refuses the second.
    EXPECT_EQ(
        builder_->on_extended(as_extended(answer(first.node_key, first.identifier, first.ephemeral)), bench_.now())
            .kind,
        Kind::ready);
    const std::size_t hops = circuit_->hops().size();
    static_cast<void>(
        builder_->on_extended(as_extended(answer(second.node_key, second.identifier, second.ephemeral)), bench_.now()));
    EXPECT_EQ(circuit_->hops().size(), hops);
}

TEST_F(CircuitBuilderTest, TheTimesAreTheSameForAllPurposes)
{
    for (const CircuitPurpose purpose :
         {CircuitPurpose::data, CircuitPurpose::lookup, CircuitPurpose::introduction, CircuitPurpose::rendezvous}) {
        PathWish wish;
        wish.purpose = purpose;
        wish.hops = 3;
        const auto guard = [&](std::size_t n) {
            return *std::ranges::find(network_, selection_->guards().all().at(n).key, &Candidate::key);
        };
        begin({guard(0), network_[6], network_[0]}, wish);
        bench_.packets.sent.clear();
        const auto silence = [&] { // until something is sent, or it fails
            const TimePoint from = bench_.now();
            do
                bench_.clock.advance(50ms);
            while (builder_->tick(bench_.now()).kind == Kind::waiting && bench_.packets.sent.empty());
            return bench_.now() - from;
        };
        EXPECT_EQ(silence(), 4s);
        bench_.packets.sent.clear();
        hops_.clear();
        begin({guard(0), network_[6], network_[0]}, wish);
        static_cast<void>(create_answered());
        static_cast<void>(sent_extend());
        EXPECT_EQ(silence(), 10s); // longer than a relay takes to find an unknown node in the DHT, and any slow path
        static_cast<void>(sent_extend());
        EXPECT_EQ(silence(), 10s);
        hops_.clear();
    }
}

TEST_F(CircuitBuilderTest, TheSilenceOfAHiddenPathMarksNobodyForOthers)
{
    PathWish wish;
    wish.purpose = CircuitPurpose::rendezvous;
    wish.hops = 3;
    begin({network_[5], network_[6], network_[0]}, wish);
    static_cast<void>(create_answered());
    BuildStep step;
    for (int i = 0; i < 500 && step.kind == Kind::waiting; ++i) {
        bench_.clock.advance(50ms);
        step = builder_->tick(bench_.now());
    }
    EXPECT_EQ(step.failed, "a hop was silent");
    EXPECT_TRUE(unreachable_.empty()); // the first hop may have dropped what we asked
}

TEST_F(CircuitBuilderTest, SilentFirstHopsAreReplacedByGuardsAndByNobodyNew)
{
    for (int i = 0; i < 3; ++i) { // more are kept than are used
        Guards::Load full;
        for (const Guard& guard : selection_->guards().all())
            full[guard.key] = 100;
        static_cast<void>(selection_->guards().choose(
            GuardUse::first_hop, network_, full, [](const Candidate&) { return true; }, 0, bench_.random));
    }
    const auto kept = selection_->guards().all();
    std::vector<Candidate> firsts;
    for (const Guard& guard : kept)
        if (!guard.for_exits) firsts.push_back(*std::ranges::find(network_, guard.key, &Candidate::key));
    ASSERT_GT(firsts.size(), 4U);
    std::vector<Candidate> others = network_; // that stand in no guard's way
    std::erase_if(
        others, [&](const Candidate& c) { return std::ranges::find(firsts, c.key, &Candidate::key) != firsts.end(); });
    ASSERT_GE(others.size(), 2U);
    begin({firsts[0], others[0], others[1]});
    std::set<Endpoint> asked{sent_to()};
    BuildStep step;
    for (int i = 0; i < 1500 && step.kind == Kind::waiting; ++i) {
        bench_.clock.advance(50ms);
        step = builder_->tick(bench_.now());
        if (!bench_.packets.sent.empty()) asked.insert(sent_to());
    }
    EXPECT_EQ(step.failed, "no other candidate");
    EXPECT_EQ(asked, (std::set<Endpoint>{firsts[0].address, firsts[1].address, firsts[2].address}));
    EXPECT_EQ(selection_->guards().all(), kept);
}

TEST_F(CircuitBuilderTest, GivesUpWhenNobodyElseIsLeft)
{
    network_.resize(2);
    begin({network_[0], network_[1]});
    static_cast<void>(sent_create());
    bench_.clock.advance(4s);
    EXPECT_EQ(builder_->tick(bench_.now()).failed, "no other candidate");
}

TEST_F(CircuitBuilderTest, AWrongProofEndsIt)
{
    begin({network_[5], network_[0]});
    const Create create = sent_create();
    Created wrong = answer(network_[5].key, create.identifier, create.ephemeral);
    wrong.auth[3] ^= 1;
    EXPECT_EQ(builder_->on_created(wrong, bench_.now()).failed, "handshake wrong");
}

TEST_F(CircuitBuilderTest, AnswersAtTheWrongTimeAreIgnored)
{
    begin({network_[5], network_[0]});
    const Create create = sent_create();
    const Created right = answer(network_[5].key, create.identifier, create.ephemeral);
    EXPECT_EQ(builder_->on_extended(as_extended(right), bench_.now()).kind, Kind::waiting);
    EXPECT_TRUE(circuit_->hops().empty());
    EXPECT_EQ(builder_->on_created(right, bench_.now()).kind, Kind::waiting);
    EXPECT_EQ(circuit_->hops().size(), 1U);
    EXPECT_EQ(builder_->on_created(right, bench_.now()).kind, Kind::waiting); // once more
    EXPECT_EQ(circuit_->hops().size(), 1U);
}

TEST_F(CircuitBuilderTest, AnUnreadableOfferIsAnEmptyOne)
{
    begin({network_[5], network_[0]});
    const Create create = sent_create();
    Created broken = answer(network_[5].key, create.identifier, create.ephemeral);
    offer_.back() ^= 1;
    EXPECT_EQ(builder_->on_created(broken, bench_.now()).kind, Kind::waiting);
    EXPECT_EQ(sent_extend().node_key, network_[0].key);
}

} // namespace
} // namespace cepa::tunnel
