// Sends numbered datagrams that look like uTP, keeps a window of them under way, repeats what is lost, and checks that
// every echo is the datagram that was sent, byte for byte. Pure state: the caller sends and keeps the time.
#pragma once

#include "base/bytes.hpp"
#include "base/clock.hpp"

#include <cstdint>
#include <functional>
#include <map>

namespace cepa::interop {

class EchoTransfer {
public:
    static constexpr std::size_t kWindow = 24;
    static constexpr auto kRepeatAfter = std::chrono::milliseconds(1500);

    /// `count` datagrams of `size` bytes (at least 28) leave through `send`.
    EchoTransfer(std::uint32_t count, std::size_t size, std::function<void(ByteSpan)> send);

    /// Fills the window and repeats what has waited too long.
    void tick(TimePoint now);
    void on_echo(ByteSpan datagram, TimePoint now);
    /// Datagram number `number`, the same in every call.
    [[nodiscard]] Bytes datagram(std::uint32_t number) const;

    [[nodiscard]] bool done() const noexcept { return next_ == count_ && under_way_.empty(); }
    [[nodiscard]] std::uint32_t echoed() const noexcept { return echoed_; }
    [[nodiscard]] std::uint32_t repeated() const noexcept { return repeated_; }
    /// Echoes that were not what had been sent.
    [[nodiscard]] std::uint32_t wrong() const noexcept { return wrong_; }

private:
    std::uint32_t count_;
    std::size_t size_;
    std::function<void(ByteSpan)> send_;
    std::uint32_t next_ = 0;
    std::map<std::uint32_t, TimePoint> under_way_;
    std::uint32_t echoed_ = 0;
    std::uint32_t repeated_ = 0;
    std::uint32_t wrong_ = 0;
};

} // namespace cepa::interop
