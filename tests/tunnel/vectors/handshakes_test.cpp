// Vectors: handshakes with their ephemeral secrets injected (section 9), and the end-to-end one of hidden services.
#include "support/ipv8_vectors.hpp"
#include "support/packet.hpp"
#include "tunnel/cell/hidden_payloads.hpp"
#include "tunnel/discovery/messages.hpp"
#include "tunnel/discovery/signed_packet.hpp"
#include "tunnel/error.hpp"

#include <gtest/gtest.h>
#include <sodium.h>

namespace cepa::test {
namespace {

using namespace tunnel;
using Json = nlohmann::json;

EphemeralKey ephemeral(const Json& entry, const std::string& side)
{
    const EphemeralKey key =
        EphemeralKey::from_secret(SecretBytes(unhex_array<32>(entry.at(side + "_ephemeral_sk"))));
    EXPECT_EQ(hex(key.public_key), entry.at(side + "_ephemeral_pk").get<std::string>());
    return key;
}

void expect_keys(const SessionKeys& keys, const Json& entry)
{
    const Json& expected = entry.at("session_keys");
    EXPECT_EQ(hex(keys.forward_key.span()), expected.at("key_forward").get<std::string>());
    EXPECT_EQ(hex(keys.backward_key.span()), expected.at("key_backward").get<std::string>());
    EXPECT_EQ(hex(keys.forward_salt), expected.at("salt_forward").get<std::string>());
    EXPECT_EQ(hex(keys.backward_salt), expected.at("salt_backward").get<std::string>());
}

void expect_handshake(const Json& entry)
{
    const PrivateKey responder = private_key(entry.at("responder_static"));
    const EphemeralKey x = ephemeral(entry, "initiator");
    const EphemeralKey y = ephemeral(entry, "responder");

    const auto answer = answer_handshake(responder.x25519_secret(), y, x.public_key);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->ephemeral, y.public_key);
    EXPECT_EQ(hex(answer->auth), entry.at("auth").get<std::string>());
    expect_keys(answer->keys, entry);

