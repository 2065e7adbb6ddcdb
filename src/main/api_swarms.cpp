#include "main/api_swarms.hpp"

#include "main/quantity.hpp"

#include <fmt/format.h>

namespace cepa::main {
namespace {

std::string hex_text(const std::string& bytes)
{
    std::string out;
    for (const char byte : bytes)
        out += fmt::format("{:02x}", static_cast<unsigned char>(byte));
    return out;
}

Json age_json(bool known, std::uint64_t age_ms)
{
    return known ? Json(static_cast<double>(age_ms) / 1e3) : Json();
}

std::string age_text(const Json& swarm, const char* key)
{
    const auto found = swarm.find(key);
    return found == swarm.end() || !found->is_number() ? "never" : format_duration(found->get<double>()) + " ago";
}

const char* role_of(const HiddenSwarmStatus& swarm)
{
    if (!swarm.served && (swarm.seed || swarm.download)) return "waiting";
    return swarm.seed ? "seed" : swarm.download ? "download" : "idle";
}

} // namespace

Json to_json(const HiddenSwarmStatus& swarm)
{
    const proto::SwarmInfo& info = swarm.tunnels;
    return {{"id", swarm.id},
            {"name", swarm.name},
            {"lookup_hash", hex_text(swarm.lookup_hash)},
            {"hops", swarm.route.hops},
            {"group", swarm.route.group},
            {"role", role_of(swarm)},
            {"seeders_found", info.seeders_found()},
            {"linking", info.linking()},
            {"links", info.links()},
            {"linked_ever", info.linked_ever()},
            {"introduction_points", info.introduction_points()},
            {"introduction_points_wanted", swarm.introduction_points},
            {"waiting_for", swarm.waiting_for},
            {"was_findable", swarm.was_findable},
            {"unfindable_s", swarm.unfindable ? Json(in_seconds(*swarm.unfindable)) : Json()},
            {"state", to_string(swarm.state)},
            {"looked_up_s", age_json(info.has_looked_up_ms(), info.looked_up_ms())},
            {"announced_s", age_json(info.has_announced_ms(), info.announced_ms())},
            {"seen", swarm.seen},
            {"estimated_size", swarm.estimated_size},
            {"estimated_from", swarm.seed ? "ourselves and who is linked to us"
                                          : "distinct swarm keys of seeders, as introduction points told in lookups"}};
}

std::string findable_line(const Json& swarm)
{
    const int points = swarm.value("introduction_points", 0);
    std::string out =
        fmt::format("introduction points {} of {}", points, swarm.value("introduction_points_wanted", 0));
    if (points > 0) return out;
    out += swarm.value("was_findable", false) ? ": not findable any more" : ": not findable yet";
    if (const auto since = swarm.find("unfindable_s"); since != swarm.end() && since->is_number())
        out += " for " + format_duration(since->get<double>());
    const std::string wait = swarm.value("waiting_for", "");
    return wait.empty() ? out : out + "; it waits for " + wait;
}

std::string swarm_line(const Json& s)
{
    const std::string name = s.value("name", "");
    const std::string role = s.value("role", "");
    std::string out = fmt::format("{:.10}  {:<8}  {} hops  {} links", s.value("id", ""), role, s.value("hops", 0),
                                  s.value("links", 0));
    if (s.value("linking", 0) > 0) out += fmt::format(" (+{} being made)", s.value("linking", 0));
    out += fmt::format(", {} linked so far", s.value("linked_ever", 0));
    if (role == "idle") return out + fmt::format("  {}  {}", s.value("state", ""), name);
    if (role == "seed")
        out += fmt::format("  {}  renewed {}", findable_line(s), age_text(s, "announced_s"));
    else
        out += fmt::format("  {} seeders found  looked up {}", s.value("seeders_found", 0), age_text(s, "looked_up_s"));
    out += fmt::format("  about {} in the swarm  {}", s.value("estimated_size", 0), name);
    const std::string wait = s.value("waiting_for", "");
    return role == "seed" || wait.empty() ? out : out + "  waits for: " + wait;
}

std::string no_swarms_line(const Json& answer)
{
    const auto others = answer.value("introductions_for_others", std::uint64_t{0});
    if (others == 0) return "no hidden swarms";
    return fmt::format("no hidden swarms of its own; introduction point of {} seeder{} of others", others,
                       others == 1 ? "" : "s");
}

void add_swarm_methods(Api& api, const HiddenSwarms* hidden, const proto::TunnelService* tunnels)
{
    api.add("swarms", [hidden, tunnels](const Json&, const Api::Respond& respond) {
        Json list = Json::array();
        if (hidden != nullptr)
            for (const HiddenSwarmStatus& swarm : hidden->status())
                list.push_back(to_json(swarm));
        const std::uint64_t others = tunnels == nullptr ? 0 : tunnels->snapshot().discovery.introductions();
        respond(Json{{"swarms", std::move(list)}, {"introductions_for_others", others}});
    });
}

} // namespace cepa::main
