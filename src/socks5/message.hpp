// The messages of SOCKS5 as values: greeting, method choice, user name and password, request, reply, UDP header.
// Codec only: no state, no socket, no policy. Process: main. Spec: RFC 1928, RFC 1929.
//
//   greeting   05 || count || count methods            choice   05 || method
//   login      01 || length || user name || length || password    verdict  01 || 00 granted, else refused
//   request    05 || command || 00 || address          reply    05 || code || 00 || address
//   datagram   00 00 || fragment || address || payload
//   address    01 || 4 bytes || port    |    03 || length || host name || port    |    04 || 16 bytes || port
#pragma once

#include "base/address.hpp"
#include "base/bytes.hpp"
#include "base/packet_buffer.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cepa::socks5 {

enum class Method : std::uint8_t { no_authentication = 0, login = 2, none_acceptable = 0xff };
enum class Command : std::uint8_t { connect = 1, bind = 2, udp_associate = 3 };
enum class ReplyCode : std::uint8_t {
    succeeded = 0,
    general_failure = 1,
    not_allowed = 2,
    network_unreachable = 3,
    host_unreachable = 4,
    connection_refused = 5,
    ttl_expired = 6,
    command_not_supported = 7,
    address_type_not_supported = 8,
};

/// What a parser found at the start of a byte stream. `incomplete`: nothing wrong so far, more is needed.
/// `bad_version` and `bad_address_type` name the field that no further byte can mend; `malformed` is anything else.
enum class Parse : std::uint8_t { complete, incomplete, bad_version, bad_address_type, malformed };

struct Greeting {
    bool offers_none = false;  ///< method 00
    bool offers_login = false; ///< method 02
    std::size_t size = 0;      ///< bytes taken from the stream, here and below
};
/// The texts are views into the parsed bytes.
struct Login {
    std::string_view user;
    std::string_view password;
    std::size_t size = 0;
};
struct Request {
    std::uint8_t command = 0; ///< a Command, or a number that is none
    Address address;
    std::size_t size = 0;
};
/// Longest messages: no parser says `incomplete` for as many bytes.
inline constexpr std::size_t kMaxGreeting = 2 + 255;
inline constexpr std::size_t kMaxLogin = 1 + 1 + 255 + 1 + 255;
inline constexpr std::size_t kMaxRequest = 4 + 1 + 255 + 2;

/// Parsers of stream messages: `out` means something only after `complete`; bytes behind the message are left alone.
[[nodiscard]] Parse parse_greeting(ByteSpan stream, Greeting& out) noexcept;
[[nodiscard]] Parse parse_login(ByteSpan stream, Login& out) noexcept;
[[nodiscard]] Parse parse_request(ByteSpan stream, Request& out);

[[nodiscard]] std::array<std::uint8_t, 2> encode_choice(Method method) noexcept;
[[nodiscard]] std::array<std::uint8_t, 2> encode_verdict(bool granted) noexcept;
/// Replies always carry an IPv4 address: libtorrent 2.0.8 stalls silently on any other.
[[nodiscard]] std::array<std::uint8_t, 10> encode_reply(ReplyCode code, const Endpoint& bound_v4) noexcept;

/// Header in front of each datagram between client and relay.
struct DatagramHeader {
    std::uint8_t fragment = 0; ///< not 0: part of a fragmented datagram
    Address address;           ///< destination on the way out, origin on the way in
    std::size_t size = 0;      ///< the payload begins here
};
/// `out` is reused from call to call, so that no header costs an allocation. Never `incomplete`: short is malformed.
[[nodiscard]] Parse parse_datagram_header(ByteSpan datagram, DatagramHeader& out);
/// 10 for IPv4, 22 for IPv6, 7 and the name's length for a host.
[[nodiscard]] std::size_t datagram_header_size(const Address& address) noexcept;
/// Grows `payload` by its header. False, and nothing is changed, when the headroom is too small or the name too long.
[[nodiscard]] bool prepend_datagram_header(PacketBuffer& payload, const Address& address) noexcept;

} // namespace cepa::socks5
