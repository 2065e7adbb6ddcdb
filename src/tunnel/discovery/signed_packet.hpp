// Packets outside cells: prefix, message id, and around the body a public key, a Lamport time and a signature as the
// message has it. Signatures cover everything before them, the prefix included; nothing in them is fresh, so a caller
// must expect replays. Process: worker 0 (and destroys in all workers), io thread. Spec: docs/protocol.md, section 4.
#pragma once

#include "tunnel/cell/cell.hpp"
#include "tunnel/crypto/keys.hpp"

#include "base/bytes.hpp"
#include "base/result.hpp"

#include <cstdint>
#include <optional>

namespace cepa::tunnel {

/// Whether a message has a global_time field.
enum class TimeField : std::uint8_t { absent, present };

/// A packet whose signature was checked. The body points into the packet.
struct SignedPacket {
    std::uint8_t message_id = 0;
    PublicKey key;
    std::uint64_t global_time = 0; ///< 0 where the field is absent
    ByteSpan body;
};
/// A packet that nobody signed. The body points into the packet.
struct UnsignedPacket {
    std::uint8_t message_id = 0;
    std::uint64_t global_time = 0;
    ByteSpan body;
};

/// Fails with malformed, or with bad_signature (also for every key that is not a node key of ours).
/// The caller has checked the prefix.
[[nodiscard]] Result<SignedPacket> open_signed(ByteSpan packet, TimeField time) noexcept;
[[nodiscard]] Result<UnsignedPacket> open_unsigned(ByteSpan packet, TimeField time) noexcept;

/// `global_time` is written where the message has one.
[[nodiscard]] Bytes build_signed(const Prefix& prefix, std::uint8_t message_id, const PrivateKey& key,
                                 std::optional<std::uint64_t> global_time, ByteSpan body);
[[nodiscard]] Bytes build_unsigned(const Prefix& prefix, std::uint8_t message_id,
                                   std::optional<std::uint64_t> global_time, ByteSpan body);

/// The body of any message with a write(Writer&). Empty when it would not fit kMaxSentPacket.
template <class Message>
[[nodiscard]] Bytes encode_body(const Message& message)
{
    std::array<std::uint8_t, kMaxSentPacket> room;
    Writer writer(room);
    message.write(writer);
    if (!writer.ok()) return {};
    const ByteSpan written = writer.written();
    return {written.begin(), written.end()};
}

} // namespace cepa::tunnel
