#include "main/node_identity.hpp"
#include "main/user_error.hpp"

#include <gtest/gtest.h>

using namespace cepa::main;

TEST(NodeIdentity, GeneratedKeysHaveBothFormsAndDiffer)
{
    const NodeIdentity a = NodeIdentity::generate();
    const NodeIdentity b = NodeIdentity::generate();
    EXPECT_EQ(a.private_form().size(), kNodeKeySize);
    EXPECT_EQ(a.public_form().size(), kNodeKeySize);
    EXPECT_TRUE(a.private_form().starts_with("LibNaCLSK:"));
    EXPECT_TRUE(a.public_form().starts_with("LibNaCLPK:"));
    EXPECT_NE(a.private_form(), b.private_form());
    EXPECT_NE(a.public_form(), b.public_form());
}

TEST(NodeIdentity, ThePublicFormFollowsFromThePrivateOne)
{
    const NodeIdentity a = NodeIdentity::generate();
    EXPECT_EQ(NodeIdentity::from_private(a.private_form()).public_form(), a.public_form());
}

TEST(NodeIdentity, KnownAnswer)
{
    // Ed25519 half: RFC 8032, section 7.1, test 1. X25519 half: computed with another implementation.
    const auto hex = [](const std::string& text) {
        std::string out;
        for (std::size_t i = 0; i < text.size(); i += 2)
            out += static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16));
        return out;
    };
    const std::string secret = "LibNaCLSK:" + hex("77076d0a7318a57d3c16c17251b26645df87747ebc064b2af177fba51db92c2a") +
                               hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
    EXPECT_EQ(NodeIdentity::from_private(secret).public_form(),
              "LibNaCLPK:" + hex("16de37378fa271ce3413731fe47646a62c8320fe2eca040b41c5ff81f940a74c") +
                  hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"));
}

TEST(NodeIdentity, NonsenseIsRefused)
{
    EXPECT_THROW((void)NodeIdentity::from_private(""), UserError);
    EXPECT_THROW((void)NodeIdentity::from_private(std::string(74, 'x')), UserError);
    EXPECT_THROW((void)NodeIdentity::from_private("LibNaCLSK:" + std::string(63, 'x')), UserError);
}

TEST(NodeIdentity, WipeLeavesNothing)
{
    std::string secret = "secret";
    wipe(secret);
    EXPECT_TRUE(secret.empty());
}
