#include "socks5/message.hpp"

#include <algorithm>
#include <limits>

namespace cepa::socks5 {
namespace {

constexpr std::uint8_t kVersion = 5;
constexpr std::uint8_t kLoginVersion = 1; // RFC 1929 numbers its own negotiation
constexpr std::uint8_t kTypeV4 = 1;
constexpr std::uint8_t kTypeHost = 3;
constexpr std::uint8_t kTypeV6 = 4;
constexpr std::size_t kMaxHost = std::numeric_limits<std::uint8_t>::max();

std::string_view as_text(ByteSpan bytes) noexcept
{
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// A name that can be passed on: not empty, and no byte that would end or forge a text elsewhere.
bool is_acceptable_host(ByteSpan name) noexcept
{
    return !name.empty() && std::ranges::all_of(name, [](std::uint8_t c) { return c > 0x20 && c < 0x7f; });
}

void read_ip(Reader& reader, bool v6, Endpoint& out) noexcept
{
    out.ip = {};
    out.ip.v6 = v6;
    const ByteSpan bytes = reader.take(v6 ? 16 : 4);
    std::ranges::copy(bytes, out.ip.bytes.begin());
    out.port = reader.u16();
}

/// The type byte is read before the rest, so that an unknown type is told from a short message.
Parse take_address(Reader& reader, Address& out)
{
    if (reader.remaining() == 0) return Parse::incomplete;
    const std::uint8_t type = reader.u8();
    out.host.clear();
    if (type == kTypeV4 || type == kTypeV6) {
        read_ip(reader, type == kTypeV6, out.endpoint);
        return reader.ok() ? Parse::complete : Parse::incomplete;
    }
    if (type != kTypeHost) return Parse::bad_address_type;
    const std::size_t length = reader.u8();
    if (reader.ok() && length == 0) return Parse::malformed;
    const ByteSpan name = reader.take(length);
    const std::uint16_t port = reader.u16();
    if (!reader.ok()) return Parse::incomplete;
    if (!is_acceptable_host(name)) return Parse::malformed;
    out.host.assign(as_text(name));
    out.endpoint = {{}, port};
    return Parse::complete;
}

void put_address(Writer& writer, const Address& address) noexcept
{
    if (address.is_host()) {
        writer.u8(kTypeHost);
        writer.u8(static_cast<std::uint8_t>(address.host.size()));
        writer.bytes(as_bytes(address.host));
    } else {
        const IpAddress& ip = address.endpoint.ip;
        writer.u8(ip.v6 ? kTypeV6 : kTypeV4);
        writer.bytes(ByteSpan(ip.bytes).first(ip.v6 ? 16 : 4));
    }
    writer.u16(address.endpoint.port);
}

} // namespace

Parse parse_greeting(ByteSpan stream, Greeting& out) noexcept
{
    Reader reader(stream);
    if (!stream.empty() && reader.u8() != kVersion) return Parse::bad_version;
    const std::size_t count = reader.u8();
    const ByteSpan methods = reader.take(count);
    if (!reader.ok()) return Parse::incomplete;
    const auto offers = [&](Method method) {
        return std::ranges::find(methods, static_cast<std::uint8_t>(method)) != methods.end();
    };
    out.offers_none = offers(Method::no_authentication);
    out.offers_login = offers(Method::login);
    out.size = stream.size() - reader.remaining();
    return Parse::complete;
}

Parse parse_login(ByteSpan stream, Login& out) noexcept
{
    Reader reader(stream);
    if (!stream.empty() && reader.u8() != kLoginVersion) return Parse::bad_version;
    const ByteSpan user = reader.take(reader.u8());
    const ByteSpan password = reader.take(reader.u8());
    if (!reader.ok()) return Parse::incomplete;
    out = {as_text(user), as_text(password), stream.size() - reader.remaining()};
    return Parse::complete;
}

Parse parse_request(ByteSpan stream, Request& out)
{
    Reader reader(stream);
    if (!stream.empty() && reader.u8() != kVersion) return Parse::bad_version;
    const std::uint8_t command = reader.u8();
    static_cast<void>(reader.u8()); // reserved: RFC 1928 wants zero and asks nobody to check it
    if (!reader.ok()) return Parse::incomplete;
    out.command = command;
    if (const Parse parsed = take_address(reader, out.address); parsed != Parse::complete) return parsed;
    out.size = stream.size() - reader.remaining();
    return Parse::complete;
}

std::array<std::uint8_t, 2> encode_choice(Method method) noexcept
{
    return {kVersion, static_cast<std::uint8_t>(method)};
}

std::array<std::uint8_t, 2> encode_verdict(bool granted) noexcept
{
    return {kLoginVersion, granted ? std::uint8_t{0} : std::uint8_t{1}};
}

std::array<std::uint8_t, 10> encode_reply(ReplyCode code, const Endpoint& bound_v4) noexcept
{
    std::array<std::uint8_t, 10> out{};
    Writer writer(out);
    writer.u8(kVersion);
    writer.u8(static_cast<std::uint8_t>(code));
    writer.u8(0);
    put_address(writer, bound_v4);
    return out;
}

Parse parse_datagram_header(ByteSpan datagram, DatagramHeader& out)
{
    Reader reader(datagram);
    static_cast<void>(reader.u16()); // reserved
    out.fragment = reader.u8();
    if (!reader.ok()) return Parse::malformed;
    const Parse parsed = take_address(reader, out.address);
    if (parsed != Parse::complete) return parsed == Parse::incomplete ? Parse::malformed : parsed;
    out.size = datagram.size() - reader.remaining();
    return Parse::complete;
}

std::size_t datagram_header_size(const Address& address) noexcept
{
    if (address.is_host()) return 7 + address.host.size();
    return address.endpoint.ip.v6 ? 22 : 10;
}

bool prepend_datagram_header(PacketBuffer& payload, const Address& address) noexcept
{
    const std::size_t size = datagram_header_size(address);
    if (address.host.size() > kMaxHost || size > payload.headroom()) return false;
    Writer writer(payload.prepend(size));
    writer.u16(0);
    writer.u8(0); // never fragmented
    put_address(writer, address);
    return true;
}

} // namespace cepa::socks5
