// When a dead worker's replacement starts: at once, unless it keeps failing by itself. Pure; one per slot. Process:
// main.
//
//   a crash loop: it died before it had answered CREATE, or within 10 s and by its own fault (it crashed, exited or
//                 misbehaved): at once the first time, then 50 ms, 100 ms, ... 5 s.
//   any other death (it served and somebody killed it; it lived 10 s): at once.
//   Never more starts than 10 in a row and one a second after that.
#pragma once

#include "base/clock.hpp"

#include <chrono>

namespace cepa::main {

class RestartPolicy {
public:
    static constexpr Duration kSettled = std::chrono::seconds(10);
    static constexpr Duration kFirstDelay = std::chrono::milliseconds(50);
    static constexpr Duration kLongestDelay = std::chrono::seconds(5);
    static constexpr int kStartsInARow = 10;
    static constexpr Duration kStartEvery = std::chrono::seconds(1);

    void on_start(TimePoint now);
    /// The process has answered CREATE.
    void on_served() noexcept { served_ = true; }
    /// How long to wait before the next start. To be asked once per death.
    [[nodiscard]] Duration on_death(TimePoint now, bool own_fault);

private:
    TimePoint started_{};
    bool served_ = false;
    Duration next_delay_{};    ///< zero: the next failure is the first
    TimePoint budget_spent_{}; ///< when every start so far is paid for, at one per kStartEvery
};

} // namespace cepa::main
