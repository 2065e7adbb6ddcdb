// Datagrams that wait for room at the client, oldest first, in a ring of fixed slots. The memory is taken at the first
// datagram and kept. Process: main, io thread.
#pragma once

#include "base/bytes.hpp"
#include "base/packet_buffer.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cepa::socks5 {

class Backlog {
public:
    /// 30 ms of a circuit group at 100 MB/s: more would only add to the delay that uTP steers by.
    static constexpr std::size_t kDefaultCapacity = 2048;
    /// A full packet and the longest UDP header of an IP address.
    static constexpr std::size_t kSlot = kMaxPacket + 22;

    explicit Backlog(std::size_t capacity = kDefaultCapacity) noexcept : capacity_(capacity) {}

    /// Copies `datagram` to the end; false when the ring is full or the datagram longer than kSlot.
    [[nodiscard]] bool push(ByteSpan datagram);
    /// The datagram `i` places behind the oldest. Needs i < size(); valid until it is popped.
    [[nodiscard]] ByteSpan at(std::size_t i) const noexcept;
    /// Forgets the `count` oldest. Needs count <= size().
    void pop(std::size_t count) noexcept;

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

private:
    [[nodiscard]] std::size_t slot(std::size_t i) const noexcept { return (first_ + i) % capacity_; }

    std::size_t capacity_;
    std::size_t first_ = 0;
    std::size_t size_ = 0;
    std::vector<std::uint8_t> memory_;
    std::vector<std::uint16_t> lengths_;
};

} // namespace cepa::socks5
