#include "proto/error.hpp"

#include <gtest/gtest.h>

#include <set>

namespace cepa::proto {
namespace {

TEST(ProtoError, EveryErrorHasATextOfItsOwn)
{
    std::set<std::string> texts;
    for (const ProtoError e : {ProtoError::stream_ended, ProtoError::broken_stream, ProtoError::timed_out,
                               ProtoError::queue_full, ProtoError::too_large}) {
        const ErrorCode code = e;
        EXPECT_TRUE(code);
        EXPECT_STREQ(code.category().name(), "proto");
        EXPECT_TRUE(texts.insert(code.message()).second) << code.message();
    }
}

} // namespace
} // namespace cepa::proto
