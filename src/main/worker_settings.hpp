// One worker's part of the node's settings: limits that hold for the whole node are split. Pure. Process: main.
#pragma once

#include "proto/control.pb.h"

#include <cstdint>

namespace cepa::main {

/// The settings for one of `workers`: rates and the number of joined circuits divided, and of the monthly cap an equal
/// part of what is left when `moved_bytes` have passed since the start. A limit never becomes 0, which would lift it.
[[nodiscard]] proto::NodeSettings settings_of_one(const proto::NodeSettings& node, std::uint32_t workers,
                                                  std::uint64_t moved_bytes);

/// The same limits alone, for one that runs already.
[[nodiscard]] proto::Limits limits_of_one(const proto::NodeSettings& node, std::uint32_t workers,
                                          std::uint64_t moved_bytes);

/// Whether every worker needs the node's private key, or only worker 0.
[[nodiscard]] bool serves_others(const proto::NodeSettings& node) noexcept;

} // namespace cepa::main
