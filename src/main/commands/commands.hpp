// One function per command: gets everything that was read from the command line, the environment and the settings
// file, does the work, returns the exit status. Throws UserError for what the person at the terminal must know.
// Process: main.
#pragma once

#include "main/console.hpp"
#include "main/containment.hpp"
#include "main/in_process_factory.hpp"
#include "main/options.hpp"
#include "main/settings.hpp"

#include <filesystem>

namespace cepa::main {

struct CommandContext {
    const Options& options;
    Settings& settings;
    std::filesystem::path state; ///< folder of the node that runs or is asked
    std::filesystem::path settings_file;
    ContainmentPermit permit;
    const InProcessFactory& in_process;
    Console& console;
};

[[nodiscard]] int demo_command(CommandContext& context);
[[nodiscard]] int get_command(CommandContext& context);
[[nodiscard]] int seed_command(CommandContext& context);
[[nodiscard]] int create_command(CommandContext& context);
/// run and node.
[[nodiscard]] int service_command(CommandContext& context);
/// seed with hops.
[[nodiscard]] int hidden_seed_command(CommandContext& context);
[[nodiscard]] int swarms_command(CommandContext& context);
/// add, list, show, pause, resume, remove.
[[nodiscard]] int torrents_command(CommandContext& context);
/// Needs nothing of the context but the console.
[[nodiscard]] int settings_command(Console& console);
/// status, circuits, workers, stop.
[[nodiscard]] int inspect_command(CommandContext& context);

} // namespace cepa::main
