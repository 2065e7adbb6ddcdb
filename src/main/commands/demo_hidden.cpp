#include "main/commands/demo_hidden.hpp"

#include "main/hidden_peers.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

namespace cepa::main {
namespace {

/// What a node shows of its circuits is a moment old: what was captured is judged by what it shows this much later.
constexpr auto kShownAfter = std::chrono::milliseconds(1500);
constexpr int kLooksUntilShown = 6;

std::string ip_of(const std::string& endpoint)
{
    const auto parsed = Endpoint::parse(endpoint);
    return parsed ? parsed->ip.to_string() : "";
}

} // namespace

HiddenCounts hidden_counts(const SentCounts& sent, const std::string& seeder, const std::string& downloader,
                           const std::map<std::string, std::set<std::string>>& first_hops,
                           const std::set<std::string>& relays)
{
    HiddenCounts out;
    for (const auto& [way, count] : sent) {
        const auto& [from, to] = way;
        if (relays.contains(from) || from == to) continue; // what comes back, and the self-test of steering
        const bool is_end = from == seeder || from == downloader;
        // From whatever address it was sent: a socket that is bound to none has another one.
        if (!is_end || !relays.contains(to)) out.direct_packets += count.packets;
        const auto hops = first_hops.find(from);
        const bool first = hops != first_hops.end() && hops->second.contains(to);
        if (!first) out.beyond_first_hop += count.cells;
        if (is_end) out.other_packets += count.packets - count.cells - count.talk;
    }
    return out;
}

HiddenProof::HiddenProof(std::string seeder, std::string downloader, std::set<std::string> relays,
                         const PacketCapture::Overlay& overlay)
    : seeder_(std::move(seeder)), downloader_(std::move(downloader)), relays_(std::move(relays))
{
    auto opened = PacketCapture::open({seeder_, downloader_}, overlay);
    if (opened)
        capture_.emplace(std::move(*opened));
    else
        why_not_ =
            opened.error() == boost::system::errc::operation_not_permitted ? "not permitted" : opened.error().message();
}

void HiddenProof::note_first_hops(NodeProcess& node)
{
    const Json answer = node.call("circuits");
    for (const Json& circuit : answer["circuits"])
        if (!circuit["hops"].empty())
            first_hops_[node.address()].insert(ip_of(circuit["hops"][0].value("address", "")));
}

void HiddenProof::look(DemoNetwork& network)
{
    if (capture_) capture_->drain();
    note_first_hops(network.downloader());
    note_first_hops(network.hidden_seeder());
}

void HiddenProof::count(Json& out)
{
    if (!capture_) {
        out.update(
            {{"capture", why_not_}, {"direct_packets", Json()}, {"beyond_first_hop", Json()}, {"proved", Json()}});
        return;
    }
    const HiddenCounts counts = hidden_counts(capture_->sent(), seeder_, downloader_, first_hops_, relays_);
    const std::uint64_t lost = capture_->lost();
    out.update({{"capture", "on lo"},
                {"capture_lost", lost},
                {"direct_packets", counts.direct_packets},
                {"beyond_first_hop", counts.beyond_first_hop},
                {"other_packets", counts.other_packets}});
    out["proved"] = counts.direct_packets + counts.beyond_first_hop + counts.other_packets + lost == 0;
}

Json HiddenProof::result(DemoNetwork& network)
{
    look(network); // the last that is taken in of the capture
    for (int i = 0; i < kLooksUntilShown; ++i) {
        std::this_thread::sleep_for(kShownAfter / kLooksUntilShown);
        note_first_hops(network.downloader());
        note_first_hops(network.hidden_seeder());
    }
    std::uint64_t links = 0;
    const Json answer = network.hidden_seeder().call("swarms");
    for (const Json& swarm : answer["swarms"])
        links += swarm.value("linked_ever", std::uint64_t{0});
    const auto saw = network.seen_by_seeders();
    const bool made_up = !saw.empty() && std::ranges::all_of(saw, [](const std::string& text) {
        const auto ip = IpAddress::parse(text);
        return ip && is_made_up(*ip);
    });
    Json out{{"hidden", true}, {"links", links}, {"seeder_saw_only_made_up", made_up}};
    count(out);
    out["linked"] = made_up && links > 0;
    return out;
}

} // namespace cepa::main
