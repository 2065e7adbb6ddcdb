// Fields that several messages of cells share. Included by the codecs only.
// Process: worker, io thread. Spec: docs/protocol.md, sections 2 and 12.
#pragma once

#include "tunnel/crypto/keys.hpp"

#include "base/bytes.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace cepa::tunnel {

/// varlenH of exactly a key's size; anything else rejects the reader.
[[nodiscard]] inline KeyBytes read_key_bytes(Reader& reader) noexcept
{
    KeyBytes out{};
    const ByteSpan bytes = reader.varlen();
    if (bytes.size() != out.size()) reader.reject();
    else std::ranges::copy(bytes, out.begin());
    return out;
}

/// varlenH of an encoded public key; a legacy key rejects the reader, for its owner can never be a hop.
[[nodiscard]] inline PublicKey read_public_key(Reader& reader) noexcept
{
    const auto key = PublicKey::parse(reader.varlen());
    if (!key) reader.reject();
    return key.value_or(PublicKey{});
}

/// `value`, if everything could be read.
template <class T>
[[nodiscard]] std::optional<T> if_ok(const Reader& reader, T&& value)
{
    return reader.ok() ? std::optional<T>(std::forward<T>(value)) : std::nullopt;
}

} // namespace cepa::tunnel
