// The program but for its workers: reads the command line, the environment and the settings file, and runs the command.
// Process: main.
#pragma once

#include "main/in_process_factory.hpp"

#include <string>
#include <vector>

namespace cepa::main {

/// `arguments` without the program's name. Returns the exit status: 0 done, 1 failed, 2 misuse. Must be called while
/// the process has one thread: containment is prepared first.
[[nodiscard]] int run_application(std::vector<std::string> arguments, const InProcessFactory& in_process);

} // namespace cepa::main
