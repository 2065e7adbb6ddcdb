#include "main/application.hpp"

#include "main/commands/commands.hpp"
#include "main/settings_file.hpp"
#include "main/standard_folders.hpp"
#include "main/user_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace cepa::main {
namespace {

std::vector<std::string> environment_of_process()
{
    std::vector<std::string> out;
    for (char** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry)
        out.emplace_back(*entry);
    return out;
}

/// Keys and the names of torrents are in memory: no core dump, and no debugger of another program of this user.
void protect_memory()
{
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);
    ::prctl(PR_SET_DUMPABLE, 0);
}

bool may_hold_anonymous_torrents(const Options& options) noexcept
{
    const bool hidden_seed = options.command == Command::seed && options.torrent.hops.value_or(0) > 0;
    return options.command == Command::run || options.command == Command::get || hidden_seed;
}

/// Precedence: flag > environment > file > default.
Settings load_settings(const Options& options, const std::filesystem::path& file,
                       const std::vector<std::string>& environment)
{
    Settings settings;
    apply_settings_file(settings, file, !options.settings_file.empty());
    apply_environment(settings, environment);
    for (const SettingOverride& given : options.overrides)
        apply_override(settings, given);
    check_settings(settings);
    return settings;
}

int run_command(CommandContext& context)
{
    switch (context.options.command) {
    case Command::demo:
        return demo_command(context);
    case Command::get:
        return get_command(context);
    case Command::seed:
        return seed_command(context);
    case Command::swarms:
        return swarms_command(context);
    case Command::create:
        return create_command(context);
    case Command::run:
    case Command::node:
        return service_command(context);
    case Command::status:
    case Command::circuits:
    case Command::workers:
    case Command::stop:
        return inspect_command(context);
    default:
        return torrents_command(context);
    }
}

int start(const Options& options, const InProcessFactory& in_process, Console& console)
{
    if (options.command == Command::settings) return settings_command(console); // also when the file is wrong
    const auto environment = environment_of_process();
    const bool both_named = !options.settings_file.empty() && !options.state.empty();
    // A service user without a home names both; only then the standard folders are not asked for.
    const StandardFolders folders = both_named ? StandardFolders{} : standard_folders();
    const auto file = options.settings_file.empty() ? folders.settings_file : options.settings_file;
    Settings settings = load_settings(options, file, environment);
    log::set_level(settings.log_level);
    std::error_code ignored;
    const auto state = std::filesystem::absolute(options.state.empty() ? folders.state : options.state, ignored);
    if (settings.download_folder.empty())
        settings.download_folder = folders.downloads.empty() ? state / "downloads" : folders.downloads;
    settings.download_folder = std::filesystem::absolute(settings.download_folder, ignored);

    ContainmentPermit permit{false, "switched off by torrents.containment = false"};
    if (settings.containment && may_hold_anonymous_torrents(options)) permit = Containment::prepare();
    protect_memory();
    CommandContext context{options, settings, state, file, permit, in_process, console};
    return run_command(context);
}

int fail_with(Console& console, const std::string& message, int status)
{
    console.note("cepa: " + message);
    console.result({{"ok", false}, {"error", message}});
    return status;
}

} // namespace

int run_application(std::vector<std::string> arguments, const InProcessFactory& in_process)
{
    std::signal(SIGPIPE, SIG_IGN); // a closed pipe is an error of the write, not the end of the program
    const bool json = std::ranges::find(arguments, "--json") != arguments.end();
    auto options = parse_options(std::move(arguments), environment_of_process());
    if (!options && options.error().status != 0 && json) {
        Console console(true);
        return fail_with(console, options.error().text, options.error().status);
    }
    if (!options) {
        const bool failed = options.error().status != 0;
        std::fprintf(failed ? stderr : stdout, "%s%s\n", failed ? "cepa: " : "", options.error().text.c_str());
        return options.error().status;
    }
    Console console(options->json);
    try {
        return start(*options, in_process, console);
    } catch (const UserError& error) {
        return fail_with(console, error.what(), error.status());
    } catch (const std::exception& error) {
        return fail_with(console, fmt::format("unexpected: {}", error.what()), kFailed);
    }
}

} // namespace cepa::main
