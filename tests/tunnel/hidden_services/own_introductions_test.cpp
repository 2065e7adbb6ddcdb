#include "support/hop_player.hpp"
#include "tunnel/hidden_services/own_introductions.hpp"
#include "tunnel/hidden_services/path_race.hpp"

#include <set>

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;

class OwnIntroductionsTest : public test::HopPlayer {
protected:
    OwnIntroductionsTest()
    {
        plan_.lookup_hash.fill(0x33);
        plan_.hops = 2;
        plan_.seed_key = PrivateKey::generate();
        plan_.introduction_points = 3;
        introductions_ = std::make_unique<OwnIntroductions>(
            plan_, circuits_, [this](CircuitId at, const Endpoint& from, const CreateE2e& request, TimePoint) {
                EXPECT_EQ(request.swarm_key, plan_.seed_key->public_key());
                requests_.emplace_back(at, from);
            });
    }
    /// The introduction points answer until nothing more is asked.
    void run(Duration time)
    {
        for (Duration passed{}; passed < time; passed += 250ms) {
            advance(250ms);
            introductions_->tick(now());
            least_ = std::min(least_, introductions_->established());
            while (const auto asked = take_a<EstablishIntro>()) {
                EXPECT_EQ(asked->second.lookup_hash, plan_.lookup_hash);
                EXPECT_EQ(asked->second.swarm_key, plan_.seed_key->public_key());
                ++asked_;
                if (answers_) say(asked->first, IntroEstablished{asked->second.identifier});
            }
        }
    }
    std::set<PublicKey> nodes()
    {
        std::set<PublicKey> out;
        for (const CircuitId id : circuits_of(CircuitPurpose::introduction))
            out.insert(last_hops_.at(id));
        return out;
    }
    void request(CircuitId at, const PublicKey& swarm_key, const LookupHash& hash)
    {
        const KeyBytes x = EphemeralKey::generate(bench_.random).public_key;
        const Bytes packet = overlay_packet(bench_.sender.prefix(), CreateE2e{5, hash, swarm_key, x});
        say(at, Data{{}, origin_, packet});
    }

    const Endpoint origin_{IpAddress::v4(0x05060708), 99};
    SwarmPlan plan_;
    std::unique_ptr<OwnIntroductions> introductions_;
    std::vector<std::pair<CircuitId, Endpoint>> requests_;
    int asked_ = 0;
    std::uint32_t least_ = UINT32_MAX; ///< established, at any moment since it was set
    bool answers_ = true;
};

TEST_F(OwnIntroductionsTest, AsManyAsWantedAreEstablishedAtDifferentNodes)
{
    run(5s);
    EXPECT_EQ(introductions_->established(), 3U);
    EXPECT_EQ(nodes().size(), 3U);
    EXPECT_TRUE(introductions_->announced());
    for (const CircuitId id : circuits_of(CircuitPurpose::introduction))
        EXPECT_EQ(layers_.at(id).size(), 3U); // one more than the swarm's hops
    run(60s);
    EXPECT_EQ(asked_, 3);
}

TEST_F(OwnIntroductionsTest, WhoDoesNotAnswerIsAskedOnceMoreAndThenAnother)
{
    answers_ = false;
    plan_.introduction_points = 1;
    run(1s);
    EXPECT_EQ(asked_, 1);
    const std::set<PublicKey> first = nodes();
    run(1750ms);
    EXPECT_EQ(asked_, 2);
    EXPECT_EQ(nodes(), first);
    run(5s);
    EXPECT_GE(asked_, 3);
    ASSERT_EQ(nodes().size(), 1U);
    EXPECT_NE(nodes(), first);
    EXPECT_EQ(introductions_->refused(), 1U);
}

TEST_F(OwnIntroductionsTest, ASlowPathHasAnotherBuiltBesideIt)
{
    plan_.introduction_points = 1;
    silent_ = true;
    run(PathRace::kPatience);
    EXPECT_EQ(circuits_of(CircuitPurpose::introduction).size(), 1U);
    run(500ms);
    EXPECT_EQ(circuits_of(CircuitPurpose::introduction).size(), 2U);
    silent_ = false;
    run(10s);
    EXPECT_GE(introductions_->established(), 1U);
    run(60s);
    EXPECT_EQ(introductions_->established(), 1U); // what is not needed went
    EXPECT_EQ(circuits_of(CircuitPurpose::introduction).size(), 1U);
}

TEST_F(OwnIntroductionsTest, ALateAnswerToTheFirstQuestionCounts)
{
    plan_.introduction_points = 1;
    introductions_->tick(now());
    const auto asked = take_a<EstablishIntro>();
    ASSERT_TRUE(asked);
    advance(2250ms);
    introductions_->tick(now());
    const auto again = take_a<EstablishIntro>();
    ASSERT_TRUE(again);
    EXPECT_EQ(again->second.identifier, asked->second.identifier);
    say(asked->first, IntroEstablished{asked->second.identifier});
    EXPECT_EQ(introductions_->established(), 1U);
}

