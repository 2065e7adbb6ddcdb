#include "main/restart_policy.hpp"

#include <algorithm>

namespace cepa::main {

void RestartPolicy::on_start(TimePoint now)
{
    starts_.push_back(now);
    if (starts_.size() > kStartsPerMinute) starts_.pop_front();
}

Duration RestartPolicy::on_death(TimePoint now)
{
    const bool settled = starts_.empty() || now - starts_.back() >= kSettled;
    Duration delay{};
    if (settled) {
        next_delay_ = {};
    } else {
        delay = next_delay_;
        next_delay_ = delay == Duration{} ? kFirstDelay : std::min(delay * 2, kLongestDelay);
    }
    if (starts_.size() == kStartsPerMinute)
        delay = std::max(delay, std::chrono::minutes(1) - (now - starts_.front()));
    return delay;
}

} // namespace cepa::main
