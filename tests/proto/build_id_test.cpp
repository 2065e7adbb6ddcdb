#include "proto/build_id.hpp"

#include <gmock/gmock.h>

namespace cepa::proto {
namespace {

TEST(BuildId, IsTheLinkersHash)
{
    EXPECT_THAT(build_id(), testing::MatchesRegex("[0-9a-f]+"));
    EXPECT_EQ(build_id().size(), 40U); // SHA-1
    EXPECT_EQ(build_id(), build_id());
}

} // namespace
} // namespace cepa::proto
