#include "tunnel/cell/payloads.hpp"

#include "support/codec.hpp"
#include "support/packet.hpp"
#include "support/test_random.hpp"

#include <gtest/gtest.h>

namespace cepa::tunnel {
namespace {

using test::expect_message;
using test::Trailing;

const Endpoint kV4{*IpAddress::parse("5.6.7.8"), 910};
const Endpoint kV6{*IpAddress::parse("2001:4860::8"), 53535};
const Bytes kRaw{1, 2, 3, 4, 5};

class Payloads : public ::testing::Test {
protected:
    PublicKey public_key() { return {random_.array<32>(), random_.array<32>()}; }

    test::TestRandom random_;
};

TEST_F(Payloads, Data)
{
    for (const Address& destination : {Address(kV4), Address(kV6), Address("tracker.example", 80), Address()})
        for (const Address& origin : {Address(kV4), Address(kV6), Address()})
            expect_message(Data{destination, origin, kRaw}, Trailing::belong_to_it, kRaw.size());
    expect_message(Data{kV4, {}, {}}, Trailing::belong_to_it);
}

TEST_F(Payloads, DataPointsIntoThePacket)
{
    const Bytes body = test::written([](Writer& w) { Data{kV4, {}, kRaw}.write(w); });
    const auto parsed = Data::parse(body);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->payload.data(), body.data() + body.size() - kRaw.size());
}

TEST_F(Payloads, DataRefusesUnknownAddressTypes)
{
    Bytes body = test::written([](Writer& w) { Data{kV4, kV4, kRaw}.write(w); });
    for (const std::size_t type_at : {0U, 7U}) {
        for (unsigned type = 0; type < 256; ++type) {
            if (type >= 1 && type <= 3) continue;
            Bytes other = body;
            other[type_at] = static_cast<std::uint8_t>(type);
            EXPECT_FALSE(Data::parse(other));
        }
    }
}

TEST_F(Payloads, DataHeaderInPlaceIsTheSameMessage)
{
    for (const Address& destination : {Address(kV4), Address(kV6), Address("tracker.example", 80)}) {
        test::OwnedPacket packet(kRaw);
        const std::uint8_t* payload = packet.bytes().data();
        ASSERT_TRUE(prepend_data_header(packet.buffer(), destination, {}));
        const Bytes expected = test::written([&](Writer& w) { write_message(w, Data{destination, {}, kRaw}); });
        EXPECT_TRUE(std::ranges::equal(packet.bytes(), expected));
        EXPECT_EQ(packet.bytes().last(kRaw.size()).data(), payload); // not moved
    }
}

TEST_F(Payloads, DataHeaderNeedsItsHeadroom)
{
    for (const Address& destination : {Address(kV4), Address(kV6), Address(std::string(200, 'a'), 80)}) {
        const std::size_t size = 1 + encoded_size(destination) + encoded_size(Address());
        Bytes room(size + kRaw.size());
        PacketBuffer fits(room, size, kRaw.size());
        EXPECT_TRUE(prepend_data_header(fits, destination, {}));
        EXPECT_EQ(fits.headroom(), 0U);
        PacketBuffer too_small(room, size - 1, kRaw.size());
        EXPECT_FALSE(prepend_data_header(too_small, destination, {}));
        EXPECT_EQ(too_small.size(), kRaw.size());
        EXPECT_EQ(too_small.headroom(), size - 1);
    }
}

TEST_F(Payloads, Building)
{
    expect_message(Create{0xabcd, public_key(), random_.array<32>()}, Trailing::tolerated);
    expect_message(Created{0xabcd, random_.array<32>(), random_.array<32>(), kRaw}, Trailing::belong_to_it, kRaw.size());
    expect_message(Extended{1, random_.array<32>(), random_.array<32>(), {}}, Trailing::belong_to_it);
    for (const Endpoint& address : {kV4, kV6, Endpoint{}})
        expect_message(Extend{7, public_key(), random_.array<32>(), address}, Trailing::tolerated);
}

TEST_F(Payloads, KeysOfOtherKindsOrSizesAreRefused)
{
    const Create create{1, public_key(), random_.array<32>()};
    const Bytes good = test::written([&](Writer& w) { create.write(w); });
    Bytes legacy = good;
    legacy[4] = 0x30; // DER instead of "LibNaCLPK:"
    EXPECT_FALSE(Create::parse(legacy));
    const Bytes short_key = test::written([&](Writer& w) {
        w.u16(1);
        w.varlen(create.node_key.encode());
        w.varlen(ByteSpan(create.ephemeral).first(31));
        w.u64(0);
    });
    EXPECT_FALSE(Create::parse(short_key));
    const Bytes long_key = test::written([&](Writer& w) {
        w.u16(1);
        w.varlen(create.node_key.encode());
        w.varlen(random_.bytes(33));
    });
    EXPECT_FALSE(Create::parse(long_key));
}

TEST_F(Payloads, ExtendTakesNoHostName)
{
    const Bytes body = test::written([&](Writer& w) {
        w.u16(1);
        w.varlen(public_key().encode());
        w.varlen(random_.array<32>());
        write_address(w, Address("relay.example", 1));
    });
    EXPECT_FALSE(Extend::parse(body));
}

TEST_F(Payloads, PingsAndTests)
{
    expect_message(Ping{0x1234}, Trailing::tolerated);
    expect_message(Pong{0xffff}, Trailing::tolerated);
    expect_message(TestRequest{1, 500, kRaw}, Trailing::belong_to_it, kRaw.size());
    expect_message(TestResponse{1, kRaw}, Trailing::belong_to_it, kRaw.size());
    expect_message(NativeTestRequest{0x12345678, 500, kRaw}, Trailing::belong_to_it, kRaw.size());
    expect_message(NativeTestResponse{0x12345678, kRaw}, Trailing::belong_to_it, kRaw.size());
}

TEST_F(Payloads, Http)
{
    expect_message(HttpRequest{9, Address("tracker.example", 80), kRaw}, Trailing::tolerated);
    expect_message(HttpRequest{9, kV6, {}}, Trailing::tolerated);
    expect_message(HttpResponse{9, 2, 3, kRaw}, Trailing::tolerated);
}

TEST_F(Payloads, MessageIdComesFirst)
{
    const Bytes message = test::written([](Writer& w) { write_message(w, Ping{0x0102}); });
    EXPECT_EQ(message, (Bytes{6, 1, 2}));
}

TEST_F(Payloads, OfferSeparatesExitsByTheFirstOneTwice)
{
    const std::vector<PublicKey> keys{public_key(), public_key(), public_key(), public_key()};
    for (std::size_t relays = 0; relays <= 4; ++relays) {
        const auto middle = keys.begin() + static_cast<std::ptrdiff_t>(relays);
        const Offer offer{{keys.begin(), middle}, {middle, keys.end()}};
        const Bytes encoded = offer.encode();
        EXPECT_EQ(encoded.front(), relays == 4 ? 4 : 5);
        const auto parsed = Offer::parse(encoded);
        ASSERT_TRUE(parsed);
        EXPECT_EQ(parsed->relays, offer.relays);
        EXPECT_EQ(parsed->exits, offer.exits);
        for (std::size_t size = 0; size < encoded.size(); ++size) EXPECT_FALSE(Offer::parse(ByteSpan(encoded).first(size)));
    }
    EXPECT_EQ(Offer{}.encode(), Bytes{0});
}

TEST_F(Payloads, OfferLeavesForeignKeysOut)
{
    const PublicKey relay = public_key();
    const PublicKey exit = public_key();
    const Bytes list = test::written([&](Writer& w) {
        w.u8(5);
        w.varlen(Bytes(66, 0x30));
        w.varlen(relay.encode());
        w.varlen(exit.encode());
        w.varlen(exit.encode());
        w.varlen({});
    });
    const auto parsed = Offer::parse(list);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->relays, std::vector{relay});
    EXPECT_EQ(parsed->exits, std::vector{exit});
}

} // namespace
} // namespace cepa::tunnel
