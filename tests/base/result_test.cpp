#include "base/result.hpp"

#include <gtest/gtest.h>

#include <string>

namespace cepa {
namespace {

const ErrorCode kRefused = make_error_code(boost::system::errc::connection_refused);

Result<int> number(bool good) { return good ? Result<int>(7) : fail(kRefused); }

Result<std::string> text(bool good)
{
    CEPA_TRY(number(good));
    return "done";
}

TEST(Result, TryReturnsTheErrorOfAnotherType)
{
    EXPECT_EQ(text(true), "done");
    const auto failed = text(false);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error(), kRefused);
}

} // namespace
} // namespace cepa
