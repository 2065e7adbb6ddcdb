// Remembers the latest messages of one direction of one session and recognises an exact duplicate (counter and tag).
// Deployed peers restart their counters, so neither order nor distinct counters may be demanded.
// Memory: none before the first message, then as much as messages came: 4 KiB for an hour of pings, 16 KiB at most.
// Process: worker, io thread. Spec: docs/protocol.md, section 18.
#pragma once

#include "tunnel/crypto/layer.hpp"

#include <cstdint>
#include <memory>

namespace cepa::tunnel {

class ReplayWindow {
public:
    static constexpr std::size_t kFirstSlots = 64;
    static constexpr std::size_t kMostSlots = 2048;

    /// False when this very message was accepted before and no more than the window's width of others since.
    [[nodiscard]] bool accept(const Opened& message);

private:
    void widen(std::size_t slots);

    std::unique_ptr<std::uint64_t[]> slots_;
    std::uint32_t size_ = 0;
    std::uint32_t accepted_ = 0;
};

} // namespace cepa::tunnel
