#include "tunnel/hidden_services/names.hpp"

#include <openssl/evp.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace cepa::tunnel {

LookupHash lookup_hash(const InfoHash& info_hash) noexcept
{
    constexpr std::string_view digits = "0123456789abcdef";
    std::array<std::uint8_t, 26 + 40> text;
    Writer writer(text);
    writer.bytes(as_bytes("tribler anonymous download"));
    for (const std::uint8_t byte : info_hash) {
        writer.u8(static_cast<std::uint8_t>(digits[byte >> 4U]));
        writer.u8(static_cast<std::uint8_t>(digits[byte & 15U]));
    }
    LookupHash out{};
    if (EVP_Digest(text.data(), text.size(), out.data(), nullptr, EVP_sha1(), nullptr) != 1) {
        std::fputs("cepa: OpenSSL has no SHA-1\n", stderr);
        std::abort();
    }
    return out;
}

OverlayId pex_overlay(const LookupHash& hash) noexcept
{
    OverlayId out = hash;
    for (std::size_t i = out.size(); i-- > 0;)
        if (++out[i] != 0) break; // no carry left
    return out;
}

Endpoint fake_address(CircuitId circuit) noexcept { return {IpAddress::v4(circuit.value), kFakeAddressPort}; }

std::optional<CircuitId> circuit_of_fake_address(const Endpoint& address) noexcept
{
    if (address.ip.v6 || address.port != kFakeAddressPort) return std::nullopt;
    return CircuitId(address.ip.to_v4());
}

} // namespace cepa::tunnel
