// Vectors: lookup hashes, PEX overlays and fake addresses (section 14).
#include "support/ipv8_vectors.hpp"
#include "tunnel/hidden_services/names.hpp"

#include <gtest/gtest.h>

namespace cepa::test {
namespace {

using namespace tunnel;
using Json = nlohmann::json;

TEST(VectorsHiddenNames, LookupHash)
{
    const Json& all = ipv8_vectors().at("hidden").at("lookup_hash");
    ASSERT_FALSE(all.empty());
    for (const Json& entry : all)
        EXPECT_EQ(hex(lookup_hash(unhex_array<20>(entry.at("infohash")))), entry.at("lookup").get<std::string>());
}

TEST(VectorsHiddenNames, PexOverlay)
{
    const Json& all = ipv8_vectors().at("hidden").at("pex_community");
    ASSERT_FALSE(all.empty());
    for (const Json& entry : all)
        EXPECT_EQ(hex(pex_overlay(unhex_array<20>(entry.at("lookup")))), entry.at("community_id").get<std::string>());
}

TEST(VectorsHiddenNames, FakeAddress)
{
    const Json& all = ipv8_vectors().at("hidden").at("fake_ip");
    ASSERT_FALSE(all.empty());
    for (const Json& entry : all) {
        const CircuitId circuit(entry.at("circuit_id").get<std::uint32_t>());
        const Endpoint address = fake_address(circuit);
        EXPECT_EQ(address.ip.to_string(), entry.at("host").get<std::string>());
        EXPECT_EQ(address.port, entry.at("port").get<std::uint16_t>());
        EXPECT_EQ(circuit_of_fake_address(address), circuit);
    }
}

} // namespace
} // namespace cepa::test
