#include "tunnel/crypto/replay_window.hpp"

#include "support/test_random.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace cepa::tunnel {
namespace {

class ReplayWindowTest : public ::testing::Test {
protected:
    Opened message(std::uint64_t counter) { return {counter, random_.array<kTagSize>()}; }

    test::TestRandom random_;
    ReplayWindow window_;
};

TEST_F(ReplayWindowTest, ExactDuplicatesOnly)
{
    const Opened first = message(3);
    EXPECT_TRUE(window_.accept(first));
    EXPECT_FALSE(window_.accept(first));
    EXPECT_TRUE(window_.accept(message(3))); // a restarted counter: another tag
    Opened same_tag = first;
    same_tag.counter = 4;
    EXPECT_TRUE(window_.accept(same_tag));
    EXPECT_TRUE(window_.accept({0, {}})); // all zero is a message like any other
    EXPECT_FALSE(window_.accept({0, {}}));
}

TEST_F(ReplayWindowTest, RemembersTheLastMessagesInAnyOrder)
{
    std::vector<Opened> sent;
    for (std::uint64_t counter = 3; counter < 3 + ReplayWindow::kMostSlots; ++counter) sent.push_back(message(counter));
    for (const Opened& m : sent) EXPECT_TRUE(window_.accept(m));
    for (auto m = sent.rbegin(); m != sent.rend(); ++m) EXPECT_FALSE(window_.accept(*m));
    for (std::uint64_t i = 0; i < ReplayWindow::kMostSlots; ++i) EXPECT_TRUE(window_.accept(message(10000 + i)));
    EXPECT_TRUE(window_.accept(sent.front())); // beyond the window: forgotten
}

TEST_F(ReplayWindowTest, GrowsWithTrafficAndForgetsNothingThen)
{
    std::vector<Opened> sent;
    for (std::uint64_t counter = 0; counter < 3 * ReplayWindow::kMostSlots; ++counter) sent.push_back(message(counter));
    for (std::size_t i = 0; i < sent.size(); ++i) {
        ASSERT_TRUE(window_.accept(sent[i])) << i;
        ASSERT_FALSE(window_.accept(sent[i])) << i;
        const std::size_t oldest = i < ReplayWindow::kMostSlots ? 0 : i - ReplayWindow::kMostSlots + 1;
        ASSERT_FALSE(window_.accept(sent[oldest])) << i;
    }
}

TEST_F(ReplayWindowTest, RestartingCountersPass)
{
    for (int restart = 0; restart < 5; ++restart)
        for (std::uint64_t counter = 1; counter < 1000; ++counter) ASSERT_TRUE(window_.accept(message(counter)));
}

} // namespace
} // namespace cepa::tunnel
