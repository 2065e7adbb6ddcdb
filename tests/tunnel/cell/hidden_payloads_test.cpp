#include "tunnel/cell/hidden_payloads.hpp"

#include "support/codec.hpp"
#include "support/test_random.hpp"

#include <gtest/gtest.h>

namespace cepa::tunnel {
namespace {

using test::expect_message;
using test::Trailing;

const Endpoint kV4{*IpAddress::parse("5.6.7.8"), 910};
const Endpoint kV6{*IpAddress::parse("2001:4860::8"), 53535};

class HiddenPayloads : public ::testing::Test {
protected:
    PublicKey public_key() { return {random_.array<32>(), random_.array<32>()}; }

    test::TestRandom random_;
};

TEST_F(HiddenPayloads, CircuitMessages)
{
    expect_message(EstablishIntro{3, random_.array<20>(), public_key()}, Trailing::tolerated);
    expect_message(IntroEstablished{3}, Trailing::tolerated);
    expect_message(EstablishRendezvous{3, random_.array<20>()}, Trailing::tolerated);
    expect_message(RendezvousEstablished{3, kV4}, Trailing::tolerated);
    expect_message(RendezvousEstablished{3, kV6}, Trailing::tolerated);
    expect_message(LinkE2e{3, random_.array<20>()}, Trailing::tolerated);
    expect_message(LinkedE2e{3}, Trailing::tolerated);
}

TEST_F(HiddenPayloads, EndToEnd)
{
    const Bytes sealed = random_.bytes(60);
    expect_message(CreateE2e{9, random_.array<20>(), public_key(), random_.array<32>()}, Trailing::tolerated);
    expect_message(CreatedE2e{9, random_.array<32>(), random_.array<32>(), sealed}, Trailing::belong_to_it, 60);
    for (const Endpoint& address : {kV4, kV6})
        expect_message(RendezvousInfo{address, public_key(), random_.array<20>()}, Trailing::tolerated);
}

TEST_F(HiddenPayloads, PeersRequestAndResponse)
{
    expect_message(PeersRequest{9, random_.array<20>()}, Trailing::tolerated);
    PeersResponse response{9, random_.array<20>(), {}};
    expect_message(response, Trailing::tolerated);
    response.peers.push_back({kV4, public_key(), public_key(), 1});
    response.peers.push_back({kV6, public_key(), public_key(), 2});
    expect_message(response, Trailing::tolerated);
}

TEST_F(HiddenPayloads, PeersWithForeignKeysAreLeftOut)
{
    const PublicKey good = public_key();
    const auto write_peer = [&](Writer& w, ByteSpan key) {
        w.u16(static_cast<std::uint16_t>(kEncodedV4Size + 2 + key.size() + 2 + kEncodedKeySize + 1));
        write_endpoint(w, kV4);
        w.varlen(key);
        w.varlen(good.encode());
        w.u8(1);
    };
    const Bytes body = test::written([&](Writer& w) {
        w.u16(1);
        w.bytes(random_.array<20>());
        w.u8(2);
        write_peer(w, Bytes(66, 0x30));
        write_peer(w, good.encode());
    });
    const auto parsed = PeersResponse::parse(body);
    ASSERT_TRUE(parsed);
    ASSERT_EQ(parsed->peers.size(), 1U);
    EXPECT_EQ(parsed->peers.front().key, good);
}

} // namespace
} // namespace cepa::tunnel
