// Vectors: which datagrams an exit takes (section 13).
#include "support/ipv8_vectors.hpp"
#include "tunnel/exit/exit_policy.hpp"

#include <gtest/gtest.h>

namespace cepa::test {
namespace {

using namespace tunnel;
using Json = nlohmann::json;

bool allowed(bool bittorrent, bool ipv8, const Prefix& prefix, ByteSpan datagram)
{
    TunnelSettings settings;
    settings.exit_bittorrent = bittorrent;
    settings.exit_ipv8 = ipv8;
    return ExitPolicy(settings, prefix).allows(datagram);
}

TEST(VectorsExitPolicy, Samples)
{
    const Json& part = ipv8_vectors().at("exit_policy");
    const auto prefix = unhex_array<kPrefixSize>(part.at("tunnel_prefix"));
    ASSERT_GE(part.at("samples").size(), 28U);
    for (const Json& sample : part.at("samples")) {
        SCOPED_TRACE(sample.at("name").get<std::string>());
        const Bytes datagram = unhex(sample.at("datagram"));
        const Json& checks = sample.at("checks");
        const DatagramKind kind = DatagramKind::of(datagram);
        EXPECT_EQ(kind.utp, checks.at("utp").get<bool>());
        EXPECT_EQ(kind.udp_tracker, checks.at("udp_tracker").get<bool>());
        EXPECT_EQ(kind.dht, checks.at("dht").get<bool>());
        EXPECT_EQ(kind.bittorrent(), checks.at("bt").get<bool>());
        EXPECT_EQ(kind.ipv8, checks.at("ipv8").get<bool>());
        const Json& expected = sample.at("allowed");
        EXPECT_EQ(allowed(false, false, prefix, datagram), expected.at("relay_only").get<bool>());
        EXPECT_EQ(allowed(true, false, prefix, datagram), expected.at("exit_bt").get<bool>());
        EXPECT_EQ(allowed(false, true, prefix, datagram), expected.at("exit_ipv8").get<bool>());
        EXPECT_EQ(allowed(true, true, prefix, datagram), expected.at("exit_both").get<bool>());
    }
}

} // namespace
} // namespace cepa::test
