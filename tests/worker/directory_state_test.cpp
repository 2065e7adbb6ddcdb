#include "worker/directory_state.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace cepa::worker {
namespace {

using namespace std::chrono_literals;
using tunnel::DirectoryState;

DirectoryState some_directory()
{
    tunnel::init_crypto();
    DirectoryState out;
    out.values = {{{1, 2}, {0, 9, 9}, 30min}, {{3}, {0, 8}, 5s}};
    out.nodes = {{tunnel::PrivateKey::generate().public_key(), *Endpoint::parse("10.1.2.3:456")}};
    out.introductions = {{{7, 7}, tunnel::PrivateKey::generate().public_key(), CircuitId(0x80000001)}};
    return out;
}

TEST(DirectoryState, SurvivesTheWayToMainAndBack)
{
    const DirectoryState state = some_directory();
    EXPECT_EQ(directory_from_proto(directory_to_proto(state)), state);
}

TEST(DirectoryState, LeavesOutWhatIsMalformed)
{
    proto::DhtState message = directory_to_proto(some_directory());
    message.mutable_values(0)->set_key("short");
    message.mutable_nodes(0)->set_public_key("no key");
    message.mutable_introductions(0)->set_swarm_key("none");
    message.mutable_values(1)->set_left_ms(UINT64_MAX);
    const DirectoryState out = directory_from_proto(message);
    ASSERT_EQ(out.values.size(), 1U);
    EXPECT_EQ(out.values[0].left, 1h);
    EXPECT_TRUE(out.nodes.empty());
    EXPECT_TRUE(out.introductions.empty());
}

TEST(DirectoryState, OfTooManyValuesTheLongestLivedGo)
{
    DirectoryState state;
    for (std::uint32_t i = 0; i < 5000; ++i) {
        Bytes value(170);
        Writer(value).u32(i);
        state.values.push_back({{static_cast<std::uint8_t>(i)}, value, std::chrono::milliseconds(i)});
    }
    const proto::DhtState message = directory_to_proto(state);
    EXPECT_EQ(message.values_size(), 3072);
    EXPECT_EQ(message.values(0).left_ms(), 4999U);
    EXPECT_LT(message.ByteSizeLong(), 768U << 10U);
}

} // namespace
} // namespace cepa::worker
