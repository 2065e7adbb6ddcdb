// When a dead worker's replacement starts: at once, unless it keeps dying. Pure; one per slot. Process: main.
//
//   lived >= 10 s: at once.   died sooner: at once the first time, then 50 ms, 100 ms, ... 5 s.
//   Never more than 12 starts within a minute.
#pragma once

#include "base/clock.hpp"

#include <chrono>
#include <cstddef>
#include <deque>

namespace cepa::main {

class RestartPolicy {
public:
    static constexpr Duration kSettled = std::chrono::seconds(10);
    static constexpr Duration kFirstDelay = std::chrono::milliseconds(50);
    static constexpr Duration kLongestDelay = std::chrono::seconds(5);
    static constexpr std::size_t kStartsPerMinute = 12;

    void on_start(TimePoint now);
    /// How long to wait before the next start. To be asked once per death.
    [[nodiscard]] Duration on_death(TimePoint now);

private:
    std::deque<TimePoint> starts_; ///< of the last minute, at most kStartsPerMinute
    Duration next_delay_{};        ///< zero: the next early death is the first
};

} // namespace cepa::main
