// The one copy of the worker's data path. Frames lie side by side in the pipe's buffer, so a packet sealed in place
// would grow over its neighbours: in front 8 bytes per layer and a cell header, behind 16 per layer. Each payload is
// therefore copied once into a slot with room on both sides. 64 slots, about 160 KiB: they stay in the core's own
// cache, and as many cells of one circuit leave in one segmented send. Process: worker, io thread.
#pragma once

#include "base/packet_buffer.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

namespace cepa::worker {

class SlotRing {
public:
    static constexpr std::size_t kSlots = 64;

    SlotRing() : slots_(std::make_unique<Slots>()) {}

    [[nodiscard]] bool full() const noexcept { return used_ == kSlots; }
    [[nodiscard]] bool empty() const noexcept { return used_ == 0; }

    /// Copies `bytes` into the next slot, with kPacketHeadroom in front and at least kPacketTailroom behind; valid until
    /// clear(). nullopt when it is larger than kMaxPacket. Needs !full().
    [[nodiscard]] std::optional<PacketBuffer> take(ByteSpan bytes) noexcept
    {
        if (bytes.size() > kMaxPacket) return std::nullopt;
        auto& slot = (*slots_)[used_++];
        if (!bytes.empty()) std::memcpy(slot.data() + kPacketHeadroom, bytes.data(), bytes.size());
        return PacketBuffer(slot, kPacketHeadroom, bytes.size());
    }
    /// Frees all slots: whoever was given one has sent it.
    void clear() noexcept { used_ = 0; }

private:
    using Slots = std::array<std::array<std::uint8_t, kPacketSlot>, kSlots>;
    std::unique_ptr<Slots> slots_;
    std::size_t used_ = 0;
};

} // namespace cepa::worker
