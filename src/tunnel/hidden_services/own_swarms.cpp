#include "tunnel/hidden_services/own_swarms.hpp"

#include <algorithm>
#include <set>

namespace cepa::tunnel {

namespace {

bool makes_sense(const SwarmPlan& plan) noexcept
{
    return plan.hops >= 1 && plan.hops <= SwarmPlan::kMostHops && plan.parts >= 1 && plan.part < plan.parts;
}

bool same_key(const std::optional<PrivateKey>& a, const std::optional<PrivateKey>& b)
{
    return a.has_value() == b.has_value() && (!a || a->public_key() == b->public_key());
}

} // namespace

void OwnSwarms::set_plans(std::vector<SwarmPlan> plans, TimePoint now)
{
    std::erase_if(plans, [](const SwarmPlan& plan) { return !makes_sense(plan); });
    if (plans.size() > kMost) plans.resize(kMost);
    std::set<LookupHash> wanted;
    for (const SwarmPlan& plan : plans)
        wanted.insert(plan.lookup_hash);
    for (auto& [hash, swarm] : swarms_) {
        if (wanted.contains(hash)) continue;
        stop_seeding(*swarm, now);
        stop_seeking(*swarm, now);
    }
    std::erase_if(swarms_, [&](const auto& entry) { return !wanted.contains(entry.first); });
    for (SwarmPlan& plan : plans) {
        std::unique_ptr<Swarm>& swarm = swarms_[plan.lookup_hash];
        if (!swarm) swarm = std::make_unique<Swarm>();
        apply(*swarm, std::move(plan), now);
    }
}

void OwnSwarms::apply(Swarm& swarm, SwarmPlan plan, TimePoint now)
{
    const bool moved = plan.hops != swarm.plan.hops || plan.group != swarm.plan.group;
    if (moved || !plan.seed_key) stop_seeding(swarm, now);
    else if (!same_key(plan.seed_key, swarm.plan.seed_key)) replace_introductions(swarm, now); // who is linked stays
    if (moved || !plan.download) stop_seeking(swarm, now);
    swarm.plan = std::move(plan); // its parts see the new one
    if (swarm.plan.seed_key && !swarm.meetings)
        swarm.meetings = std::make_unique<Meetings>(swarm.plan, circuits_, load_);
    if (swarm.plan.seed_key && !swarm.introductions) make_introductions(swarm);
    if (swarm.plan.download && !swarm.seeking)
        swarm.seeking = std::make_unique<Seeking>(swarm.plan, circuits_, lookups(swarm.plan));
}

void OwnSwarms::make_introductions(Swarm& swarm)
{
    swarm.introductions = std::make_unique<OwnIntroductions>(
        swarm.plan, circuits_,
        [meetings = swarm.meetings.get(), key = *swarm.plan.seed_key](CircuitId introduction, const Endpoint& origin,
                                                                      const CreateE2e& request, TimePoint when) {
            meetings->on_request(introduction, origin, request, when, &key);
        });
}

// Those that stand go on until others do, or nobody could find us meanwhile.
void OwnSwarms::replace_introductions(Swarm& swarm, TimePoint now)
{
    if (!swarm.introductions) return;
    if (swarm.introductions->established() == 0) return stop(swarm.introductions, now);
    stop(swarm.former, now);
    swarm.former = std::move(swarm.introductions);
    swarm.former->retire(now);
    swarm.replaced.reset();
}

void OwnSwarms::end_former(Swarm& swarm, TimePoint now)
{
    if (!swarm.former) return;
    if (!swarm.introductions || swarm.introductions->established() == 0) swarm.replaced.reset();
    else if (!swarm.replaced) swarm.replaced = now;
    const bool replaced = swarm.replaced && now - *swarm.replaced >= kFormerKept;
    if (replaced || swarm.former->established() == 0) stop(swarm.former, now);
}

void OwnSwarms::stop(std::unique_ptr<OwnIntroductions>& introductions, TimePoint now)
{
    if (introductions) circuits_.close_all_of(*introductions, now);
    introductions.reset();
}

void OwnSwarms::stop_seeding(Swarm& swarm, TimePoint now)
{
    stop(swarm.introductions, now);
    stop(swarm.former, now);
    if (swarm.meetings) circuits_.close_all_of(*swarm.meetings, now);
    swarm.meetings.reset();
}

void OwnSwarms::stop_seeking(Swarm& swarm, TimePoint now)
{
    if (swarm.seeking) circuits_.close_all_of(*swarm.seeking, now);
    swarm.seeking.reset();
}

LookupCircuits& OwnSwarms::lookups(const SwarmPlan& plan)
{
    auto& found = lookups_[{plan.hops, plan.group}];
    if (!found) found = std::make_unique<LookupCircuits>(plan.hops, plan.group, circuits_);
    return *found;
}

void OwnSwarms::set_payload(CircuitId link, std::uint64_t bytes)
{
    for (const auto& [hash, swarm] : swarms_) {
        if (swarm->meetings) swarm->meetings->set_payload(link, bytes);
        if (swarm->seeking) swarm->seeking->set_payload(link, bytes);
    }
}

void OwnSwarms::tick(TimePoint now)
{
    for (const auto& [key, lookups] : lookups_) {
        if (lookups->wanted())
            lookups->tick(now);
        else
            circuits_.close_all_of(*lookups, now);
    }
    std::erase_if(lookups_, [](const auto& entry) { return !entry.second->wanted(); });
    for (const auto& [hash, swarm] : swarms_) {
        if (swarm->introductions) swarm->introductions->tick(now);
        if (swarm->former) swarm->former->tick(now);
        end_former(*swarm, now);
        if (swarm->meetings) swarm->meetings->tick(now);
        if (swarm->seeking) swarm->seeking->tick(now);
    }
}

std::vector<SwarmView> OwnSwarms::views(TimePoint now) const
{
    const auto age = [now](const std::optional<TimePoint>& since) {
        return since ? std::optional<Duration>(now - *since) : std::nullopt;
    };
    std::vector<SwarmView> out;
    for (const auto& [hash, swarm] : swarms_) {
        SwarmView view;
        view.lookup_hash = hash;
        if (swarm->introductions) {
            view.introduction_points = swarm->introductions->established();
            view.announced = age(swarm->introductions->announced());
            view.refused = swarm->introductions->refused();
        }
        if (swarm->former) view.introduction_points += swarm->former->established();
        if (swarm->meetings) {
            view.linking += swarm->meetings->waiting();
            view.links += swarm->meetings->links();
            view.linked_ever += swarm->meetings->linked_ever();
        }
        if (swarm->seeking) {
            view.seeders_found = swarm->seeking->found();
            view.linking += swarm->seeking->linking();
            view.links += swarm->seeking->links();
            view.linked_ever += swarm->seeking->linked_ever();
            view.looked_up = age(swarm->seeking->looked_up());
        }
        out.push_back(view);
    }
    return out;
}

} // namespace cepa::tunnel
