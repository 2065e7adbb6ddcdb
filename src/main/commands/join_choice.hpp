// Whether a command may talk to a network: joining the public one is the user's explicit choice. A first start at a
// terminal asks, anything else is told how to choose. Process: main (a command's process).
#pragma once

#include "main/commands/commands.hpp"

#include <istream>
#include <string>

namespace cepa::main {

enum class JoinAnswer : std::uint8_t { join, decline, unclear };
/// "yes" joins; "no", an empty line and the end of input decline.
[[nodiscard]] JoinAnswer parse_join_answer(const std::string& line);

/// Returns when a network was chosen: by settings, or now by the person at the terminal, whose choice is written to the
/// settings file when there is none yet. Throws Misuse with how_to_join() otherwise.
void need_network(CommandContext& context);

/// Somebody can be asked.
[[nodiscard]] bool at_a_terminal();

/// What it means to be an exit, said at every start as one.
void say_what_exiting_means(Console& console);

} // namespace cepa::main
