// Network addresses as values: an Endpoint is an IP address and a port, an Address is an Endpoint or a host name and a
// port. Their typed encoding is shared by cells and by the frames of the data pipe, so that a header can be rewritten
// in place. Process: all. Spec: docs/protocol.md, section 2 ("ip_address", "address").
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"

#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace cepa {

/// An IPv4 or IPv6 address; an IPv4 one lies in the first four bytes and the rest is zero. Default: 0.0.0.0.
struct IpAddress {
    std::array<std::uint8_t, 16> bytes{};
    bool v6 = false;

    [[nodiscard]] static IpAddress v4(std::uint32_t host_order) noexcept;
    /// Parses a literal, never a name; nullopt when `text` is neither an IPv4 nor an IPv6 address.
    [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text);
    [[nodiscard]] std::string to_string() const;
    /// The IPv4 address as a number in host order. Needs !v6.
    [[nodiscard]] std::uint32_t to_v4() const noexcept;
    /// ::ffff:a.b.c.d as the IPv4 address a.b.c.d; anything else unchanged.
    [[nodiscard]] IpAddress unmapped() const noexcept;
    [[nodiscard]] bool is_unspecified() const noexcept;
    [[nodiscard]] bool is_loopback() const noexcept;
    /// 10/8, 172.16/12, 192.168/16; fc00::/7.
    [[nodiscard]] bool is_private() const noexcept;
    /// Unicast that the public Internet routes: not unspecified, loopback, private, link-local, shared (100.64/10),
    /// documentation, benchmarking, multicast, reserved (240/4), broadcast, and not any of these as mapped or
    /// translated IPv6 (::ffff:0:0/96, 64:ff9b::/96, 2002::/16, 2001::/32).
    [[nodiscard]] bool is_global_unicast() const noexcept;
    /// The network this address counts to when paths are made diverse: /16 of IPv4, /32 of IPv6.
    [[nodiscard]] IpAddress diversity_prefix() const noexcept;

    friend auto operator<=>(const IpAddress&, const IpAddress&) noexcept = default;
};

struct Endpoint {
    IpAddress ip;
    std::uint16_t port = 0;

    /// "1.2.3.4:80" or "[::1]:80"; nullopt for anything else, names included.
    [[nodiscard]] static std::optional<Endpoint> parse(std::string_view text);
    [[nodiscard]] static Endpoint from_sockaddr(const sockaddr_storage& from) noexcept;
    /// Fills `to` and returns its length.
    socklen_t to_sockaddr(sockaddr_storage& to) const noexcept;
    [[nodiscard]] std::string to_string() const;
    /// 0.0.0.0 port 0, which means "no address" on the wire.
    [[nodiscard]] bool is_null() const noexcept { return port == 0 && ip.is_unspecified(); }

    friend auto operator<=>(const Endpoint&, const Endpoint&) noexcept = default;
};

/// Where a datagram goes to or comes from: `host` is empty for an IP endpoint, else a host name for endpoint.port.
struct Address {
    Endpoint endpoint;
    std::string host;

    Address() = default;
    Address(const Endpoint& e) : endpoint(e) {} // NOLINT: an endpoint is an address
    Address(std::string name, std::uint16_t port) : endpoint{{}, port}, host(std::move(name)) {}

    [[nodiscard]] bool is_host() const noexcept { return !host.empty(); }
    [[nodiscard]] bool is_null() const noexcept { return host.empty() && endpoint.is_null(); }
    [[nodiscard]] std::string to_string() const;

    friend auto operator<=>(const Address&, const Address&) noexcept = default;
};

/// Sizes of the typed encoding: 01 + 4 + port, 03 + 16 + port.
inline constexpr std::size_t kEncodedV4Size = 7;
inline constexpr std::size_t kEncodedV6Size = 19;

/// "ip_address": type byte 01 or 03, address, port. Any other type rejects the reader.
[[nodiscard]] Endpoint read_endpoint(Reader& reader) noexcept;
void write_endpoint(Writer& writer, const Endpoint& endpoint) noexcept;
/// "address": as above, and 02 + u16 length + host name + port.
[[nodiscard]] Address read_address(Reader& reader);
void write_address(Writer& writer, const Address& address) noexcept;
[[nodiscard]] std::size_t encoded_size(const Address& address) noexcept;
/// "ipv4": 4 bytes and the port, without a type byte.
[[nodiscard]] Endpoint read_ipv4(Reader& reader) noexcept;
/// Needs an IPv4 endpoint; another one is written as 0.0.0.0:0.
void write_ipv4(Writer& writer, const Endpoint& endpoint) noexcept;

} // namespace cepa

template <>
struct std::hash<cepa::IpAddress> {
    std::size_t operator()(const cepa::IpAddress& ip) const noexcept;
};
template <>
struct std::hash<cepa::Endpoint> {
    std::size_t operator()(const cepa::Endpoint& endpoint) const noexcept;
};
template <>
struct std::hash<cepa::Address> {
    std::size_t operator()(const cepa::Address& address) const noexcept;
};
