#include "socks5/message.hpp"

#include "support/packet.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cepa::socks5 {
namespace {

Bytes bytes(std::initializer_list<int> values)
{
    Bytes out;
    for (const int v : values) out.push_back(static_cast<std::uint8_t>(v));
    return out;
}

Bytes with_text(std::initializer_list<int> before, std::string_view text, std::initializer_list<int> after)
{
    Bytes out = bytes(before);
    out.insert(out.end(), text.begin(), text.end());
    const Bytes end = bytes(after);
    out.insert(out.end(), end.begin(), end.end());
    return out;
}

Endpoint endpoint(const char* text) { return Endpoint::parse(text).value(); }

TEST(Socks5Greeting, NamesTheMethodsOffered)
{
    Greeting out;
    ASSERT_EQ(parse_greeting(bytes({5, 1, 0}), out), Parse::complete);
    EXPECT_TRUE(out.offers_none);
    EXPECT_FALSE(out.offers_login);
    EXPECT_EQ(out.size, 3U);
    ASSERT_EQ(parse_greeting(bytes({5, 3, 1, 2, 0x80, 0xaa}), out), Parse::complete);
    EXPECT_FALSE(out.offers_none);
    EXPECT_TRUE(out.offers_login);
    EXPECT_EQ(out.size, 5U) << "the byte behind the greeting is not part of it";
    ASSERT_EQ(parse_greeting(bytes({5, 0}), out), Parse::complete);
    EXPECT_FALSE(out.offers_none || out.offers_login);
}

TEST(Socks5Greeting, OtherProtocolsAreToldByTheFirstByte)
{
    Greeting out;
    EXPECT_EQ(parse_greeting(bytes({4}), out), Parse::bad_version);
    EXPECT_EQ(parse_greeting(as_bytes("GET / HTTP/1.1"), out), Parse::bad_version);
}

TEST(Socks5Login, YieldsNameAndPassword)
{
    Login out;
    const Bytes message = with_text({1, 5}, "alice", {3, 'a', 'b', 'c', 9});
    ASSERT_EQ(parse_login(message, out), Parse::complete);
    EXPECT_EQ(out.user, "alice");
    EXPECT_EQ(out.password, "abc");
    EXPECT_EQ(out.size, message.size() - 1);
    EXPECT_EQ(parse_login(bytes({5, 1}), out), Parse::bad_version) << "RFC 1929 has version 1";
    ASSERT_EQ(parse_login(bytes({1, 0, 0}), out), Parse::complete);
    EXPECT_TRUE(out.user.empty() && out.password.empty());
}

TEST(Socks5Request, ReadsEachKindOfAddress)
{
    Request out;
    ASSERT_EQ(parse_request(bytes({5, 3, 0, 1, 127, 0, 0, 1, 0x1a, 0xe1}), out), Parse::complete);
    EXPECT_EQ(out.command, static_cast<std::uint8_t>(Command::udp_associate));
    EXPECT_EQ(out.address, Address(endpoint("127.0.0.1:6881")));
    ASSERT_EQ(parse_request(with_text({5, 1, 0, 3, 11}, "example.org", {0, 80}), out), Parse::complete);
    EXPECT_EQ(out.address, Address("example.org", 80));
    EXPECT_EQ(out.size, 18U);
    ASSERT_EQ(parse_request(bytes({5, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1}), out), Parse::complete);
    EXPECT_EQ(out.address, Address(endpoint("[::1]:1"))) << "a name of the request before leaves no trace";
}

TEST(Socks5Request, UnknownAddressTypeIsToldBeforeTheRestArrives)
{
    Request out;
    EXPECT_EQ(parse_request(bytes({5, 3, 0, 2}), out), Parse::bad_address_type);
    EXPECT_EQ(parse_request(bytes({5, 3, 0, 3, 0, 0, 0}), out), Parse::malformed) << "an empty name";
    EXPECT_EQ(parse_request(with_text({5, 3, 0, 3, 3}, "a\nb", {0, 80}), out), Parse::malformed);
}

TEST(Socks5Request, EveryBeginningIsIncomplete)
{
    const std::vector<Bytes> requests = {bytes({5, 3, 0, 1, 1, 2, 3, 4, 5, 6}),
                                         with_text({5, 3, 0, 3, 11}, "example.org", {0, 80}),
                                         bytes({5, 3, 0, 4, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 0, 1})};
    for (const Bytes& request : requests) {
        Request out;
        for (std::size_t length = 0; length < request.size(); ++length)
            EXPECT_EQ(parse_request(ByteSpan(request).first(length), out), Parse::incomplete) << length;
        EXPECT_EQ(parse_request(request, out), Parse::complete);
        EXPECT_EQ(out.size, request.size());
    }
    const Bytes login = with_text({1, 5}, "alice", {3, 'a', 'b', 'c'});
    for (std::size_t length = 0; length < login.size(); ++length) {
        Login out;
        EXPECT_EQ(parse_login(ByteSpan(login).first(length), out), Parse::incomplete) << length;
    }
    const Bytes greeting = bytes({5, 2, 0, 2});
    for (std::size_t length = 0; length < greeting.size(); ++length) {
        Greeting out;
        EXPECT_EQ(parse_greeting(ByteSpan(greeting).first(length), out), Parse::incomplete) << length;
    }
}

TEST(Socks5Answers, AreTheBytesOfTheStandard)
{
    EXPECT_EQ(encode_choice(Method::login), (std::array<std::uint8_t, 2>{5, 2}));
    EXPECT_EQ(encode_choice(Method::none_acceptable), (std::array<std::uint8_t, 2>{5, 0xff}));
    EXPECT_EQ(encode_verdict(true), (std::array<std::uint8_t, 2>{1, 0}));
    EXPECT_NE(encode_verdict(false)[1], 0);
    EXPECT_EQ(encode_reply(ReplyCode::succeeded, endpoint("127.0.0.1:258")),
              (std::array<std::uint8_t, 10>{5, 0, 0, 1, 127, 0, 0, 1, 1, 2}));
    EXPECT_EQ(encode_reply(ReplyCode::command_not_supported, {})[1], 7);
}

TEST(Socks5DatagramHeader, IsReadAndWrittenForEachKindOfAddress)
{
    const std::vector<std::pair<Address, std::size_t>> addresses = {
        {endpoint("1.2.3.4:5"), 10}, {endpoint("[2001:db8::1]:65535"), 22}, {Address("tracker.example", 6969), 22}};
    for (const auto& [address, size] : addresses) {
        test::OwnedPacket packet(as_bytes("payload"));
        ASSERT_TRUE(prepend_datagram_header(packet.buffer(), address));
        DatagramHeader out;
        ASSERT_EQ(parse_datagram_header(packet.bytes(), out), Parse::complete);
        EXPECT_EQ(out.address, address);
        EXPECT_EQ(out.fragment, 0);
        EXPECT_EQ(out.size, size);
        EXPECT_EQ(datagram_header_size(address), size);
        packet.buffer().strip_front(out.size);
        EXPECT_EQ(Bytes(packet.bytes().begin(), packet.bytes().end()), with_text({}, "payload", {}));
    }
}

TEST(Socks5DatagramHeader, IsTheBytesOfTheStandard)
{
    test::OwnedPacket packet(as_bytes("x"));
    ASSERT_TRUE(prepend_datagram_header(packet.buffer(), endpoint("1.2.3.4:258")));
    EXPECT_EQ(Bytes(packet.bytes().begin(), packet.bytes().end()), bytes({0, 0, 0, 1, 1, 2, 3, 4, 1, 2, 'x'}));
}

TEST(Socks5DatagramHeader, CutAnywhereIsMalformed)
{
    const Bytes whole = with_text({0, 0, 0, 3, 4}, "host", {0, 80});
    DatagramHeader out;
    ASSERT_EQ(parse_datagram_header(whole, out), Parse::complete) << "an empty payload is a datagram too";
    for (std::size_t length = 0; length < whole.size(); ++length)
        EXPECT_EQ(parse_datagram_header(ByteSpan(whole).first(length), out), Parse::malformed) << length;
    EXPECT_EQ(parse_datagram_header(bytes({0, 0, 0, 9, 1, 2, 3, 4, 5, 6}), out), Parse::bad_address_type);
}

TEST(Socks5DatagramHeader, NamesTheFragment)
{
    DatagramHeader out;
    ASSERT_EQ(parse_datagram_header(bytes({0, 0, 7, 1, 1, 2, 3, 4, 5, 6}), out), Parse::complete);
    EXPECT_EQ(out.fragment, 7);
}

TEST(Socks5DatagramHeader, IsNotWrittenWhereItDoesNotFit)
{
    std::array<std::uint8_t, 32> room{};
    PacketBuffer payload(room, 9, 5);
    EXPECT_FALSE(prepend_datagram_header(payload, endpoint("1.2.3.4:5")));
    EXPECT_EQ(payload.size(), 5U);
    PacketBuffer enough(room, 10, 5);
    EXPECT_TRUE(prepend_datagram_header(enough, endpoint("1.2.3.4:5")));
    test::OwnedPacket packet(as_bytes("x"));
    EXPECT_FALSE(prepend_datagram_header(packet.buffer(), Address(std::string(256, 'a'), 1)));
}

} // namespace
} // namespace cepa::socks5
