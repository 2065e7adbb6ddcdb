// Commands that look at the running node, or end it: status, circuits, workers, stop.
#include "main/api_torrents.hpp"
#include "main/commands/commands.hpp"
#include "main/control_client.hpp"
#include "main/quantity.hpp"
#include "main/user_error.hpp"

#include <fmt/format.h>

#include <unistd.h>

namespace cepa::main {
namespace {

using namespace std::chrono_literals;

ControlClient running_node(const CommandContext& context)
{
    auto node = ControlClient::connect(context.state);
    if (!node)
        throw UserError(
            fmt::format("no cepa runs on state folder {}; start one with: cepa run", context.state.string()));
    return std::move(*node);
}

std::string span(const Json& object, const char* key)
{
    return format_duration(object.value(key, 0.0));
}

std::string text(const Json& object, const char* key)
{
    return printable(object.value(key, ""));
}

std::string size(const Json& object, const char* key)
{
    return format_size(object.value(key, std::uint64_t{0}));
}

void say_network(Console& console, const Json& status)
{
    const Json& network = status["network"];
    console.line(fmt::format("network      {}, overlay {}", text(network, "join"), text(network, "overlay")));
    if (!network.contains("listen")) return;
    const std::string wan = text(network, "wan");
    console.line(fmt::format("address      udp {}{}", text(network, "listen"),
                             wan.empty() ? "" : ", seen from outside as " + wan));
    console.line(fmt::format("known        {} nodes, {} relays, {} exits, {} networks (/16)", network.value("peers", 0),
                             network.value("relays", 0), network.value("exits", 0),
                             network.value("distinct_prefixes", 0)));
    if (const std::string says = text(network, "says"); !says.empty())
        console.line(fmt::format("             {}", says));
    if (status["roles"].value("relay", false)) // who only downloads asks the DHT through circuits
        console.line(fmt::format("dht          {} nodes, {} values kept; introduction point {} times",
                                 network.value("dht_nodes", 0), network.value("dht_values", 0),
                                 network.value("introductions", 0)));
    if (const std::string reach = text(network, "reach"); !reach.empty())
        console.line(fmt::format("             {}", reach));
}

void say_roles(Console& console, const Json& roles)
{
    if (!roles.value("relay", false)) return;
    const auto cap = roles.value("month_cap", std::uint64_t{0});
    console.line(fmt::format("role         {}; {} for others this month{}",
                             roles.value("exit", false) ? "relay and exit" : "relay", size(roles, "month_bytes"),
                             cap == 0 ? "" : " of " + format_size(cap)));
}

void say_routes(Console& console, const Json& status)
{
    for (const Json& route : status.value("routes", Json::array())) {
        const std::string waiting = text(route, "waiting_for");
        const int closing = route.value("closing", 0);
        console.line(
            fmt::format("route        {} hops, group {}: {} of {} circuits ready{}, {} flows{}", route.value("hops", 0),
                        text(route, "group"), route.value("ready", 0) - closing, route.value("wanted", 0),
                        closing == 0 ? "" : fmt::format(", {} closing", closing), route.value("flows", 0),
                        waiting.empty() ? "" : fmt::format("; waits {} for: {}", span(route, "in_state_s"), waiting)));
    }
    for (const Json& session : status.value("sessions", Json::array())) {
        if (const std::string why = text(session, "listen_error"); !why.empty())
            console.line(fmt::format("NO LISTENER  torrents with {} hops take no connections: {}",
                                     session.value("hops", 0), why));
        if (const std::string why = text(session, "stopped_by_guard"); !why.empty())
            console.line(fmt::format("STOPPED      torrents with {} hops: something could have leaked: {}",
                                     session.value("hops", 0), why));
    }
}

int status(CommandContext& context)
{
    Console& console = context.console;
    const Json answer = running_node(context).call("status");
    console.line(fmt::format("cepa {} {}, pid {}, running for {}", text(answer, "version"), text(answer, "command"),
                             answer.value("pid", 0), span(answer, "uptime_s")));
    say_network(console, answer);
    say_roles(console, answer["roles"]);
    const Json& pool = answer["pool"];
    if (answer["network"].contains("listen"))
        console.line(fmt::format("workers      {}; steering: {}; {} replaced", pool.value("count", 0),
                                 text(pool, "steering"), pool.value("restarts", 0)));
    if (answer.contains("containment")) {
        const Json& containment = answer["containment"];
        console.line(containment.value("on", false)
                         ? "containment  on"
                         : fmt::format("containment  off: {}", text(containment, "why_off")));
    }
    say_routes(console, answer);
    for (const Json& torrent : answer.value("torrents", Json::array()))
        console.line("torrent      " + printable(torrent_line(torrent)));
    if (const std::string hint = text(answer, "hint"); !hint.empty()) console.line("hint         " + hint);
    console.result(answer);
    return kDone;
}

std::string path_of(const Json& circuit)
{
    std::string out;
    for (const Json& hop : circuit["hops"]) {
        const std::string address = text(hop, "address");
        out += fmt::format("{}{}", out.empty() ? "" : " > ", address.empty() ? text(hop, "mid").substr(0, 8) : address);
    }
    return out;
}

int circuits(CommandContext& context)
{
    const Json answer = running_node(context).call("circuits");
    for (const Json& c : answer["circuits"])
        context.console.line(fmt::format(
            "circuit {:>10}  worker {}  {} of {} hops  {:<9}  up {:>10}  down {:>10}  {:>8}  {:.0f} ms  {}",
            c.value("id", 0U), c.value("worker", 0U), c["hops"].size(), c.value("wanted_hops", 0U), text(c, "state"),
            size(c, "bytes_up"), size(c, "bytes_down"), span(c, "age_s"), c.value("round_trip_ms", 0.0), path_of(c)));
    for (const Json& r : answer["relays"])
        context.console.line(fmt::format("relay   {:>10}  worker {}  forward {:>10}  backward {:>10}  {:>8}",
                                         r.value("id", 0U), r.value("worker", 0U), size(r, "bytes_forward"),
                                         size(r, "bytes_backward"), span(r, "age_s")));
    for (const Json& e : answer["exits"])
        context.console.line(fmt::format("exit    {:>10}  worker {}  out {:>10}  in {:>10}  {} destinations  {:>8}",
                                         e.value("id", 0U), e.value("worker", 0U), size(e, "bytes_out"),
                                         size(e, "bytes_in"), e.value("destinations", 0U), span(e, "age_s")));
    if (answer["circuits"].empty() && answer["relays"].empty() && answer["exits"].empty())
        context.console.line("no circuits");
    context.console.result(answer);
    return kDone;
}

int workers(CommandContext& context)
{
    ControlClient node = running_node(context);
    const auto& count = context.options.worker_count;
    const Json answer = count ? node.call("set-workers", {{"count", *count}}) : node.call("workers");
    const int draining = answer.value("draining", 0);
    context.console.line(fmt::format(
        "{} workers{}; steering: {}; {} replaced", answer.value("count", 0),
        draining == 0 ? ""
                      : fmt::format(", {} draining (up to {:.0f} s)", draining, answer.value("drain_limit_s", 0.0)),
        text(answer, "steering"), answer.value("restarts", 0)));
    for (const Json& w : answer["workers"])
        context.console.line(fmt::format(
            "worker {:>2}  {:<8}  pid {:>7}  cpu {:>8.2f} s  up {:>10}  down {:>10}  relayed {:>10}  exited {:>10}",
            w.value("worker", 0U), text(w, "state"), w.value("pid", 0U), w.value("cpu_s", 0.0), size(w, "bytes_up"),
            size(w, "bytes_down"), size(w, "relayed_bytes"), size(w, "exited_bytes")));
    context.console.result(answer);
    return kDone;
}

/// Returns when the node has gone: its state folder can be used again.
int stop(CommandContext& context)
{
    (void)running_node(context).call("stop");
    for (int tries = 0; tries < 300; ++tries) {
        if (!ControlClient::connect(context.state)) {
            context.console.line("stopped");
            context.console.result({{"ok", true}});
            return kDone;
        }
        ::usleep(100'000);
    }
    throw UserError("it was asked to stop and still runs after 30 s");
}

} // namespace

int inspect_command(CommandContext& context)
{
    switch (context.options.command) {
    case Command::status:
        return status(context);
    case Command::circuits:
        return circuits(context);
    case Command::workers:
        return workers(context);
    default:
        return stop(context);
    }
}

} // namespace cepa::main
