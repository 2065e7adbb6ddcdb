// Puts cells and destroys on the wire: cell headers, counting, queueing. The one place from which circuit logic sends.
// Process: worker, io thread. Spec: docs/protocol.md, sections 8 and 11.5.
#pragma once

#include "tunnel/cell/cell.hpp"
#include "tunnel/cell/payloads.hpp"
#include "tunnel/circuit/counters.hpp"
#include "tunnel/discovery/messages.hpp"
#include "tunnel/environment.hpp"

#include <array>

namespace cepa::tunnel {

/// A message of ours on its way into layers, in memory of its own with room for five of them.
class MessageRoom {
public:
    MessageRoom() = default;
    MessageRoom(const MessageRoom&) = delete;
    MessageRoom& operator=(const MessageRoom&) = delete;

    /// Message id and body, ready to be sealed. Empty when it does not fit. Replaces what was written before.
    template <class Message>
    [[nodiscard]] PacketBuffer write(const Message& message) noexcept
    {
        Writer writer(MutableByteSpan(room_).subspan(kPacketHeadroom, kMaxSentPacket));
        write_message(writer, message);
        return {room_, kPacketHeadroom, writer.ok() ? writer.size() : 0};
    }

private:
    std::array<std::uint8_t, kPacketHeadroom + kMaxSentPacket + kPacketTailroom> room_;
};

class CellSender {
public:
    CellSender(const OverlayId& overlay, PacketSender& packets, Counters& counters) noexcept
        : prefix_(make_prefix(overlay)), packets_(packets), counters_(counters)
    {
    }

    [[nodiscard]] const Prefix& prefix() const noexcept { return prefix_; }

    /// Puts the header in front and queues: the memory must live until the batch is flushed.
    void queue(const Endpoint& to, PacketBuffer& message, const CellHeader& header)
    {
        prepend_cell_header(message, prefix_, header);
        count(message.size());
        packets_.queue(to, message.bytes(), header.circuit);
    }
    /// Puts the header in front and sends at once.
    void send_now(const Endpoint& to, PacketBuffer& message, const CellHeader& header)
    {
        prepend_cell_header(message, prefix_, header);
        count(message.size());
        packets_.send_now(to, message.bytes());
    }
    /// Create or created, which travel in the clear.
    template <class Message>
    void send_plain(const Endpoint& to, CircuitId circuit, const Message& message)
    {
        static_assert(is_plaintext_message(Message::kId));
        MessageRoom room;
        PacketBuffer packet = room.write(message);
        if (!packet.empty()) send_now(to, packet, {circuit, true, false});
    }
    void send_destroy(const Endpoint& to, CircuitId circuit, const PrivateKey& signer, std::uint16_t reason);

    void flush() { packets_.flush(); }

private:
    void count(std::size_t bytes) noexcept
    {
        ++counters_.cells_out;
        counters_.packet_bytes_out += bytes;
    }

    Prefix prefix_;
    PacketSender& packets_;
    Counters& counters_;
};

} // namespace cepa::tunnel
