// Vectors: key formats, mids and signatures of section 3.
#include "support/ipv8_vectors.hpp"

#include <gtest/gtest.h>

namespace cepa::test {
namespace {

using Json = nlohmann::json;

TEST(VectorsKeys, Formats)
{
    ASSERT_GE(ipv8_vectors().at("keys").size(), 5U);
    for (const auto& [name, key] : ipv8_vectors().at("keys").items()) {
        SCOPED_TRACE(name);
        const tunnel::PrivateKey parsed = private_key(name);
        EXPECT_EQ(hex(parsed.encode()), key.at("secret_bin").get<std::string>());
        EXPECT_EQ(hex(parsed.public_key().encode()), key.at("public_bin").get<std::string>());
        EXPECT_EQ(hex(parsed.x25519_secret().span()), key.at("x25519_sk").get<std::string>());
        EXPECT_EQ(hex(parsed.public_key().x25519), key.at("x25519_pk").get<std::string>());
        EXPECT_EQ(hex(ByteSpan(parsed.encode()).last(32)), key.at("ed25519_seed").get<std::string>());
        EXPECT_EQ(hex(parsed.public_key().ed25519), key.at("ed25519_pk").get<std::string>());
        EXPECT_EQ(hex(parsed.public_key().mid()), key.at("mid").get<std::string>());
        EXPECT_EQ(public_key_of(key.at("public_bin")), parsed.public_key());
    }
}

TEST(VectorsKeys, Signatures)
{
    ASSERT_GE(ipv8_vectors().at("signatures").size(), 3U);
    for (const Json& entry : ipv8_vectors().at("signatures")) {
        const tunnel::PrivateKey key = private_key(entry.at("key").get<std::string>());
        const Bytes message = unhex(entry.at("message"));
        EXPECT_EQ(hex(key.sign(message)), entry.at("signature").get<std::string>());
        EXPECT_TRUE(key.public_key().verify(message, unhex(entry.at("signature"))));
    }
}

} // namespace
} // namespace cepa::test
