// Vectors: the DHT's messages, node ids and values (sections 14.5 and 15).
#include "support/ipv8_vectors.hpp"
#include "tunnel/discovery/dht_messages.hpp"
#include "tunnel/discovery/messages.hpp"
#include "tunnel/discovery/signed_packet.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <list>
#include <map>

namespace cepa::test {
namespace {

using namespace tunnel;
using Json = nlohmann::json;

const Json& dht() { return ipv8_vectors().at("dht"); }

struct Codec {
    std::function<Bytes(const Json&)> from_fields;
    std::function<Bytes(ByteSpan)> again;
};

template <class Message>
Bytes again(ByteSpan body)
{
    const auto parsed = Message::parse(body);
    return parsed ? encode_body(*parsed) : Bytes{};
}
template <class Message>
Codec codec(Message (*from_fields)(const Json&))
{
    return {[from_fields](const Json& f) { return encode_body(from_fields(f)); }, again<Message>};
}

std::vector<ByteSpan> values_of(const Json& f)
{
    static std::list<Bytes> kept; // the messages only point to them
    std::vector<ByteSpan> out;
    for (const Json& value : f.at("values")) out.emplace_back(kept.emplace_back(unhex(value)));
    return out;
}

std::vector<DhtNode> nodes_of(const Json& f)
{
    std::vector<DhtNode> out;
    for (const Json& node : f.at("nodes")) {
        out.push_back({endpoint_of(node.at("address")), public_key_of(node.at("public_key"))});
        EXPECT_EQ(hex(dht_node_id(out.back().address.ip, out.back().key.mid())), node.at("node_id").get<std::string>());
    }
    return out;
}

DhtPlain plain(const Json& f) { return {f.at("identifier")}; }
DhtStoreRequest store(const Json& f)
{
    return {f.at("identifier"), unhex_array<20>(f.at("token")), unhex_array<20>(f.at("target")), values_of(f)};
}
DhtFindRequest find(const Json& f)
{
    return {f.at("identifier"), endpoint_of(f.at("lan_address")), unhex_array<20>(f.at("target")), f.at("offset"),
            f.at("force_nodes")};
}
DhtFindResponse found(const Json& f)
{
    return {f.at("identifier"), unhex_array<20>(f.at("token")), values_of(f), nodes_of(f)};
}
DhtStorePeerRequest store_peer(const Json& f)
{
    return {f.at("identifier"), unhex_array<20>(f.at("token")), unhex_array<20>(f.at("target"))};
}
DhtConnectPeerRequest connect_peer(const Json& f)
{
    return {f.at("identifier"), endpoint_of(f.at("lan_address")), unhex_array<20>(f.at("target"))};
}
DhtConnectPeerResponse connected_peer(const Json& f) { return {f.at("identifier"), nodes_of(f)}; }

const std::map<std::uint8_t, Codec> kCodecs{
    {dht_id::kPingRequest, codec(plain)},
    {dht_id::kPingResponse, codec(plain)},
    {dht_id::kStoreRequest, codec(store)},
    {dht_id::kStoreResponse, codec(plain)},
    {dht_id::kFindRequest, codec(find)},
    {dht_id::kFindResponse, codec(found)},
    {dht_id::kStorePeerRequest, codec(store_peer)},
    {dht_id::kStorePeerResponse, codec(plain)},
    {dht_id::kConnectPeerRequest, codec(connect_peer)},
    {dht_id::kConnectPeerResponse, codec(connected_peer)},
};

TEST(VectorsDht, PacketsBothWays)
{
    ASSERT_GE(dht().at("packets").size(), 12U);
    for (const Json& entry : dht().at("packets")) {
        SCOPED_TRACE(entry.at("name").get<std::string>());
        const std::uint8_t id = entry.at("msg_id");
        const Codec& found_codec = kCodecs.at(id);
        const PrivateKey key = private_key(entry.at("signer"));
        const Bytes packet = unhex(entry.at("packet"));
        const Bytes body = found_codec.from_fields(entry.at("fields"));
        EXPECT_EQ(unhex_array<20>(entry.at("community_id")), kDhtOverlay);
        EXPECT_EQ(hex(build_signed(make_prefix(kDhtOverlay), id, key, std::nullopt, body)), hex(packet));
        const auto opened = open_signed(packet, TimeField::absent);
        ASSERT_TRUE(opened);
        EXPECT_EQ(opened->message_id, id);
        EXPECT_EQ(opened->key, key.public_key());
        EXPECT_EQ(hex(found_codec.again(opened->body)), hex(body));
    }
}

TEST(VectorsDht, NodeIds)
{
    ASSERT_FALSE(dht().at("node_ids").empty());
    for (const Json& entry : dht().at("node_ids"))
        EXPECT_EQ(hex(dht_node_id(endpoint_of(entry.at("address")).ip, unhex_array<20>(entry.at("mid")))),
                  entry.at("node_id").get<std::string>());
}

PublicKey bare_key(const Json& text)
{
    const Bytes bytes = unhex(text);
    Reader reader(bytes);
    PublicKey out;
    out.x25519 = reader.array<32>();
    out.ed25519 = reader.array<32>();
    return out;
}

void expect_introduction_point(const Json& entry)
{
    const Json& f = entry.at("fields");
    const IntroductionPointRecord record{endpoint_of(f.at("address")), f.at("last_seen"), bare_key(f.at("intro_pk")),
                                         bare_key(f.at("seeder_pk"))};
    const Bytes data = unhex(entry.at("data"));
    EXPECT_EQ(hex(encode_body(record)), hex(data));
    EXPECT_EQ(hex(again<IntroductionPointRecord>(data)), hex(data));
    EXPECT_EQ(hex(DhtValue::encode_unsigned(data)), entry.at("value").get<std::string>());
    const Bytes value = unhex(entry.at("value"));
    const auto parsed = DhtValue::parse(value);
    ASSERT_TRUE(parsed);
    EXPECT_FALSE(parsed->signer);
    EXPECT_EQ(hex(parsed->data), hex(data));
}

void expect_signed(const Json& entry)
{
    const PrivateKey key = private_key(entry.at("signer"));
    const Bytes data = unhex(entry.at("data"));
    EXPECT_EQ(hex(DhtValue::encode_signed(data, entry.at("version"), key)), entry.at("value").get<std::string>());
    const Bytes value = unhex(entry.at("value"));
    const auto parsed = DhtValue::parse(value);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->signer, key.public_key());
    EXPECT_EQ(parsed->version, entry.at("version").get<std::uint32_t>());
    EXPECT_EQ(hex(parsed->data), hex(data));
}

TEST(VectorsDht, Values)
{
    ASSERT_EQ(dht().at("values").size(), 3U);
    expect_introduction_point(dht().at("values").at(0));
    expect_signed(dht().at("values").at(1));
    // The last one is the signed value with one byte of its data changed.
    const Bytes tampered = unhex(dht().at("values").at(2).at("value"));
    const Bytes good = unhex(dht().at("values").at(1).at("value"));
    EXPECT_EQ(DhtValue::parse(tampered).has_value(), dht().at("values").at(2).at("valid").get<bool>());
    ASSERT_EQ(tampered.size(), good.size());
    std::size_t changed = 0;
    for (std::size_t i = 0; i < good.size(); ++i) changed += good[i] != tampered[i] ? 1 : 0;
    EXPECT_EQ(changed, 1U);
}

} // namespace
} // namespace cepa::test
