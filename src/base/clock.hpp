// Time as a parameter. Ages and timeouts are measured on CLOCK_BOOTTIME, which no one can set and which goes on during
// a suspend; the wall clock is never read for them. Tests inject a clock of their own. Process: all.
#pragma once

#include <chrono>
#include <ctime>

namespace cepa {

/// Since boot, suspends included. Not comparable between machines.
struct BootTime {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<BootTime>;
    static constexpr bool is_steady = true;
};
using TimePoint = BootTime::time_point;
using Duration = BootTime::duration;

inline double in_seconds(Duration duration) noexcept { return std::chrono::duration<double>(duration).count(); }

class Clock {
public:
    virtual ~Clock() = default;
    [[nodiscard]] virtual TimePoint now() const noexcept = 0;
};

/// The machine's own CLOCK_BOOTTIME.
class BootClock final : public Clock {
public:
    [[nodiscard]] TimePoint now() const noexcept override
    {
        timespec t{};
        ::clock_gettime(CLOCK_BOOTTIME, &t);
        return TimePoint(std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec));
    }
};

} // namespace cepa
