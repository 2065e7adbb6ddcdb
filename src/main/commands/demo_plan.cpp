#include "main/commands/demo_plan.hpp"

#include "main/user_error.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>
#include <span>

namespace cepa::main {
namespace {

constexpr std::uint32_t kMostNodes = 250; // 127.x.0.0/16 for x in 1 .. 254, with some to spare
constexpr const char* kNodePort = "7759";
constexpr const char* kSeederPort = "6881";
constexpr std::size_t kPeersNamed = 8;

/// How many are to be started: those asked for, or enough.
std::uint32_t seeders_of(const DemoOptions& o) noexcept
{
    if (o.hidden) return 1;
    return o.seeders != 0 ? o.seeders : default_seeders(o.workers);
}

/// Addresses 127.x.y.z, no two in one /16: a path takes no two hops of one.
class Addresses {
public:
    explicit Addresses(const RandomBelow& random) : random_(random), order_(254)
    {
        std::iota(order_.begin(), order_.end(), 1U);
        for (std::uint32_t i = 253; i > 0; --i)
            std::swap(order_[i], order_[random_(i + 1)]);
    }
    [[nodiscard]] std::string next()
    {
        return fmt::format("127.{}.{}.{}", order_.at(used_++), 1 + random_(254), 1 + random_(254));
    }

private:
    const RandomBelow& random_;
    std::vector<std::uint32_t> order_;
    std::size_t used_ = 0;
};

std::string settings_text(const DemoOptions& options, std::span<const std::uint8_t> overlay_id)
{
    const std::string overlay = fmt::format("{:02x}", fmt::join(overlay_id, ""));
    return fmt::format("[network]\njoin = \"private\"\noverlay = \"{}\"\nallow_loopback = true\nfront_process = {}\n\n"
                       "[workers]\nsync_interval = \"500ms\"\n\n[torrents]\nrecord_peers = true\n",
                       overlay, options.front_process);
}

NodeStart tunnel_node(const std::string& role, std::vector<std::string> arguments, const std::string& address,
                      const std::filesystem::path& folder, std::size_t number)
{
    arguments.insert(arguments.end(), {"--config", (folder / "cepa.toml").string(), "--listen",
                                       fmt::format("{}:{}", address, kNodePort)});
    return {role, address, std::move(arguments), folder / fmt::format("{}-{}", role, number)};
}

NodeStart seeder(const std::filesystem::path& content, const std::filesystem::path& torrent, const std::string& address,
                 const std::filesystem::path& folder, std::size_t number)
{
    return {"seeder",
            address,
            {"seed", content.string(), "--torrent", torrent.string(), "--config", (folder / "cepa.toml").string(),
             "--listen", fmt::format("{}:{}", address, kSeederPort)},
            folder / fmt::format("seeder-{}", number)};
}

/// Hidden circuits have a hop more, and their last hops differ: so many relays leave a choice.
std::uint32_t relays_of(const DemoOptions& o) noexcept
{
    return o.hidden && !o.relays_given ? std::max(o.relays, o.hops + 4U) : o.relays;
}

NodeStart hidden_seeder(const DemoOptions& o, const std::filesystem::path& content,
                        const std::filesystem::path& torrent, const std::string& address,
                        const std::filesystem::path& folder)
{
    return tunnel_node("seeder",
                       {"seed", content.string(), "--torrent", torrent.string(), "--hops", std::to_string(o.hops),
                        "--workers", std::to_string(o.workers)},
                       address, folder, 0);
}

void name_peers(NodeStart& node, const std::vector<std::string>& peers)
{
    std::size_t named = 0;
    for (const std::string& peer : peers) {
        if (peer == node.address || named++ >= kPeersNamed) continue;
        node.arguments.insert(node.arguments.end(), {"--peer", fmt::format("{}:{}", peer, kNodePort)});
    }
}

} // namespace

std::uint32_t default_seeders(std::uint32_t workers) noexcept
{
    return std::max(4U, 2 * workers);
}

void check_numbers(const DemoOptions& o)
{
    const std::uint32_t seeders = seeders_of(o);
    const std::uint32_t relays = relays_of(o);
    if (o.hidden && (o.hops < 1 || o.hops > kMostHiddenHops))
        throw Misuse(fmt::format("demo: --hidden needs 1 to {} hops", kMostHiddenHops));
    if (o.hidden && o.seeders > 1) throw Misuse("demo: --hidden has one seeder");
    const std::uint32_t in_a_row = o.hops + (o.hidden ? 1U : 0U);
    if (o.hops > 0 && relays + o.exits < in_a_row)
        throw Misuse(
            fmt::format("demo: {} hops need at least {} nodes in a row, and --relays {} and --exits {} make {}", o.hops,
                        in_a_row, relays, o.exits, relays + o.exits));
    if (relays + o.exits + seeders + 1 > kMostNodes)
        throw Misuse(fmt::format("demo: at most {} processes", kMostNodes));
}

DemoPlan plan_demo(const DemoOptions& o, const std::filesystem::path& folder, const std::filesystem::path& content,
                   const std::filesystem::path& torrent, const RandomBelow& random)
{
    check_numbers(o);
    const std::uint32_t seeders = seeders_of(o);
    DemoPlan plan;
    for (std::uint8_t& byte : plan.overlay)
        byte = static_cast<std::uint8_t>(random(256));
    plan.settings_text = settings_text(o, plan.overlay);
    Addresses addresses(random);
    const bool tunnels = o.hops > 0;
    for (std::uint32_t i = 0; tunnels && i < o.exits; ++i)
        plan.exits.push_back(tunnel_node("exit", {"node", "--exit", "--workers", "0"}, addresses.next(), folder, i));
    for (std::uint32_t i = 0; tunnels && i < relays_of(o); ++i)
        plan.relays.push_back(tunnel_node("relay", {"node", "--relay", "--workers", "0"}, addresses.next(), folder, i));
    for (std::uint32_t i = 0; i < seeders; ++i) {
        if (o.hidden) {
            plan.seeders.push_back(hidden_seeder(o, content, torrent, addresses.next(), folder));
            continue;
        }
        plan.seeders.push_back(seeder(content, torrent, addresses.next(), folder, i));
        plan.seeder_endpoints.push_back(fmt::format("{}:{}", plan.seeders.back().address, kSeederPort));
    }
    plan.downloader =
        tunnel_node("downloader", {"run", "--workers", std::to_string(o.workers)}, addresses.next(), folder, 0);

    std::vector<std::string> peers;
    for (const NodeStart& node : plan.exits)
        peers.push_back(node.address);
    for (const NodeStart& node : plan.relays)
        peers.push_back(node.address);
    for (NodeStart& node : plan.exits)
        name_peers(node, peers);
    for (NodeStart& node : plan.relays)
        name_peers(node, peers);
    name_peers(plan.downloader, peers);
    plan.hidden = o.hidden;
    if (o.hidden) name_peers(plan.seeders.front(), peers);
    return plan;
}

} // namespace cepa::main
