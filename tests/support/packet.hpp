// A packet that owns its memory, with the head- and tailroom of the data path.
#pragma once

#include "base/packet_buffer.hpp"

#include <algorithm>
#include <array>

namespace cepa::test {

class OwnedPacket {
public:
    explicit OwnedPacket(ByteSpan content) : buffer_(room_, kPacketHeadroom, content.size())
    {
        std::ranges::copy(content, room_.begin() + kPacketHeadroom);
    }
    OwnedPacket(const OwnedPacket&) = delete;
    OwnedPacket& operator=(const OwnedPacket&) = delete;

    [[nodiscard]] PacketBuffer& buffer() noexcept { return buffer_; }
    [[nodiscard]] ByteSpan bytes() const noexcept { return buffer_.bytes(); }

private:
    std::array<std::uint8_t, kPacketSlot> room_{};
    PacketBuffer buffer_;
};

} // namespace cepa::test
