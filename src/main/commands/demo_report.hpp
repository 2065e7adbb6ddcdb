// The demo's result for people, from the object that --json prints. Pure. Process: main (the demo's process).
#pragma once

#include "main/api.hpp"

#include <string>

namespace cepa::main {

/// Several lines: the verdict, rate and time, what seeders saw, bytes and CPU seconds per process and worker.
[[nodiscard]] std::string demo_report(const Json& result);

} // namespace cepa::main
