// One packet in a buffer with head- and tailroom, so that headers and layers are added and stripped in place.
// A view: the memory belongs to whoever made it (a receive batch, a pipe's read buffer), and the view is valid until
// that owner's next read. Process: all; the unit that crosses every call of the data path.
#pragma once

#include "base/bytes.hpp"

#include <cassert>
#include <cstddef>
#include <cstdint>

namespace cepa {

/// Room that every packet buffer of a data path offers, sized for six layers (five hops and the other end of a hidden
/// circuit): in front 29 bytes of cell header, 8 per layer and up to 268 of a data message whose destination is a host
/// name of 255 bytes, in no more than five layers; behind 16 per layer.
inline constexpr std::size_t kPacketHeadroom = 352;
inline constexpr std::size_t kPacketTailroom = 96;
/// The largest UDP payload that is read or sent (deployed peers read at most 2048 bytes per datagram).
inline constexpr std::size_t kMaxPacket = 2048;
/// Bytes of memory behind one packet of a receive batch.
inline constexpr std::size_t kPacketSlot = kPacketHeadroom + kMaxPacket + kPacketTailroom;

class PacketBuffer {
public:
    PacketBuffer() noexcept = default;
    /// `room` is all the memory; the packet is the `size` bytes from `offset` on.
    PacketBuffer(MutableByteSpan room, std::size_t offset, std::size_t size) noexcept
        : room_(room), offset_(offset), size_(size)
    {
        assert(offset <= room.size() && size <= room.size() - offset);
    }

    [[nodiscard]] std::uint8_t* data() noexcept { return room_.data() + offset_; }
    [[nodiscard]] const std::uint8_t* data() const noexcept { return room_.data() + offset_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] ByteSpan bytes() const noexcept { return {data(), size_}; }
    [[nodiscard]] MutableByteSpan bytes() noexcept { return {data(), size_}; }
    [[nodiscard]] std::size_t headroom() const noexcept { return offset_; }
    [[nodiscard]] std::size_t tailroom() const noexcept { return room_.size() - offset_ - size_; }

    /// Grows the packet by `count` bytes at the front and returns them, unset. Needs headroom() >= count.
    MutableByteSpan prepend(std::size_t count) noexcept
    {
        assert(count <= headroom());
        offset_ -= count;
        size_ += count;
        return {data(), count};
    }
    /// Grows the packet by `count` bytes at the end and returns them, unset. Needs tailroom() >= count.
    MutableByteSpan append(std::size_t count) noexcept
    {
        assert(count <= tailroom());
        size_ += count;
        return {data() + size_ - count, count};
    }
    /// Drops `count` bytes at the front. Needs size() >= count.
    void strip_front(std::size_t count) noexcept
    {
        assert(count <= size_);
        offset_ += count;
        size_ -= count;
    }
    /// Drops `count` bytes at the end. Needs size() >= count.
    void strip_back(std::size_t count) noexcept
    {
        assert(count <= size_);
        size_ -= count;
    }

private:
    MutableByteSpan room_;
    std::size_t offset_ = 0;
    std::size_t size_ = 0;
};

} // namespace cepa
