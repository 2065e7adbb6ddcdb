#include "main/pool_error.hpp"

#include <gtest/gtest.h>

#include <set>

namespace cepa::main {
namespace {

TEST(PoolError, EveryErrorHasATextOfItsOwn)
{
    std::set<std::string> texts;
    for (const PoolError e : {PoolError::no_worker, PoolError::circuit_failed, PoolError::worker_misbehaved,
                              PoolError::not_running, PoolError::steering_refused}) {
        const ErrorCode code = e;
        EXPECT_TRUE(code);
        EXPECT_STREQ(code.category().name(), "pool");
        EXPECT_TRUE(texts.insert(code.message()).second) << code.message();
    }
}

} // namespace
} // namespace cepa::main
