#include "base/address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace cepa {
namespace {

constexpr std::uint8_t kTypeV4 = 1;
constexpr std::uint8_t kTypeHost = 2;
constexpr std::uint8_t kTypeV6 = 3;

struct V4Block {
    std::uint32_t network;
    unsigned bits;
};

/// IPv4 that the public Internet does not route (IANA special-purpose registry, RFC 6890), multicast and class E.
constexpr std::array<V4Block, 15> kNotGlobalV4{{
    {0x00000000, 8},  // "this network"
    {0x0a000000, 8},  // private
    {0x64400000, 10}, // shared address space
    {0x7f000000, 8},  // loopback
    {0xa9fe0000, 16}, // link-local
    {0xac100000, 12}, // private
    {0xc0000000, 24}, // IETF protocol assignments
    {0xc0000200, 24}, // documentation
    {0xc0586300, 24}, // 6to4 relay anycast
    {0xc0a80000, 16}, // private
    {0xc6120000, 15}, // benchmarking
    {0xc6336400, 24}, // documentation
    {0xcb007100, 24}, // documentation
    {0xe0000000, 4},  // multicast
    {0xf0000000, 4},  // reserved, broadcast
}};

bool in_block(std::uint32_t ip, const V4Block& block) noexcept
{
    return (ip ^ block.network) >> (32U - block.bits) == 0;
}

bool starts_with(const std::array<std::uint8_t, 16>& bytes, std::initializer_list<std::uint8_t> prefix) noexcept
{
    return std::equal(prefix.begin(), prefix.end(), bytes.begin());
}

bool is_mapped(const IpAddress& ip) noexcept
{
    return ip.v6 && starts_with(ip.bytes, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff});
}

bool is_global_v6(const std::array<std::uint8_t, 16>& b) noexcept
{
    const bool unicast = (b[0] & 0xe0U) == 0x20; // 2000::/3 is all that is allocated
    const bool documentation = starts_with(b, {0x20, 0x01, 0x0d, 0xb8}) || starts_with(b, {0x3f, 0xff});
    const bool special = starts_with(b, {0x20, 0x01}) && b[2] < 0x02; // 2001::/23, Teredo among them
    const bool six_to_four = starts_with(b, {0x20, 0x02});
    return unicast && !documentation && !special && !six_to_four;
}

std::optional<std::uint16_t> parse_port(std::string_view text) noexcept
{
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return port;
}

/// FNV-1a: addresses are few and not chosen to collide in the tables that use this (their sizes are capped).
std::size_t hash_bytes(ByteSpan bytes, std::size_t seed = 0xcbf29ce484222325ULL) noexcept
{
    for (const std::uint8_t byte : bytes) seed = (seed ^ byte) * 0x100000001b3ULL;
    return seed;
}

} // namespace

IpAddress IpAddress::v4(std::uint32_t host_order) noexcept
{
    IpAddress out;
    Writer(out.bytes).u32(host_order);
    return out;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text)
{
    if (text.find('\0') != std::string_view::npos) return std::nullopt; // inet_pton would stop there
    const std::string terminated(text);
    IpAddress out;
    if (::inet_pton(AF_INET, terminated.c_str(), out.bytes.data()) == 1) return out;
    out.v6 = true;
    if (::inet_pton(AF_INET6, terminated.c_str(), out.bytes.data()) == 1) return out;
    return std::nullopt;
}

std::string IpAddress::to_string() const
{
    std::array<char, INET6_ADDRSTRLEN> text{};
    ::inet_ntop(v6 ? AF_INET6 : AF_INET, bytes.data(), text.data(), text.size());
    return text.data();
}

std::uint32_t IpAddress::to_v4() const noexcept { return Reader(bytes).u32(); }

IpAddress IpAddress::unmapped() const noexcept
{
    if (!is_mapped(*this)) return *this;
    IpAddress out;
    std::copy_n(bytes.begin() + 12, 4, out.bytes.begin());
    return out;
}

bool IpAddress::is_unspecified() const noexcept
{
    return std::ranges::all_of(bytes, [](std::uint8_t b) { return b == 0; });
}

bool IpAddress::is_loopback() const noexcept
{
    if (is_mapped(*this)) return unmapped().is_loopback();
    if (!v6) return bytes[0] == 127;
    return bytes[15] == 1 && std::all_of(bytes.begin(), bytes.begin() + 15, [](std::uint8_t b) { return b == 0; });
}

bool IpAddress::is_private() const noexcept
{
    if (is_mapped(*this)) return unmapped().is_private();
    if (v6) return (bytes[0] & 0xfeU) == 0xfc;
    return bytes[0] == 10 || (bytes[0] == 172 && (bytes[1] & 0xf0U) == 16) || (bytes[0] == 192 && bytes[1] == 168);
}

bool IpAddress::is_global_unicast() const noexcept
{
    if (v6) return is_global_v6(bytes);
    const std::uint32_t ip = to_v4();
    return std::ranges::none_of(kNotGlobalV4, [ip](const V4Block& block) { return in_block(ip, block); });
}

