// The recorded vectors of the deployed implementation (docs/protocol.md, section 20), from the file that the
// environment's CEPA_IPV8_VECTORS names or else from tests/data.
#pragma once

#include "tunnel/crypto/handshake.hpp"
#include "tunnel/crypto/keys.hpp"

#include "base/address.hpp"
#include "base/bytes.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>

namespace cepa::test {

/// Throws when the file cannot be read: a vector test without vectors must not pass.
[[nodiscard]] const nlohmann::json& ipv8_vectors();

[[nodiscard]] Bytes unhex(const std::string& text);
[[nodiscard]] std::string hex(ByteSpan bytes);
[[nodiscard]] inline Bytes unhex(const nlohmann::json& text) { return unhex(text.get<std::string>()); }

/// Exactly N bytes.
template <std::size_t N>
[[nodiscard]] std::array<std::uint8_t, N> unhex_array(const nlohmann::json& text)
{
    const Bytes bytes = unhex(text);
    if (bytes.size() != N) throw std::runtime_error("vector field of the wrong length: " + text.dump());
    std::array<std::uint8_t, N> out;
    std::ranges::copy(bytes, out.begin());
    return out;
}

/// An object {host, port, type}.
[[nodiscard]] Address address_of(const nlohmann::json& value);
[[nodiscard]] Endpoint endpoint_of(const nlohmann::json& value);

/// By its name in the part "keys".
[[nodiscard]] tunnel::PrivateKey private_key(const std::string& name);
[[nodiscard]] tunnel::PublicKey public_key_of(const nlohmann::json& encoded);

/// The session keys that a recorded handshake says it yields.
[[nodiscard]] tunnel::SessionKeys session_keys_of(const nlohmann::json& handshake);
/// A recorded handshake by its name.
[[nodiscard]] const nlohmann::json& handshake_named(const std::string& name);

} // namespace cepa::test
