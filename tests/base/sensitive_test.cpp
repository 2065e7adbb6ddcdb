#include "base/sensitive.hpp"

#include <gtest/gtest.h>

namespace cepa {
namespace {

TEST(Sensitive, PrintsAsRedacted)
{
    const Sensitive secret("info hash");
    EXPECT_EQ(fmt::format("{}", secret), "[redacted]");
    EXPECT_EQ(fmt::format("{:>12}", secret), "  [redacted]");
    EXPECT_EQ(secret.reveal(), "info hash");
}

} // namespace
} // namespace cepa
