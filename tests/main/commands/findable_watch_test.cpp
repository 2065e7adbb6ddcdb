#include "main/commands/findable_watch.hpp"
#include "support/fake_clock.hpp"

#include <gtest/gtest.h>

namespace cepa::main {
namespace {

using namespace std::chrono_literals;

class FindableWatchTest : public testing::Test {
protected:
    /// What it says on stderr.
    std::string look(int points, const std::string& wait = "")
    {
        testing::internal::CaptureStderr();
        complete = watch.look(
            {{"id", "aa"}, {"introduction_points", points}, {"introduction_points_wanted", 3}, {"waiting_for", wait}},
            clock.now());
        return testing::internal::GetCapturedStderr();
    }
    cepa::test::FakeClock clock;
    Console console{false};
    FindableWatch watch{console};
    bool complete = false;
};

TEST_F(FindableWatchTest, EachChangeIsSaidOnce)
{
    EXPECT_NE(look(0, "a point").find("0 of 3: not findable yet; it waits for a point"), std::string::npos);
    EXPECT_EQ(look(0, "a point"), "");
    EXPECT_NE(look(1).find("findable: introduction points 1 of 3"), std::string::npos);
    EXPECT_FALSE(complete);
    clock.advance(10min);
    EXPECT_EQ(look(1), "");
    EXPECT_NE(look(3).find("3 of 3"), std::string::npos);
    EXPECT_TRUE(complete);
    EXPECT_NE(look(0).find("0 of 3"), std::string::npos);
    EXPECT_TRUE(complete) << "it was findable";
}

TEST_F(FindableWatchTest, WhyNobodyFindsItIsSaidAgainAndWithAnotherReason)
{
    EXPECT_NE(look(0, "a node (1)"), "");
    clock.advance(FindableWatch::kPatience);
    EXPECT_EQ(look(0, "a node (2)"), "") << "the same reason";
    EXPECT_NE(look(0, "more nodes").find("more nodes"), std::string::npos);
    EXPECT_EQ(look(0, "another"), "") << "too soon: it flickers";
    clock.advance(FindableWatch::kAgain);
    EXPECT_NE(look(0, "more nodes"), "");
    EXPECT_EQ(look(0, "more nodes"), "");
}

} // namespace
} // namespace cepa::main
