#include "worker/asio_resolver.hpp"

#include "support/loop.hpp"

#include <gtest/gtest.h>

#include <optional>

namespace cepa::worker {
namespace {

TEST(AsioResolver, ResolvesLocalhostWithIpv4First)
{
    boost::asio::io_context io;
    AsioResolver resolver(io);
    std::optional<Result<std::vector<IpAddress>>> result;
    resolver.resolve("localhost", [&](Result<std::vector<IpAddress>> r) { result = std::move(r); });
    EXPECT_FALSE(result) << "never from inside the call";
    ASSERT_TRUE(test::run_until(io, [&] { return result.has_value(); }));
    ASSERT_TRUE(*result);
    ASSERT_FALSE((*result)->empty());
    EXPECT_TRUE((*result)->front().is_loopback());
}

TEST(AsioResolver, FailsForWhatIsNoName)
{
    boost::asio::io_context io;
    AsioResolver resolver(io);
    std::optional<Result<std::vector<IpAddress>>> result;
    resolver.resolve("not a host name", [&](Result<std::vector<IpAddress>> r) { result = std::move(r); });
    ASSERT_TRUE(test::run_until(io, [&] { return result.has_value(); }));
    EXPECT_FALSE(*result);
}

} // namespace
} // namespace cepa::worker
