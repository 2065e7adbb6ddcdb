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
                           const std::map<std::string, std::set<std::string>>& first_hops)
{
    HiddenCounts out;
    for (const auto& [way, count] : sent) {
        const auto& [from, to] = way;
        const bool direct = (from == seeder && to == downloader) || (from == downloader && to == seeder);
        const auto hops = first_hops.find(from);
        const bool first = hops != first_hops.end() && hops->second.contains(to);
        if (direct) out.direct_packets += count.packets;
        if (!first) out.beyond_first_hop += count.cells;
    }
    return out;
}

HiddenProof::HiddenProof(std::string seeder, std::string downloader, const PacketCapture::Overlay& overlay)
    : seeder_(std::move(seeder)), downloader_(std::move(downloader))
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
        // Without the capture only what the nodes say of themselves is left.
        const auto uses = [this](const std::string& one, const std::string& other) {
            return first_hops_[one].contains(other);
        };
        out.update({{"capture", why_not_}, {"direct_packets", Json()}, {"beyond_first_hop", Json()}});
        out["proved"] = !uses(seeder_, downloader_) && !uses(downloader_, seeder_);
        return;
    }
    const HiddenCounts counts = hidden_counts(capture_->sent(), seeder_, downloader_, first_hops_);
    const std::uint64_t lost = capture_->lost();
    out.update({{"capture", "on lo"},
                {"capture_lost", lost},
                {"direct_packets", counts.direct_packets},
                {"beyond_first_hop", counts.beyond_first_hop}});
    out["proved"] = counts.direct_packets == 0 && counts.beyond_first_hop == 0 && lost == 0;
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
    out["proved"] = out.value("proved", false) && made_up && links > 0;
    return out;
}

} // namespace cepa::main
