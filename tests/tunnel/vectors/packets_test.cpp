// Vectors: whole datagrams outside cells (sections 4, 5, 6, 11.5 and 14), one that must be rejected, a bootstrap
// server's answer and the LAN beacon.
#include "support/ipv8_vectors.hpp"
#include "tunnel/cell/hidden_payloads.hpp"
#include "tunnel/discovery/messages.hpp"
#include "tunnel/discovery/signed_packet.hpp"
#include "tunnel/error.hpp"
#include "tunnel/hidden_services/names.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <map>

namespace cepa::test {
namespace {

using namespace tunnel;
using Json = nlohmann::json;

bool flag(const Json& fields, const char* name) { return fields.at(name).get<int>() != 0; }
/// Of a flag that the new style has no bit for.
bool old_flag(Style style, const Json& fields, const char* name)
{
    EXPECT_FALSE(style == Style::new_style && flag(fields, name)) << name;
    return flag(fields, name);
}

Bytes extra_of(const Json& fields)
{
    if (fields.contains("extra_bytes")) return unhex(fields.at("extra_bytes"));
    const Json& keys = fields.at("seeder_pks"); // PEX: a list of swarm keys
    Bytes out(1 + keys.size() * (2 + kEncodedKeySize));
    Writer writer(out);
    writer.u8(static_cast<std::uint8_t>(keys.size()));
    for (const Json& key : keys) writer.varlen(unhex(key));
    return out;
}

std::vector<OverlayId> overlays_of(const Json& fields)
{
    std::vector<OverlayId> out;
    for (const Json& id : fields.at("community_ids")) out.push_back(unhex_array<20>(id));
    return out;
}

Bytes request_body(Style style, const Json& f)
{
    const Bytes extra = extra_of(f);
    return encode_body(IntroductionRequest{style, endpoint_of(f.at("destination")), endpoint_of(f.at("source_lan")),
                                           endpoint_of(f.at("source_wan")), old_flag(style, f, "supports_new_style"),
                                           old_flag(style, f, "advice"), f.at("identifier"), extra});
}

Bytes response_body(Style style, const Json& f)
{
    const Bytes extra = extra_of(f);
    return encode_body(IntroductionResponse{
        style, endpoint_of(f.at("destination")), endpoint_of(f.at("source_lan")), endpoint_of(f.at("source_wan")),
        endpoint_of(f.at("introduction_lan")), endpoint_of(f.at("introduction_wan")), old_flag(style, f, "supports_new_style"),
        flag(f, "intro_supports_new_style"), old_flag(style, f, "peer_limit_reached"), f.at("identifier"), extra});
}

Bytes puncture_request_body(Style style, const Json& f)
{
    return encode_body(
        PunctureRequest{style, endpoint_of(f.at("lan_walker")), endpoint_of(f.at("wan_walker")), f.at("identifier")});
}

Bytes puncture_body(Style style, const Json& f)
{
    return encode_body(
        Puncture{style, endpoint_of(f.at("source_lan")), endpoint_of(f.at("source_wan")), f.at("identifier")});
}

/// The messages that name a circuit in front of the cell's body when they travel outside cells (section 8).
template <class Message>
Bytes with_circuit(const Json& fields, const Message& message)
{
    const Bytes body = encode_body(message);
    Bytes out(4 + body.size());
    Writer writer(out);
    writer.u32(fields.at("circuit_id"));
    writer.bytes(body);
    return out;
}

Bytes peers_response_body(const Json& f)
{
    PeersResponse message{f.at("identifier"), unhex_array<20>(f.at("info_hash")), {}};
    for (const Json& peer : f.at("peers"))
        message.peers.push_back({endpoint_of(peer.at("address")), public_key_of(peer.at("key")),
                                 public_key_of(peer.at("seeder_pk")), peer.at("source")});
    return with_circuit(f, message);
}

/// What parsing `body` and writing it again yields; empty when it cannot be parsed.
template <class Message>
Bytes again(ByteSpan body)
{
    const auto parsed = Message::parse(body);
    return parsed ? encode_body(*parsed) : Bytes{};
}
template <class Message, Style S>
Bytes again_in_style(ByteSpan body)
{
    const auto parsed = Message::parse(S, body);
    return parsed ? encode_body(*parsed) : Bytes{};
}
template <class Message>
Bytes again_after_circuit(ByteSpan body)
{
    Bytes out(body.begin(), body.begin() + 4);
    const Bytes rest = again<Message>(body.subspan(4));
    out.insert(out.end(), rest.begin(), rest.end());
    return out;
}

struct Codec {
    std::function<Bytes(const Json&)> from_fields;
    std::function<Bytes(ByteSpan)> again;
};

template <Style S>
Codec styled(Bytes (*from_fields)(Style, const Json&), Bytes (*reparse)(ByteSpan))
{
    return {[from_fields](const Json& f) { return from_fields(S, f); }, reparse};
}

constexpr Style kOld = Style::old_style;
constexpr Style kNew = Style::new_style;

const std::map<std::string, Codec> kCodecs{
    {"introduction-request", styled<kOld>(request_body, again_in_style<IntroductionRequest, kOld>)},
    {"introduction-request-new", styled<kNew>(request_body, again_in_style<IntroductionRequest, kNew>)},
    {"introduction-response", styled<kOld>(response_body, again_in_style<IntroductionResponse, kOld>)},
    {"introduction-response-nobody", styled<kOld>(response_body, again_in_style<IntroductionResponse, kOld>)},
    {"introduction-response-new", styled<kNew>(response_body, again_in_style<IntroductionResponse, kNew>)},
    {"puncture-request", styled<kOld>(puncture_request_body, again_in_style<PunctureRequest, kOld>)},
    {"puncture-request-new", styled<kNew>(puncture_request_body, again_in_style<PunctureRequest, kNew>)},
    {"puncture", styled<kOld>(puncture_body, again_in_style<Puncture, kOld>)},
    {"puncture-new", styled<kNew>(puncture_body, again_in_style<Puncture, kNew>)},
    {"pex-introduction-request", styled<kOld>(request_body, again_in_style<IntroductionRequest, kOld>)},
    {"destroy",
     {[](const Json& f) {
          return encode_body(Destroy{CircuitId(f.at("circuit_id").get<std::uint32_t>()), f.at("reason")});
      },
      again<Destroy>}},
    {"create-e2e (socket form)",
     {[](const Json& f) {
          return encode_body(CreateE2e{f.at("identifier"), unhex_array<20>(f.at("info_hash")),
                                       public_key_of(f.at("node_public_key")), unhex_array<32>(f.at("key"))});
      },
      again<CreateE2e>}},
    {"peers-request (socket form)",
     {[](const Json& f) {
          return with_circuit(f, PeersRequest{f.at("identifier"), unhex_array<20>(f.at("info_hash"))});
      },
      again_after_circuit<PeersRequest>}},
    {"peers-response (socket form)", {peers_response_body, again_after_circuit<PeersResponse>}},
    {"similarity-request",
     {[](const Json& f) {
          return encode_body(SimilarityRequest{f.at("identifier"), endpoint_of(f.at("lan")), endpoint_of(f.at("wan")),
                                               overlays_of(f)});
      },
      again<SimilarityRequest>}},
    {"similarity-response",
     {[](const Json& f) { return encode_body(SimilarityResponse{f.at("identifier"), overlays_of(f)}); },
      again<SimilarityResponse>}},
    {"discovery-ping", {[](const Json& f) { return encode_body(DiscoveryPing{f.at("identifier")}); }, again<DiscoveryPing>}},
    {"discovery-pong", {[](const Json& f) { return encode_body(DiscoveryPing{f.at("identifier")}); }, again<DiscoveryPing>}},
};

/// Opens the frame as the entry describes it, compares what it says, and returns its body.
ByteSpan open_frame(const Json& entry, ByteSpan packet)
{
    const bool timed = !entry.at("global_time").is_null();
    const TimeField time = timed ? TimeField::present : TimeField::absent;
    const std::uint64_t expected_time = timed ? entry.at("global_time").get<std::uint64_t>() : 0;
    if (entry.at("signer").is_null()) {
        const auto opened = open_unsigned(packet, time);
        EXPECT_TRUE(opened && opened->message_id == entry.at("msg_id") && opened->global_time == expected_time);
        return opened ? opened->body : ByteSpan{};
    }
    const auto opened = open_signed(packet, time);
    EXPECT_TRUE(opened && opened->message_id == entry.at("msg_id") && opened->global_time == expected_time &&
                opened->key == private_key(entry.at("signer")).public_key());
    return opened ? opened->body : ByteSpan{};
}

Bytes build_frame(const Json& entry, ByteSpan body)
{
    const Prefix prefix = make_prefix(unhex_array<20>(entry.at("community_id")));
    const std::uint8_t id = entry.at("msg_id");
    std::optional<std::uint64_t> time;
    if (!entry.at("global_time").is_null()) time = entry.at("global_time").get<std::uint64_t>();
    if (entry.at("signer").is_null()) return build_unsigned(prefix, id, time, body);
    return build_signed(prefix, id, private_key(entry.at("signer")), time, body);
}

TEST(VectorsPackets, BothWays)
{
    const Json& all = ipv8_vectors().at("packets");
    ASSERT_GE(all.size(), 18U);
    for (const Json& entry : all) {
        SCOPED_TRACE(entry.at("name").get<std::string>());
        const Codec& codec = kCodecs.at(entry.at("name").get<std::string>());
        const Bytes packet = unhex(entry.at("packet"));
        const Bytes body = codec.from_fields(entry.at("fields"));
        if (entry.at("name") == "pex-introduction-request") {
            EXPECT_EQ(pex_overlay(unhex_array<20>(entry.at("fields").at("info_hash"))),
                      unhex_array<20>(entry.at("community_id")));
        }
        EXPECT_EQ(hex(build_frame(entry, body)), hex(packet));
        const ByteSpan opened = open_frame(entry, packet);
        EXPECT_EQ(hex(opened), hex(body));
        EXPECT_EQ(hex(codec.again(opened)), hex(body));
    }
}

template <class Message>
std::uint8_t id_in(Style style)
{
    Message message;
    message.style = style;
    return message.message_id();
}

TEST(VectorsPackets, MessageIdsFollowTheStyle)
{
    const std::map<std::string, std::uint8_t> ids{
        {"introduction-request", id_in<IntroductionRequest>(kOld)},
        {"introduction-request-new", id_in<IntroductionRequest>(kNew)},
        {"introduction-response", id_in<IntroductionResponse>(kOld)},
        {"introduction-response-new", id_in<IntroductionResponse>(kNew)},
        {"puncture-request", id_in<PunctureRequest>(kOld)},
        {"puncture-request-new", id_in<PunctureRequest>(kNew)},
        {"puncture", id_in<Puncture>(kOld)},
        {"puncture-new", id_in<Puncture>(kNew)},
    };
    std::size_t seen = 0;
    for (const Json& entry : ipv8_vectors().at("packets")) {
        const auto id = ids.find(entry.at("name").get<std::string>());
        if (id == ids.end()) continue;
        ++seen;
        EXPECT_EQ(id->second, entry.at("msg_id").get<std::uint8_t>()) << id->first;
    }
    EXPECT_EQ(seen, ids.size());
}

TEST(VectorsPackets, BadSignatureIsRejected)
{
    // The datagram is otherwise the first recorded one: anything but its one changed byte would reject it elsewhere.
    const Bytes packet = unhex(ipv8_vectors().at("bad_signature"));
    const Bytes good = unhex(ipv8_vectors().at("packets").at(0).at("packet"));
    ASSERT_EQ(packet.size(), good.size());
    std::size_t changed = 0;
    for (std::size_t i = 0; i < good.size(); ++i) changed += packet[i] != good[i] ? 1 : 0;
    EXPECT_EQ(changed, 1U);
    const auto opened = open_signed(packet, TimeField::present);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error(), TunnelError::bad_signature);
}

TEST(VectorsPackets, BootstrapServersAnswer)
{
    const Json& entry = ipv8_vectors().at("tracker_response");
    const Json& f = entry.at("fields");
    const Bytes packet = unhex(entry.at("packet"));
    EXPECT_FALSE(open_signed(packet, TimeField::present)); // its key is no node key
    const auto parsed = parse_server_response(packet);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(hex(parsed->key), entry.at("public_key").get<std::string>());
    EXPECT_EQ(parsed->global_time, entry.at("global_time").get<std::uint64_t>());
    EXPECT_EQ(parsed->response.destination, endpoint_of(f.at("destination")));
    EXPECT_EQ(parsed->response.source_lan, endpoint_of(f.at("source_lan")));
    EXPECT_EQ(parsed->response.source_wan, endpoint_of(f.at("source_wan")));
    EXPECT_EQ(parsed->response.introduced_lan, endpoint_of(f.at("introduction_lan")));
    EXPECT_EQ(parsed->response.introduced_wan, endpoint_of(f.at("introduction_wan")));
    EXPECT_EQ(parsed->response.identifier, f.at("identifier").get<std::uint16_t>());
    const unsigned bits = f.at("bits");
    EXPECT_EQ(parsed->response.supports_new_style, (bits & 0x10U) != 0);
    EXPECT_EQ(parsed->response.introduced_new_style, (bits & 0x08U) != 0);
    EXPECT_EQ(parsed->response.full, (bits & 0x04U) != 0);
    EXPECT_EQ(bits & ~0x1cU, 0U);

    // All but the signature, which nobody can repeat, is as we would write it.
    const Bytes body = encode_body(parsed->response);
    Bytes rebuilt(packet.begin(), packet.begin() + kPrefixSize + 1);
    Bytes rest(2 + parsed->key.size() + 8 + body.size());
    Writer writer(rest);
    writer.varlen(unhex(entry.at("public_key")));
    writer.u64(entry.at("global_time"));
    writer.bytes(body);
    rebuilt.insert(rebuilt.end(), rest.begin(), rest.end());
    const std::size_t signature = entry.at("signature_length");
    EXPECT_EQ(hex(rebuilt), hex(ByteSpan(packet).first(packet.size() - signature)));
    EXPECT_TRUE(has_prefix(packet, make_prefix(kPublicTunnelOverlay)));
}

TEST(VectorsPackets, Beacon)
{
    const Json& entry = ipv8_vectors().at("broadcast_beacon");
    const auto prefix = unhex_array<kPrefixSize>(entry.at("prefix"));
    EXPECT_EQ(prefix, make_prefix(kIpv8TunnelOverlay));
    EXPECT_EQ(hex(encode_beacon(prefix)), entry.at("packet").get<std::string>());
    EXPECT_EQ(parse_beacon(unhex(entry.at("packet"))), prefix);
}

} // namespace
} // namespace cepa::test
