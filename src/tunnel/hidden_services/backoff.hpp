// When something that failed is tried again: later each time, and never two at the same moment. Plain value.
// Process: worker, io thread.
#pragma once

#include "tunnel/circuit/keepalive.hpp"

#include <algorithm>

namespace cepa::tunnel {

class Backoff {
public:
    constexpr Backoff(Duration first, Duration most) noexcept : first_(first), most_(most) {}

    [[nodiscard]] bool due(TimePoint now) const noexcept { return now >= next_; }
    [[nodiscard]] unsigned failures() const noexcept { return failures_; }
    /// The next time is one to one and a half of the pause away, which doubles with each failure in a row.
    void fail(TimePoint now, RandomSource& random) noexcept
    {
        const Duration pause = std::min(most_, first_ * (1U << std::min(failures_, 16U)));
        ++failures_;
        next_ = now + random_duration(random, pause, pause + pause / 2);
    }
    void succeed() noexcept { failures_ = 0; }
    /// Not before `when`, whatever failed.
    void wait_until(TimePoint when) noexcept { next_ = when; }

private:
    Duration first_;
    Duration most_;
    unsigned failures_ = 0;
    TimePoint next_{};
};

} // namespace cepa::tunnel
