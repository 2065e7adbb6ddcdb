#include "socks5/backlog.hpp"

#include <gtest/gtest.h>

namespace cepa::socks5 {
namespace {

std::uint8_t first_of(const Backlog& backlog, std::size_t i) { return backlog.at(i)[0]; }

TEST(Socks5Backlog, KeepsOrderAcrossTheWrap)
{
    Backlog backlog(3);
    std::uint8_t next = 0;
    std::uint8_t expected = 0;
    for (int round = 0; round < 10; ++round) {
        while (backlog.size() < 3) ASSERT_TRUE(backlog.push(Bytes{next++, 1, 2}));
        EXPECT_EQ(first_of(backlog, 0), expected);
        EXPECT_EQ(first_of(backlog, 2), expected + 2);
        backlog.pop(2);
        expected = static_cast<std::uint8_t>(expected + 2);
    }
}

TEST(Socks5Backlog, RefusesWhatIsTooMuch)
{
    Backlog backlog(2);
    EXPECT_TRUE(backlog.empty());
    EXPECT_TRUE(backlog.push(Bytes(Backlog::kSlot, 7)));
    EXPECT_FALSE(backlog.push(Bytes(Backlog::kSlot + 1, 7)));
    EXPECT_TRUE(backlog.push({}));
    EXPECT_FALSE(backlog.push(Bytes{1}));
    EXPECT_EQ(backlog.at(0).size(), Backlog::kSlot);
    EXPECT_EQ(backlog.at(1).size(), 0U);
    backlog.pop(2);
    EXPECT_TRUE(backlog.empty());
}

TEST(Socks5Backlog, CopiesWhatItKeeps)
{
    Backlog backlog(2);
    Bytes datagram{1, 2, 3};
    ASSERT_TRUE(backlog.push(datagram));
    datagram.assign(3, 9);
    EXPECT_EQ(Bytes(backlog.at(0).begin(), backlog.at(0).end()), (Bytes{1, 2, 3}));
}

} // namespace
} // namespace cepa::socks5
