// Vectors: the messages of cells and the cell header (sections 8 and 12).
#include "support/ipv8_vectors.hpp"
#include "support/packet.hpp"
#include "tunnel/cell/hidden_payloads.hpp"
#include "tunnel/discovery/messages.hpp"
#include "tunnel/discovery/signed_packet.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <map>

namespace cepa::test {
namespace {

using namespace tunnel;
using Json = nlohmann::json;

/// From fields to the message, and from the message through parse() to the message again.
struct Codec {
    std::function<Bytes(const Json&)> from_fields;
    std::function<Bytes(ByteSpan)> again;
};

template <class Message>
Bytes message_bytes(const Message& message)
{
    std::array<std::uint8_t, kMaxSentPacket> room;
    Writer writer(room);
    write_message(writer, message);
    EXPECT_TRUE(writer.ok());
    return {writer.written().begin(), writer.written().end()};
}

template <class Message>
Bytes again(ByteSpan message)
{
    const auto parsed = Message::parse(message.subspan(1));
    return parsed ? message_bytes(*parsed) : Bytes{};
}

template <class Message>
Codec codec(Message (*from_fields)(const Json&))
{
    return {[from_fields](const Json& fields) { return message_bytes(from_fields(fields)); }, again<Message>};
}

/// For messages whose spans must outlive their making.
const Bytes& kept(const Json& text)
{
    static std::map<std::string, Bytes> all;
    return all.try_emplace(text.get<std::string>(), unhex(text)).first->second;
}

template <class Message>
Message identifier_only(const Json& f)
{
    return {f.at("identifier")};
}
template <class Message>
Message with_cookie(const Json& f)
{
    return {f.at("identifier"), unhex_array<20>(f.at("cookie"))};
}
template <class Message>
Message created(const Json& f)
{
    return {f.at("identifier"), unhex_array<32>(f.at("key")), unhex_array<32>(f.at("auth")),
            kept(f.at("candidates_enc"))};
}

Data data(const Json& f)
{
    return {address_of(f.at("dest_address")), address_of(f.at("org_address")), kept(f.at("data"))};
}
Create create(const Json& f)
{
    return {f.at("identifier"), public_key_of(f.at("node_public_key")), unhex_array<32>(f.at("key"))};
}
Extend extend(const Json& f)
{
    return {f.at("identifier"), public_key_of(f.at("node_public_key")), unhex_array<32>(f.at("key")),
            endpoint_of(f.at("node_addr"))};
}
EstablishIntro establish_intro(const Json& f)
{
    return {f.at("identifier"), unhex_array<20>(f.at("info_hash")), public_key_of(f.at("public_key"))};
}
RendezvousEstablished rendezvous_established(const Json& f)
{
    return {f.at("identifier"), endpoint_of(f.at("rendezvous_point_addr"))};
}
CreateE2e create_e2e(const Json& f)
{
    return {f.at("identifier"), unhex_array<20>(f.at("info_hash")), public_key_of(f.at("node_public_key")),
            unhex_array<32>(f.at("key"))};
}
CreatedE2e created_e2e(const Json& f)
{
    return {f.at("identifier"), unhex_array<32>(f.at("key")), unhex_array<32>(f.at("auth")),
            kept(f.at("rp_info_enc"))};
}
PeersRequest peers_request(const Json& f) { return {f.at("identifier"), unhex_array<20>(f.at("info_hash"))}; }
PeersResponse peers_response(const Json& f)
{
    PeersResponse out{f.at("identifier"), unhex_array<20>(f.at("info_hash")), {}};
    for (const Json& peer : f.at("peers"))
        out.peers.push_back({endpoint_of(peer.at("address")), public_key_of(peer.at("key")),
                             public_key_of(peer.at("seeder_pk")), peer.at("source")});
    return out;
}
template <class Message>
Message test_request(const Json& f)
{
    return {f.at("identifier"), f.at("response_size"), kept(f.at("data"))};
}
template <class Message>
Message test_response(const Json& f)
{
    return {f.at("identifier"), kept(f.at("data"))};
}
HttpRequest http_request(const Json& f)
{
    return {f.at("identifier"), address_of(f.at("target")), kept(f.at("request"))};
}
HttpResponse http_response(const Json& f)
{
    return {f.at("identifier"), f.at("part"), f.at("total"), kept(f.at("response"))};
}

const std::map<std::string, Codec> kCodecs{
    {"data-ipv4", codec(data)},
    {"data-ipv6", codec(data)},
    {"data-domain", codec(data)},
    {"data-from-exit", codec(data)},
    {"create", codec(create)},
    {"created", codec(created<Created>)},
    {"extend-known", codec(extend)},
    {"extend-address", codec(extend)},
    {"extended", codec(created<Extended>)},
    {"ping", codec(identifier_only<Ping>)},
    {"pong", codec(identifier_only<Pong>)},
    {"establish-intro", codec(establish_intro)},
    {"intro-established", codec(identifier_only<IntroEstablished>)},
    {"establish-rendezvous", codec(with_cookie<EstablishRendezvous>)},
    {"rendezvous-established", codec(rendezvous_established)},
    {"link-e2e", codec(with_cookie<LinkE2e>)},
    {"linked-e2e", codec(identifier_only<LinkedE2e>)},
    {"peers-request", codec(peers_request)},
    {"peers-response", codec(peers_response)},
    {"test-request", codec(test_request<TestRequest>)},
    {"test-response", codec(test_response<TestResponse>)},
    {"http-request", codec(http_request)},
    {"http-response", codec(http_response)},
    {"created-e2e (inner)", codec(created_e2e)},
    {"create-e2e (inner)", codec(create_e2e)},
    {"rust-test-request", codec(test_request<NativeTestRequest>)},
    {"rust-test-response", codec(test_response<NativeTestResponse>)},
};

/// Destroy is no cell message of ours; the recorded form lacks the circuit id that the signed packet carries.
Bytes destroy_message(const Json& fields)
{
    const Bytes body = encode_body(Destroy{CircuitId(fields.at("circuit_id").get<std::uint32_t>()), fields.at("reason")});
    Bytes out{static_cast<std::uint8_t>(MessageId::destroy)};
    out.insert(out.end(), body.begin() + 4, body.end());
    return out;
}

/// Messages that only travel inside data are recorded as a whole packet, whose body is that of the message.
Bytes message_of(const Json& entry)
{
    if (entry.contains("message")) return unhex(entry.at("message"));
    const Bytes packet = unhex(entry.at("unwrapped"));
    return {packet.begin() + kMessageIdOffset, packet.end()};
}

TEST(VectorsCells, MessagesBothWays)
{
    const Json& all = ipv8_vectors().at("cells");
    ASSERT_GE(all.size(), 28U);
    for (const Json& entry : all) {
        const auto name = entry.at("name").get<std::string>();
        SCOPED_TRACE(name);
        const Bytes message = message_of(entry);
        ASSERT_FALSE(message.empty());
        EXPECT_EQ(message.front(), entry.at("msg_id").get<std::uint8_t>());
        if (name == "destroy") {
            EXPECT_EQ(hex(destroy_message(entry.at("fields"))), hex(message));
            continue;
        }
        const Codec& found = kCodecs.at(name);
        EXPECT_EQ(hex(found.from_fields(entry.at("fields"))), hex(message));
        EXPECT_EQ(hex(found.again(message)), hex(message));
    }
}

TEST(VectorsCells, HeadersBothWays)
{
    std::size_t seen = 0;
    for (const Json& entry : ipv8_vectors().at("cells")) {
        if (!entry.contains("cell_before_encryption")) continue;
        ++seen;
        SCOPED_TRACE(entry.at("name").get<std::string>());
        const Bytes cell = unhex(entry.at("cell_before_encryption"));
        const Bytes message = message_of(entry);
        const CircuitId circuit(entry.at("fields").at("circuit_id").get<std::uint32_t>());
        const CellHeader header{circuit, entry.at("plaintext_flag"), false};
        EXPECT_EQ(read_cell_header(cell), header);
        EXPECT_TRUE(has_prefix(cell, make_prefix(kPublicTunnelOverlay)));

        OwnedPacket packet(message);
        prepend_cell_header(packet.buffer(), make_prefix(kPublicTunnelOverlay), header);
        EXPECT_EQ(hex(packet.bytes()), hex(cell));
        EXPECT_EQ(packet.bytes().size(), cell_size(message.size(), 0));
    }
    EXPECT_GE(seen, 20U);
}

/// The form with the circuit id behind the message id, which travels outside cells.
TEST(VectorsCells, UnwrappedForm)
{
    for (const Json& entry : ipv8_vectors().at("cells")) {
        if (!entry.contains("unwrapped")) continue;
        SCOPED_TRACE(entry.at("name").get<std::string>());
        const Bytes message = message_of(entry);
        Bytes body;
        if (entry.at("fields").contains("circuit_id")) {
            body.resize(4);
            Writer(body).u32(entry.at("fields").at("circuit_id"));
        }
        body.insert(body.end(), message.begin() + 1, message.end());
        const Bytes built = build_unsigned(make_prefix(kPublicTunnelOverlay), message.front(), std::nullopt, body);
        EXPECT_EQ(hex(built), entry.at("unwrapped").get<std::string>());
    }
}

TEST(VectorsCells, DataHeaderInPlace)
{
    for (const Json& entry : ipv8_vectors().at("cells")) {
        if (entry.at("msg_id") != 1) continue;
        SCOPED_TRACE(entry.at("name").get<std::string>());
        const Data from = data(entry.at("fields"));
        OwnedPacket packet(from.payload);
        ASSERT_TRUE(prepend_data_header(packet.buffer(), from.destination, from.origin));
        EXPECT_EQ(hex(packet.bytes()), entry.at("message").get<std::string>());
        const auto parsed = Data::parse(packet.bytes().subspan(1));
        ASSERT_TRUE(parsed);
        EXPECT_EQ(parsed->destination, from.destination);
        EXPECT_EQ(parsed->origin, from.origin);
        EXPECT_EQ(parsed->payload.data() + parsed->payload.size(), packet.bytes().data() + packet.bytes().size());
    }
}

} // namespace
} // namespace cepa::test
