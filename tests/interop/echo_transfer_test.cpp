#include <gtest/gtest.h>

#include <deque>

#include "interop/echo_transfer.hpp"

namespace cepa::interop {
namespace {

using namespace std::chrono_literals;

struct EchoTransferTest : testing::Test {
    std::deque<Bytes> wire;
    EchoTransfer transfer{100, 300, [this](ByteSpan d) { wire.emplace_back(d.begin(), d.end()); }};
    TimePoint now{1h};

    Bytes take()
    {
        Bytes out = std::move(wire.front());
        wire.pop_front();
        return out;
    }
};

TEST_F(EchoTransferTest, EndsWhenEverythingCameBack)
{
    transfer.tick(now);
    EXPECT_EQ(wire.size(), EchoTransfer::kWindow);
    while (!wire.empty())
        transfer.on_echo(take(), now);
    EXPECT_TRUE(transfer.done());
    EXPECT_EQ(transfer.echoed(), 100U);
    EXPECT_EQ(transfer.repeated() + transfer.wrong(), 0U);
}

TEST_F(EchoTransferTest, RepeatsWhatIsLost)
{
    transfer.tick(now);
    wire.clear();
    transfer.tick(now + 1s);
    EXPECT_TRUE(wire.empty());
    transfer.tick(now + 2s);
    EXPECT_EQ(wire.size(), EchoTransfer::kWindow);
    EXPECT_EQ(transfer.repeated(), EchoTransfer::kWindow);
}

TEST_F(EchoTransferTest, SeesChangedAndShortenedEchoes)
{
    transfer.tick(now);
    Bytes changed = wire[0];
    changed[299] ^= 1U;
    transfer.on_echo(changed, now);
    transfer.on_echo(ByteSpan(wire[0]).first(299), now);
    transfer.on_echo({}, now);
    EXPECT_EQ(transfer.wrong(), 3U);
    EXPECT_EQ(transfer.echoed(), 0U);
}

} // namespace
} // namespace cepa::interop
