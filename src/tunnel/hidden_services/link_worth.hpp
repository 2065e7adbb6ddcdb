// What a link is worth: how much goes over it. Who only holds a place makes room for others. Plain value.
// Process: worker, io thread. Spec: docs/protocol.md, section 36.
#pragma once

#include "base/clock.hpp"

#include <cstdint>
#include <optional>

namespace cepa::tunnel {

class LinkWorth {
public:
    /// A link is judged by its last whole period of this length, and by nothing before the first is over.
    static constexpr Duration kMeasured = std::chrono::seconds(60);
    /// What brings less is of no use where others wait: pings alone are less.
    static constexpr double kUsefulBytesPerS = 1024;

    /// It begins, with what was counted before.
    void begin(TimePoint now, std::uint64_t bytes) noexcept
    {
        since_ = now;
        bytes_ = bytes;
        per_s_.reset();
    }
    /// `bytes` is what was counted in all.
    void measure(TimePoint now, std::uint64_t bytes) noexcept
    {
        if (now - since_ < kMeasured) return;
        per_s_ = static_cast<double>(bytes - bytes_) / in_seconds(now - since_);
        since_ = now;
        bytes_ = bytes;
    }
    /// Over the last whole period; unknown during the first.
    [[nodiscard]] std::optional<double> per_s() const noexcept { return per_s_; }

private:
    TimePoint since_{};
    std::uint64_t bytes_ = 0;
    std::optional<double> per_s_;
};

} // namespace cepa::tunnel
