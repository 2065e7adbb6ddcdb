// What tells uTP, by which BitTorrent peers talk, from all else (BEP 29). Main tells by it what is a flow, and what may
// pass a hidden circuit; an exit, what it carries. Process: both.
#pragma once

#include "base/bytes.hpp"

namespace cepa {

/// A type 0..4 and version 1, a known extension, a whole header. Nothing behind the header is looked at.
[[nodiscard]] bool is_utp(ByteSpan datagram) noexcept;

} // namespace cepa
