#include "main/restart_policy.hpp"

#include <algorithm>

namespace cepa::main {

void RestartPolicy::on_start(TimePoint now)
{
    started_ = now;
    served_ = false;
    budget_spent_ = std::max(budget_spent_, now) + kStartEvery;
}

Duration RestartPolicy::on_death(TimePoint now, bool own_fault)
{
    const bool settled = served_ && now - started_ >= kSettled;
    Duration delay{};
    if (settled) {
        next_delay_ = {};
    } else if (!served_ || own_fault) {
        delay = next_delay_;
        next_delay_ = delay == Duration{} ? kFirstDelay : std::min(delay * 2, kLongestDelay);
    }
    // The next start may be kStartsInARow - 1 ahead of what is paid for.
    return std::max(delay, budget_spent_ - (kStartsInARow - 1) * kStartEvery - now);
}

} // namespace cepa::main
