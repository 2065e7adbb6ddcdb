#include "tunnel/host_addresses.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace cepa::tunnel {
namespace {

TEST(HostAddresses, NameEveryInterfaceOnce)
{
    std::vector<IpAddress> all = host_addresses();
    EXPECT_EQ(std::ranges::count(all, IpAddress::v4(0x7f000001)), 1);
    const std::size_t before = all.size();
    std::ranges::sort(all);
    all.erase(std::ranges::unique(all).begin(), all.end());
    EXPECT_EQ(all.size(), before);
}

} // namespace
} // namespace cepa::tunnel