IpAddress IpAddress::diversity_prefix() const noexcept
{
    const IpAddress plain = unmapped();
    IpAddress out;
    out.v6 = plain.v6;
    std::copy_n(plain.bytes.begin(), plain.v6 ? 4 : 2, out.bytes.begin());
    return out;
}

std::optional<Endpoint> Endpoint::parse(std::string_view text)
{
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    std::string_view host = text.substr(0, colon);
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    const auto ip = IpAddress::parse(host);
    const auto port = parse_port(text.substr(colon + 1));
    if (!ip || !port || ip->v6 != bracketed) return std::nullopt;
    return Endpoint{*ip, *port};
}

Endpoint Endpoint::from_sockaddr(const sockaddr_storage& from) noexcept
{
    Endpoint out;
    if (from.ss_family == AF_INET) {
        sockaddr_in v4{};
        std::memcpy(&v4, &from, sizeof v4);
        std::memcpy(out.ip.bytes.data(), &v4.sin_addr, 4);
        out.port = ntohs(v4.sin_port);
    } else if (from.ss_family == AF_INET6) {
        sockaddr_in6 v6{};
        std::memcpy(&v6, &from, sizeof v6);
        std::memcpy(out.ip.bytes.data(), &v6.sin6_addr, 16);
        out.ip.v6 = true;
        out.port = ntohs(v6.sin6_port);
    }
    return out;
}

socklen_t Endpoint::to_sockaddr(sockaddr_storage& to) const noexcept
{
    to = {};
    if (ip.v6) {
        sockaddr_in6 v6{};
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(port);
        std::memcpy(&v6.sin6_addr, ip.bytes.data(), 16);
        std::memcpy(&to, &v6, sizeof v6);
        return sizeof v6;
    }
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, ip.bytes.data(), 4);
    std::memcpy(&to, &v4, sizeof v4);
    return sizeof v4;
}

std::string Endpoint::to_string() const
{
    const std::string host = ip.v6 ? '[' + ip.to_string() + ']' : ip.to_string();
    return host + ':' + std::to_string(port);
}

std::string Address::to_string() const
{
    return is_host() ? host + ':' + std::to_string(endpoint.port) : endpoint.to_string();
}

Endpoint read_endpoint(Reader& reader) noexcept
{
    Endpoint out;
    const std::uint8_t type = reader.u8();
    if (type != kTypeV4 && type != kTypeV6) {
        reader.reject();
        return out;
    }
    out.ip.v6 = type == kTypeV6;
    const ByteSpan ip = reader.take(out.ip.v6 ? 16 : 4);
    std::ranges::copy(ip, out.ip.bytes.begin());
    out.port = reader.u16();
    return out;
}

void write_endpoint(Writer& writer, const Endpoint& endpoint) noexcept
{
    writer.u8(endpoint.ip.v6 ? kTypeV6 : kTypeV4);
    writer.bytes(ByteSpan(endpoint.ip.bytes).first(endpoint.ip.v6 ? 16 : 4));
    writer.u16(endpoint.port);
}

Address read_address(Reader& reader)
{
    Reader ahead = reader;
    if (ahead.u8() != kTypeHost) return read_endpoint(reader);
    const ByteSpan name = ahead.varlen();
    const std::uint16_t port = ahead.u16();
    if (!ahead.ok() || name.empty()) {
        reader.reject();
        return {};
    }
    reader = ahead;
    return {std::string(name.begin(), name.end()), port};
}

void write_address(Writer& writer, const Address& address) noexcept
{
    if (!address.is_host()) return write_endpoint(writer, address.endpoint);
    writer.u8(kTypeHost);
    writer.varlen(as_bytes(address.host));
    writer.u16(address.endpoint.port);
}

std::size_t encoded_size(const Address& address) noexcept
{
    if (address.is_host()) return 5 + address.host.size();
    return address.endpoint.ip.v6 ? kEncodedV6Size : kEncodedV4Size;
}

Endpoint read_ipv4(Reader& reader) noexcept
{
    Endpoint out;
    out.ip = IpAddress::v4(reader.u32());
    out.port = reader.u16();
    return out;
}

void write_ipv4(Writer& writer, const Endpoint& endpoint) noexcept
{
    const Endpoint plain = endpoint.ip.v6 ? Endpoint{} : endpoint;
    writer.u32(plain.ip.to_v4());
    writer.u16(plain.port);
}

} // namespace cepa

std::size_t std::hash<cepa::IpAddress>::operator()(const cepa::IpAddress& ip) const noexcept
{
    return cepa::hash_bytes(cepa::ByteSpan(ip.bytes).first(ip.v6 ? 16 : 4));
}

std::size_t std::hash<cepa::Endpoint>::operator()(const cepa::Endpoint& endpoint) const noexcept
{
    const std::size_t ip = std::hash<cepa::IpAddress>{}(endpoint.ip);
    return (ip ^ endpoint.port) * 0x100000001b3ULL;
}

std::size_t std::hash<cepa::Address>::operator()(const cepa::Address& address) const noexcept
{
    return cepa::hash_bytes(cepa::as_bytes(address.host), std::hash<cepa::Endpoint>{}(address.endpoint));
}
