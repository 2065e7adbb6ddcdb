// What the fuzz targets share. A target gets bytes of a stranger: it must never crash, never read outside, and what it
// accepts must survive being written and read again.
#pragma once

#include "base/bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace cepa::fuzz {

/// Ends the run with a finding.
inline void require(bool holds)
{
    if (!holds) std::abort();
}

template <class Message>
Bytes encoded(const Message& message)
{
    Bytes room(16384);
    Writer writer(room);
    message.write(writer);
    require(writer.ok());
    room.resize(writer.size());
    return room;
}

/// `parse` turns bytes into an optional message. What it accepts is written, read and written again, to the same bytes.
template <class Parse>
void round_trip(ByteSpan bytes, Parse parse)
{
    const auto first = parse(bytes);
    if (!first) return;
    const Bytes once = encoded(*first);
    const auto second = parse(ByteSpan(once));
    require(second.has_value());
    require(encoded(*second) == once);
}

/// For a message with a static parse() and write().
template <class Message>
void round_trip(ByteSpan bytes)
{
    round_trip(bytes, [](ByteSpan body) { return Message::parse(body); });
}

} // namespace cepa::fuzz
