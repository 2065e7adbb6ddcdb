// How often something costly may be done for strangers: a token bucket of events. Process: worker, io thread.
#pragma once

#include "base/clock.hpp"

#include <algorithm>

namespace cepa::tunnel {

class FloodLimit {
public:
    /// `per_s` events in the long run, `burst` at once. Needs both > 0.
    constexpr FloodLimit(double per_s, double burst) noexcept : per_s_(per_s), burst_(burst), tokens_(burst) {}

    /// Whether one event may happen at `now`; counts it if so. Time going backwards only refills nothing.
    [[nodiscard]] bool admit(TimePoint now) noexcept
    {
        if (now > refilled_) {
            const double passed_s = in_seconds(now - refilled_);
            tokens_ = std::min(burst_, tokens_ + passed_s * per_s_);
            refilled_ = now;
        }
        if (tokens_ < 1.0) return false;
        tokens_ -= 1.0;
        return true;
    }

private:
    double per_s_;
    double burst_;
    double tokens_;
    TimePoint refilled_{};
};

} // namespace cepa::tunnel
