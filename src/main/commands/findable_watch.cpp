#include "main/commands/findable_watch.hpp"

#include "main/api_swarms.hpp"
#include "main/hidden_waiting.hpp"

namespace cepa::main {

bool FindableWatch::is_news(int points, const std::string& wait, TimePoint now) const
{
    if (!said_ || points != *said_) return true;
    if (points > 0) return false;
    return now - said_at_ >= kAgain || (now - said_at_ >= kPatience && !same_wait(wait, said_wait_));
}

bool FindableWatch::look(const Json& swarm, TimePoint now)
{
    const int points = swarm.value("introduction_points", 0);
    const int wanted = swarm.value("introduction_points_wanted", 0);
    const std::string wait = swarm.value("waiting_for", "");
    if (is_news(points, wait, now)) {
        console_.note(points > 0 ? "findable: " + findable_line(swarm) : findable_line(swarm));
        said_ = points;
        said_wait_ = wait;
        said_at_ = now;
    }
    if (wanted == 0 || points < wanted || complete_) return complete_;
    complete_ = true;
    console_.result({{"findable", true}, {"id", swarm["id"]}, {"introduction_points", points}});
    return true;
}

} // namespace cepa::main
