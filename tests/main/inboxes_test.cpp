#include "main/inboxes.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace cepa::main {
namespace {

TEST(Inboxes, KeepABurstOfCellsAndTheirBorders)
{
    auto inboxes = Inboxes::open(2);
    ASSERT_TRUE(inboxes);
    const std::array<char, 1400> cell{};
    // Far more than the kernel's limit for an inbox that is not one end of a pair (10 on many systems).
    for (int i = 0; i < 60; ++i)
        ASSERT_EQ(::send(inboxes->write_end(WorkerId(1)), cell.data(), cell.size(), MSG_DONTWAIT), 1400) << i;
    std::array<char, 2048> got{};
    for (int i = 0; i < 60; ++i)
        ASSERT_EQ(::recv(inboxes->read_end(WorkerId(1)), got.data(), got.size(), MSG_DONTWAIT), 1400);
    EXPECT_EQ(::recv(inboxes->read_end(WorkerId(0)), got.data(), got.size(), MSG_DONTWAIT), -1);
    EXPECT_EQ(errno, EAGAIN);
}

TEST(Inboxes, AFullOneRefusesInsteadOfBlocking)
{
    auto inboxes = Inboxes::open(1);
    ASSERT_TRUE(inboxes);
    const std::array<char, 1400> cell{};
    int sent = 0;
    while (sent < 100000 && ::send(inboxes->write_end(WorkerId(0)), cell.data(), cell.size(), 0) > 0) ++sent;
    EXPECT_LT(sent, 100000);
}

TEST(Inboxes, AreCloseOnExec)
{
    auto inboxes = Inboxes::open(1);
    ASSERT_TRUE(inboxes);
    EXPECT_NE(::fcntl(inboxes->read_end(WorkerId(0)), F_GETFD) & FD_CLOEXEC, 0);
    EXPECT_NE(::fcntl(inboxes->write_end(WorkerId(0)), F_GETFD) & FD_CLOEXEC, 0);
}

} // namespace
} // namespace cepa::main
