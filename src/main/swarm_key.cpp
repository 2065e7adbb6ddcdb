#include "main/swarm_key.hpp"

#include "base/log.hpp"
#include "main/node_identity.hpp"

namespace cepa::main {

SwarmKey::~SwarmKey()
{
    wipe(value_);
}

void SwarmKey::draw(TimePoint now)
{
    wipe(value_);
    value_ = NodeIdentity::generate().private_form();
    ++number_;
    drawn_ = now;
    reachable_ = now;
}

void SwarmKey::use(bool seeded, TimePoint now)
{
    if (seeded && !seeded_) reachable_ = now;
    seeded_ = seeded;
    if (seeded && value_.empty()) draw(now);
}

void SwarmKey::see(std::uint32_t introduction_points, std::uint32_t refused, bool nodes, TimePoint now)
{
    if (!seeded_) return;
    if (introduction_points > 0 || !nodes) reachable_ = now;
    const bool taken = introduction_points == 0 && refused >= kRefused;
    if (now - drawn_ < kLives || (!taken && now - reachable_ < kUnreachable)) return;
    log::debug("another swarm key", {log::field("refused", refused)});
    draw(now);
}

} // namespace cepa::main
