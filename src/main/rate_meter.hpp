// How fast something grows, from what came in the last two seconds. Pure. Process: main.
#pragma once

#include "base/clock.hpp"

#include <chrono>
#include <cstdint>
#include <deque>

namespace cepa::main {

class RateMeter {
public:
    /// The total as of `now`; neither may fall.
    void on_total(std::uint64_t total, TimePoint now)
    {
        samples_.push_back({now, total});
        // One sample at the window's far edge or before it stays: the rate is measured from there.
        while (samples_.size() > 2 && samples_[1].at <= now - kWindow)
            samples_.pop_front();
    }
    /// 0 until there is enough to measure.
    [[nodiscard]] double bytes_per_s() const noexcept
    {
        if (samples_.empty()) return 0;
        const Duration span = samples_.back().at - samples_.front().at;
        if (span < kShortest) return 0;
        return static_cast<double>(samples_.back().total - samples_.front().total) / in_seconds(span);
    }

private:
    static constexpr Duration kWindow = std::chrono::seconds(2);
    static constexpr Duration kShortest = std::chrono::milliseconds(200);

    struct Sample {
        TimePoint at;
        std::uint64_t total = 0;
    };
    std::deque<Sample> samples_;
};

} // namespace cepa::main
