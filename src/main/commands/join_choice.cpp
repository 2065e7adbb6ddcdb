#include "main/commands/join_choice.hpp"

#include "main/atomic_file.hpp"
#include "main/node_settings.hpp"
#include "main/user_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <iostream>
#include <unistd.h>

namespace cepa::main {
namespace {

constexpr const char* kQuestion =
    "Cepa has not been told which network to use.\n"
    "The public network is Tribler's: its nodes are other people's computers. Joining means that your address is "
    "known\n"
    "to them as one that uses the network, and that your node forwards nothing for others unless you turn relaying "
    "on.\n"
    "What you download through it leaves the network at other people's exits, not at your address.\n"
    "Being an exit for others is a separate choice and stays off.\n"
    "Join the public network? [yes/no] ";

void keep_choice(CommandContext& context)
{
    std::error_code ignored;
    const auto& file = context.settings_file;
    if (std::filesystem::exists(file, ignored)) {
        context.console.note(
            fmt::format("to keep the choice write join = \"public\" under [network] into {}", file.string()));
        return;
    }
    const std::string text = "[network]\njoin = \"public\"\n";
    const auto folder = make_private_folder(file.parent_path());
    const auto written = folder ? write_file_atomically(file, as_bytes(text)) : folder;
    context.console.note(
        written ? fmt::format("kept in {}", file.string())
                : fmt::format("the choice could not be kept in {}: {}", file.string(), written.error().message()));
}

} // namespace

bool at_a_terminal()
{
    return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1;
}

JoinAnswer parse_join_answer(const std::string& line)
{
    std::string word;
    for (const char c : line)
        if (std::isspace(static_cast<unsigned char>(c)) == 0)
            word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (word == "yes" || word == "y") return JoinAnswer::join;
    if (word.empty() || word == "no" || word == "n") return JoinAnswer::decline;
    return JoinAnswer::unclear;
}

void need_network(CommandContext& context)
{
    if (has_network(context.settings)) return;
    if (!at_a_terminal() || context.options.json) throw Misuse(how_to_join());
    std::cerr << kQuestion << std::flush;
    std::string line;
    std::getline(std::cin, line);
    if (parse_join_answer(line) != JoinAnswer::join) throw Misuse(how_to_join());
    context.settings.join = Join::public_network;
    context.settings.join_chosen = true;
    check_settings(context.settings);
    keep_choice(context);
}

void say_what_exiting_means(Console& console)
{
    console.note(
        "This node is an exit. Other people's traffic leaves it under YOUR address: whoever they contact sees you, "
        "complaints\n"
        "come to you, and some providers and laws object. It opens UDP sockets for BitTorrent only, never to your own\n"
        "network. What one destination gets is capped (exit.destination_rate); the whole is not unless you set "
        "exit.rate\n"
        "and relay.month: see cepa settings. To be a relay without this: --relay, not --exit.");
}

} // namespace cepa::main
