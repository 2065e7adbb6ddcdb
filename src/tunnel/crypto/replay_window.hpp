// Remembers the latest messages of one direction of one session and recognises an exact duplicate (counter and tag).
// Deployed peers restart their counters, so neither order nor distinct counters may be demanded.
// Memory: none before the first message, 512 bytes for a circuit that is only kept alive, 16 KiB for a busy one.
// Process: worker, io thread. Spec: docs/protocol.md, section 18.
#pragma once

#include "tunnel/crypto/layer.hpp"

#include <cstdint>
#include <memory>

namespace cepa::tunnel {

class ReplayWindow {
public:
    static constexpr std::size_t kIdleSlots = 64;
    static constexpr std::size_t kBusySlots = 2048;
    /// Accepted messages after which the window becomes kBusySlots wide: an hour of pings stays below it.
    static constexpr std::uint32_t kBusyAfter = 2048;

    /// False when this very message was accepted before and no more than the window's width of others since.
    [[nodiscard]] bool accept(const Opened& message);

private:
    void widen(std::size_t slots);

    std::unique_ptr<std::uint64_t[]> slots_;
    std::uint32_t size_ = 0;
    std::uint32_t accepted_ = 0;
};

} // namespace cepa::tunnel
