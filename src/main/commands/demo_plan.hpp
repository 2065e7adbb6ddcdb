// Who takes part in a demo: how many of each role, an address in a /16 of its own for each, and the command lines.
// Pure: nothing is started here. Process: main (the demo's process).
#pragma once

#include "main/commands/node_process.hpp"
#include "main/options.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace cepa::main {

/// Uniform in 0 .. bound - 1.
using RandomBelow = std::function<std::uint32_t(std::uint32_t bound)>;

struct DemoPlan {
    std::vector<NodeStart> relays;
    std::vector<NodeStart> exits;
    std::vector<NodeStart> seeders;
    NodeStart downloader;
    std::array<std::uint8_t, 20> overlay{};
    bool hidden = false; ///< then there is one seeder, with tunnels of its own
    std::vector<std::string> seeder_endpoints;
    std::string settings_text; ///< the settings file that all of them share
};

/// Throws Misuse when the numbers make no path, or more processes than there are addresses.
void check_numbers(const DemoOptions& options);

/// Checks the numbers too. `folder` is the demo's own; `content` and `torrent` what is seeded.
[[nodiscard]] DemoPlan plan_demo(const DemoOptions& options, const std::filesystem::path& folder,
                                 const std::filesystem::path& content, const std::filesystem::path& torrent,
                                 const RandomBelow& random);

/// Enough seeders to load every worker: a flow (one seeder) is carried by one circuit of one worker.
[[nodiscard]] std::uint32_t default_seeders(std::uint32_t workers) noexcept;

} // namespace cepa::main
