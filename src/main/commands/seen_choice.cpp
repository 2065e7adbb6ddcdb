#include "main/commands/seen_choice.hpp"

#include "main/commands/join_choice.hpp"
#include "main/plain_marks.hpp"
#include "main/state_folder.hpp"
#include "main/user_error.hpp"

#include <fmt/format.h>

#include <iostream>

namespace cepa::main {
namespace {

constexpr const char* kMeaning =
    "was used without hops before: who was in its swarm then has seen this computer's address, and can guess who its "
    "hidden peer is now";

} // namespace

bool choose_although_seen(CommandContext& context, const std::string& torrent_id)
{
    if (context.options.torrent.although_seen) return true;
    if (!PlainMarks(plain_marks_file(context.state)).has(torrent_id)) return false;
    const std::string what = fmt::format("torrent {}: {}", torrent_id, kMeaning);
    if (!at_a_terminal() || context.options.json) throw Misuse(what + ". To go on all the same: --although-seen");
    std::cerr << what << ".\nGo on all the same? [yes/no] " << std::flush;
    std::string line;
    std::getline(std::cin, line);
    if (parse_join_answer(line) != JoinAnswer::join) throw Misuse("not hidden: its former life is known");
    return true;
}

} // namespace cepa::main
