#include "main/commands/demo_network.hpp"

#include "main/user_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unistd.h>

namespace cepa::main {
namespace {

using namespace std::chrono_literals;

constexpr auto kStartLimit = 60s; // many processes on a busy machine, or one with sanitizers
constexpr auto kStopLimit = 8s;

} // namespace

DemoNetwork::DemoNetwork(const DemoPlan& plan, Interrupt& interrupt)
{
    nodes_.reserve(plan.exits.size() + plan.relays.size() + plan.seeders.size() + 1);
    for (const auto* group : {&plan.exits, &plan.relays, &plan.seeders})
        for (const NodeStart& start : *group)
            nodes_.emplace_back(start);
    nodes_.emplace_back(plan.downloader);
    wait_until_all_answer(interrupt);
}

DemoNetwork::~DemoNetwork()
{
    for (NodeProcess& node : nodes_)
        node.kill(); // all at once, then each is waited for
}

void DemoNetwork::wait_until_all_answer(Interrupt& interrupt)
{
    const BootClock clock;
    const TimePoint end = clock.now() + kStartLimit;
    for (NodeProcess& node : nodes_) {
        while (!node.connect()) {
            check_all_running();
            if (clock.now() > end)
                throw UserError(
                    fmt::format("{} at {}: does not answer\n{}", node.role(), node.address(), node.log_tail()));
            if (interrupt.wait(20ms)) throw UserError("interrupted");
        }
    }
}

void DemoNetwork::check_all_running()
{
    for (NodeProcess& node : nodes_)
        if (!node.running())
            throw UserError(
                fmt::format("{} at {}: ended unexpectedly\n{}", node.role(), node.address(), node.log_tail()));
}

std::set<std::string> DemoNetwork::seen_by_seeders()
{
    std::set<std::string> out;
    for (NodeProcess& node : nodes_) {
        if (node.role() != "seeder") continue;
        const Json seen = node.call("peers-seen");
        for (const Json& address : seen["addresses"])
            out.insert(address.get<std::string>());
    }
    return out;
}

std::set<std::string> DemoNetwork::exit_addresses() const
{
    std::set<std::string> out;
    for (const NodeProcess& node : nodes_)
        if (node.role() == "exit") out.insert(node.address());
    return out;
}

Json DemoNetwork::account(NodeProcess& node)
{
    Json out{{"role", node.role()}, {"address", node.address()}, {"pid", node.pid()}, {"cpu_s", node.cpu_seconds()}};
    std::uint64_t bytes = 0;
    if (node.role() == "seeder") {
        const Json answer = node.call("list");
        for (const Json& torrent : answer["torrents"])
            bytes += torrent.value("uploaded", std::uint64_t{0});
        out["bytes"] = bytes;
        return out;
    }
    const Json pool = node.call("workers");
    const char* counter = node.role() == "relay"  ? "relayed_bytes"
                          : node.role() == "exit" ? "exited_bytes"
                                                  : "bytes_down";
    out["workers"] = Json::array();
    for (const Json& worker : pool["workers"]) {
        bytes += worker.value(counter, std::uint64_t{0});
        if (pool.value("count", 0) == 0) continue; // in the node's own process
        out["workers"].push_back({{"worker", worker["worker"]},
                                  {"pid", worker["pid"]},
                                  {"cpu_s", cpu_seconds_of(worker.value("pid", 0))},
                                  {"bytes", worker.value(counter, std::uint64_t{0})},
                                  {"handed_over", worker["handed_over"]},
                                  {"pipe_drops", worker["pipe_drops"]}});
    }
    out["bytes"] = bytes;
    return out;
}

Json DemoNetwork::accounts()
{
    Json out = Json::array();
    for (NodeProcess& node : nodes_)
        out.push_back(account(node));
    return out;
}

void DemoNetwork::stop()
{
    for (NodeProcess& node : nodes_)
        node.terminate();
    const BootClock clock;
    const TimePoint end = clock.now() + kStopLimit;
    while (clock.now() < end && std::ranges::any_of(nodes_, [](NodeProcess& node) { return node.running(); }))
        ::usleep(20'000);
}

} // namespace cepa::main