    const auto keys = finish_handshake(x, responder.public_key().x25519, answer->ephemeral, answer->auth);
    ASSERT_TRUE(keys);
    expect_keys(*keys, entry);
}

/// What lies between the keys and the session is not visible from outside: recomputed here with libsodium.
void expect_secrets(const Json& entry)
{
    const PrivateKey responder = private_key(entry.at("responder_static"));
    const EphemeralKey x = ephemeral(entry, "initiator");
    const EphemeralKey y = ephemeral(entry, "responder");
    std::array<std::uint8_t, 64> shared{};
    ASSERT_EQ(crypto_box_beforenm(shared.data(), y.public_key.data(), x.secret.data()), 0);
    ASSERT_EQ(crypto_box_beforenm(shared.data() + 32, responder.public_key().x25519.data(), x.secret.data()), 0);
    EXPECT_EQ(hex(shared), entry.at("shared_secret").get<std::string>());
    if (!entry.contains("x25519_ee_raw")) return;
    KeyBytes raw{};
    ASSERT_EQ(crypto_scalarmult(raw.data(), x.secret.data(), y.public_key.data()), 0);
    EXPECT_EQ(hex(raw), entry.at("x25519_ee_raw").get<std::string>());
}

/// `plain` sealed by the responder with the FORWARD key, as deployed responders do.
std::string sealed_forward(const Json& entry, const Bytes& plain, std::uint64_t counter)
{
    Aead aead;
    Layer layer(session_keys_of(entry), Direction::forward, counter);
    OwnedPacket packet(plain);
    EXPECT_TRUE(layer.seal(aead, packet.buffer()));
    return hex(packet.bytes());
}

template <class Message>
Bytes cell_bytes(const CellHeader& header, const Message& message)
{
    std::array<std::uint8_t, kMaxSentPacket> room;
    Writer writer(room);
    write_message(writer, message);
    OwnedPacket packet(writer.written());
    prepend_cell_header(packet.buffer(), make_prefix(kPublicTunnelOverlay), header);
    return {packet.bytes().begin(), packet.bytes().end()};
}

TEST(VectorsHandshakes, Keys)
{
    const Json& all = ipv8_vectors().at("handshakes");
    ASSERT_GE(all.size(), 3U);
    for (const Json& entry : all) {
        SCOPED_TRACE(entry.at("name").get<std::string>());
        expect_handshake(entry);
        expect_secrets(entry);
    }
}

TEST(VectorsHandshakes, Candidates)
{
    Aead aead;
    for (const Json& entry : ipv8_vectors().at("handshakes")) {
        SCOPED_TRACE(entry.at("name").get<std::string>());
        const Bytes plain = unhex(entry.at("candidates_plain"));
        const Bytes sealed = unhex(entry.at("candidates_enc"));
        EXPECT_EQ(sealed_forward(entry, plain, entry.at("candidates_enc_counter")), hex(sealed));
        Layer initiator = Layer::initiator(session_keys_of(entry));
        const auto opened = initiator.open_offer(aead, sealed);
        ASSERT_TRUE(opened);
        EXPECT_EQ(hex(*opened), hex(plain));
        EXPECT_EQ(initiator.next_counter(), kInitiatorFirstCounter);

        const auto offer = Offer::parse(plain);
        ASSERT_TRUE(offer);
        EXPECT_EQ(hex(offer->encode()), hex(plain));
        std::vector<std::string> expected; // relays, the first exit twice, the other exits
        for (const PublicKey& key : offer->relays) expected.push_back(hex(key.encode()));
        if (!offer->exits.empty()) expected.push_back(hex(offer->exits.front().encode()));
        for (const PublicKey& key : offer->exits) expected.push_back(hex(key.encode()));
        EXPECT_EQ(Json(expected), entry.at("candidates"));
    }
}

TEST(VectorsHandshakes, Cells)
{
    for (const Json& entry : ipv8_vectors().at("handshakes")) {
        SCOPED_TRACE(entry.at("name").get<std::string>());
        const CircuitId circuit(entry.at("circuit_id").get<std::uint32_t>());
        const std::uint16_t identifier = entry.at("identifier");
        const Create create{identifier, private_key("alice").public_key(),
                            unhex_array<32>(entry.at("initiator_ephemeral_pk"))};
        EXPECT_EQ(hex(cell_bytes({circuit, true, true}, create)), entry.at("create_cell").get<std::string>());
        const Bytes candidates = unhex(entry.at("candidates_enc"));
        const Created created{identifier, unhex_array<32>(entry.at("responder_ephemeral_pk")),
                              unhex_array<32>(entry.at("auth")), candidates};
        EXPECT_EQ(hex(cell_bytes({circuit, true, false}, created)), entry.at("created_cell").get<std::string>());
    }
}

TEST(VectorsHandshakes, EndToEnd)
{
    const Json& entry = ipv8_vectors().at("hidden").at("e2e_handshake");
    expect_handshake(entry);
    expect_secrets(entry);

    const RendezvousInfo info{endpoint_of(entry.at("rp_address")),
                              private_key(entry.at("rp_key").get<std::string>()).public_key(),
                              unhex_array<20>(entry.at("cookie"))};
    const Bytes plain = unhex(entry.at("rp_info_plain"));
    EXPECT_EQ(hex(encode_body(info)), hex(plain));
    const auto parsed = RendezvousInfo::parse(plain);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(hex(encode_body(*parsed)), hex(plain));
    EXPECT_EQ(sealed_forward(entry, plain, entry.at("rp_info_enc_counter")),
              entry.at("rp_info_enc").get<std::string>());

    const Bytes sealed = unhex(entry.at("rp_info_enc"));
    const CreatedE2e created{entry.at("identifier"), unhex_array<32>(entry.at("responder_ephemeral_pk")),
                             unhex_array<32>(entry.at("auth")), sealed};
    const Bytes packet = build_unsigned(make_prefix(kPublicTunnelOverlay),
                                        static_cast<std::uint8_t>(MessageId::created_e2e), std::nullopt,
                                        encode_body(created));
    EXPECT_EQ(hex(packet), entry.at("created_e2e_packet").get<std::string>());
}

} // namespace
} // namespace cepa::test
