#include "support/hop_player.hpp"
#include "tunnel/hidden_services/path_race.hpp"

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;

class PathRaceTest : public test::HopPlayer {
protected:
    struct Nobody final : CircuitUser {
        void on_ready(const Circuit&, TimePoint) override {}
        void on_closed(const Circuit&, TimePoint) override {}
        void on_message(const Circuit&, MessageId, ByteSpan, TimePoint) override {}
        void on_packet(const Circuit&, const Endpoint&, ByteSpan, TimePoint) override {}
        bool on_other_end(const Circuit&, TimePoint) override { return false; }
    };
    Result<CircuitId> begin(std::vector<PublicKey> beside)
    {
        CircuitWish wish;
        wish.path.purpose = CircuitPurpose::rendezvous;
        wish.path.hops = 3;
        wish.path.beside = std::move(beside);
        return circuits_.begin(wish, user_, now());
    }
    void pass(Duration time)
    {
        for (Duration passed{}; passed < time; passed += 50ms) {
            advance(50ms);
            play();
            race_.tick(own_, now(), [this](std::vector<PublicKey> beside) {
                asked_.push_back(beside);
                return begin(std::move(beside));
            });
        }
    }

    Nobody user_;
    std::vector<std::vector<PublicKey>> asked_;
    PathRace race_;
};

TEST_F(PathRaceTest, OneMoreIsBegunWhenNobodyMovesAndThreeAreAll)
{
    hold_all_ = true;
    race_ = PathRace(*begin({}));
    const CircuitId first = race_.circuits()[0];
    pass(PathRace::kPatience - 50ms);
    EXPECT_EQ(race_.circuits().size(), 1U);
    pass(50ms);
    ASSERT_EQ(race_.circuits().size(), 2U);
    EXPECT_EQ(asked_.at(0), own_.planned_first_two(first));
    pass(2 * PathRace::kPatience - 50ms);
    EXPECT_EQ(race_.circuits().size(), 2U);
    pass(100ms);
    ASSERT_EQ(race_.circuits().size(), 3U);
    EXPECT_EQ(asked_.at(1).size(), 4U);
    pass(5s);
    EXPECT_EQ(asked_.size(), 2U);
    for (const CircuitId id : race_.circuits())
        EXPECT_NE(own_.find(id), nullptr); // slow is not failed
}

TEST_F(PathRaceTest, WhoIsReadyFirstIsTaken)
{
    hold_all_ = true;
    race_ = PathRace(*begin({}));
    pass(5s);
    const std::vector<CircuitId> all = race_.circuits();
    ASSERT_EQ(all.size(), 3U);
    EXPECT_EQ(race_.take(all[1]), (std::vector{all[0], all[2]}));
    EXPECT_TRUE(race_.contains(all[1]));
    EXPECT_FALSE(race_.contains(all[0]));
    pass(10s);
    EXPECT_EQ(race_.circuits(), std::vector{all[1]});
    EXPECT_FALSE(race_.lose(all[1]));
}

TEST_F(PathRaceTest, ItIsLostWithTheLastOne)
{
    hold_all_ = true;
    race_ = PathRace(*begin({}));
    pass(2s);
    const std::vector<CircuitId> both = race_.circuits();
    ASSERT_EQ(both.size(), 2U);
    EXPECT_TRUE(race_.lose(both[0]));
    EXPECT_FALSE(race_.lose(both[1]));
}

} // namespace
} // namespace cepa::tunnel
