// Names the build of the running program, so that main and a worker of another build do not talk past each other.
// Process: main and worker. Spec: docs/protocol.md, section 32.
#pragma once

#include <string>

namespace cepa::proto {

/// The GNU build id that the linker put into the running executable, in hex; "unknown" when it has none.
[[nodiscard]] const std::string& build_id();

} // namespace cepa::proto
