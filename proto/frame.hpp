// The frames of the data stream between main and a worker: fixed binary headers, many per write, no protobuf.
// Codec only. Process: main and worker. Spec: docs/protocol.md, section 31.
//
//   frame  = length u32 (of all that follows) || kind u8 || body
//   data      kind 1, both ways:   circuit u32 || address || payload
//       main to worker: the destination of the datagram; worker to main: its origin
//   packet_in kind 2, main to worker, front process only:  source ("ip_address") || UDP packet
//   packet_out kind 3, worker to main, front process only: destination ("ip_address") || UDP packet
//   kinds 16..31 are reserved for lossless streams with credit (CONNECT)
//
// A data frame's header for an IPv4 address is 16 bytes: enough for main to write a SOCKS5 UDP header (10 bytes) over
// it, and for the worker to write the head of a data message (15 bytes), so the payload is never moved.
#pragma once

#include "base/address.hpp"
#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/packet_buffer.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace cepa::proto {

enum class FrameKind : std::uint8_t { data = 1, packet_in = 2, packet_out = 3 };

/// Length field and kind.
inline constexpr std::size_t kFrameHead = 5;
/// A frame longer than this ends the stream: the other side is broken or hostile.
inline constexpr std::size_t kMaxFrame = 4096;

/// A data frame as it lies in a read buffer: `payload` is in place, with the frame's own header as headroom.
struct DataFrame {
    CircuitId circuit;
    Address address;
    PacketBuffer payload;
};

/// A packet frame of the front process, in place.
struct PacketFrame {
    Endpoint peer;
    PacketBuffer packet;
};

/// Bytes in front of the payload of a data frame for `address`.
[[nodiscard]] std::size_t data_header_size(const Address& address) noexcept;

/// Writes the header of a data frame in front of `payload`, which then is the whole frame.
/// Needs data_header_size(address) bytes of headroom and a frame of at most kMaxFrame bytes; false otherwise.
[[nodiscard]] bool wrap_data(PacketBuffer& payload, CircuitId circuit, const Address& address) noexcept;
/// The same for a packet frame; `kind` is packet_in or packet_out.
[[nodiscard]] bool wrap_packet(PacketBuffer& packet, FrameKind kind, const Endpoint& peer) noexcept;

/// What next_frame() found at the start of a byte stream.
struct FrameView {
    FrameKind kind{};
    /// The whole frame, header included, in place.
    MutableByteSpan whole;
};
enum class FrameScan : std::uint8_t { frame, incomplete, broken };

/// Looks for one frame at the start of `stream`. `broken`: the length is 0 or above kMaxFrame; the stream must end.
[[nodiscard]] FrameScan next_frame(MutableByteSpan stream, FrameView& out) noexcept;

/// Parses a frame of kind data; nullopt when its body is malformed. `room` is the memory that the payload may grow
/// into (in front of it the frame's header); the payload is a part of `view.whole`.
[[nodiscard]] std::optional<DataFrame> parse_data(const FrameView& view);
[[nodiscard]] std::optional<PacketFrame> parse_packet(const FrameView& view);

} // namespace cepa::proto