TEST_F(OwnIntroductionsTest, SilentNodesAreAskedLessAndLess)
{
    answers_ = false;
    run(30s);
    const int first = asked_;
    EXPECT_GE(first, 3);
    run(300s);
    EXPECT_LT(asked_ - first, 30); // of hundreds, without back-off
    EXPECT_EQ(introductions_->established(), 0U);
    answers_ = true;
    run(120s);
    EXPECT_EQ(introductions_->established(), 3U);
}

TEST_F(OwnIntroductionsTest, NodesWhereSomebodyElseHasRegisteredTheKeyAreCountedEachOnce)
{
    answers_ = false;
    run(4s);
    EXPECT_EQ(introductions_->refused(), 0U);
    run(60s);
    EXPECT_GE(introductions_->refused(), 4U);
    run(1800s);
    EXPECT_LE(introductions_->refused(), network_.size());
    answers_ = true;
    run(120s);
    EXPECT_EQ(introductions_->refused(), 0U);
    run(10s);
    const auto stood = circuits_of(CircuitPurpose::introduction);
    ASSERT_FALSE(stood.empty());
    own_.close(stood[0], "gone", now()); // no refusal
    EXPECT_EQ(introductions_->refused(), 0U);
}

TEST_F(OwnIntroductionsTest, AnAnswerNeedsItsIdentifierAndComesOnce)
{
    answers_ = false;
    introductions_->tick(now());
    const auto asked = take_a<EstablishIntro>();
    ASSERT_TRUE(asked);
    say(asked->first, IntroEstablished{static_cast<std::uint16_t>(asked->second.identifier + 1)});
    EXPECT_EQ(introductions_->established(), 0U);
    say(asked->first, IntroEstablished{asked->second.identifier});
    EXPECT_EQ(introductions_->established(), 1U);
    say(asked->first, IntroEstablished{asked->second.identifier});
    EXPECT_EQ(dropped(Drop::unexpected_answer), 2U);
}

TEST_F(OwnIntroductionsTest, EachIsRenewedBeforeItsValueIsGoneAndNeverFewerStand)
{
    run(5s);
    least_ = UINT32_MAX;
    std::set<CircuitId> seen;
    for (int minute = 0; minute < 300; ++minute) {
        run(60s);
        ASSERT_GE(introductions_->established(), 3U) << minute;
        ASSERT_LE(circuits_of(CircuitPurpose::introduction).size(), 6U) << minute;
        std::size_t young = 0; // whose value in the DHT still lives, as deployed introduction points leave it
        for (const CircuitView& view : own_.views(now())) {
            if (view.age < 58min) ++young;
            EXPECT_LE(view.age, 66min);
            seen.insert(view.id);
        }
        ASSERT_GE(young, 3U) << minute;
    }
    EXPECT_GE(seen.size(), 3U * 6U);
    EXPECT_GE(least_, 3U);
}

TEST_F(OwnIntroductionsTest, FewNodesAreAskedAgainOneAfterTheOther)
{
    network_.resize(4); // a path of three hops has two ends at most beside its guards
    plan_.introduction_points = 2;
    run(10s);
    const auto stood = introductions_->established();
    ASSERT_GE(stood, 1U);
    int none = 0;
    for (int minute = 0; minute < 180; ++minute) {
        run(60s);
        if (introductions_->established() == 0) ++none;
    }
    EXPECT_EQ(none, 0);
    EXPECT_GE(asked_, 6);
}

TEST_F(OwnIntroductionsTest, OnlyRequestsForThisSeederAreHanded)
{
    run(5s);
    const CircuitId at = circuits_of(CircuitPurpose::introduction).front();
    request(at, plan_.seed_key->public_key(), plan_.lookup_hash);
    ASSERT_EQ(requests_.size(), 1U);
    EXPECT_EQ(requests_[0], std::pair(at, origin_));
    request(at, test::key_number(9), plan_.lookup_hash);
    request(at, plan_.seed_key->public_key(), LookupHash{});
    EXPECT_EQ(dropped(Drop::unknown_swarm), 2U);
    Bytes cut(bench_.sender.prefix().begin(), bench_.sender.prefix().end());
    cut.push_back(static_cast<std::uint8_t>(MessageId::create_e2e));
    say(at, Data{{}, origin_, cut});
    EXPECT_EQ(dropped(Drop::malformed), 1U);
    cut.back() = static_cast<std::uint8_t>(MessageId::created_e2e);
    say(at, Data{{}, origin_, cut});
    EXPECT_EQ(dropped(Drop::inner_packet), 1U);
    EXPECT_EQ(requests_.size(), 1U);
}

TEST_F(OwnIntroductionsTest, OneIntroductionPointsFloodIsNotTheOthers)
{
    run(5s);
    const auto all = circuits_of(CircuitPurpose::introduction);
    for (int i = 0; i < 100; ++i)
        request(all[0], plan_.seed_key->public_key(), plan_.lookup_hash);
    EXPECT_LE(requests_.size(), 7U);
    EXPECT_GT(dropped(Drop::introduction_flood), 90U);
    const std::size_t before = requests_.size();
    request(all[1], plan_.seed_key->public_key(), plan_.lookup_hash);
    EXPECT_EQ(requests_.size(), before + 1);
}

} // namespace
} // namespace cepa::tunnel
