// The request about hidden swarms: swarms. Process: main, io thread.
#pragma once

#include "main/api.hpp"
#include "main/hidden_swarms.hpp"

namespace cepa::main {

/// `hidden` must outlive `api`.
void add_swarm_methods(Api& api, const HiddenSwarms& hidden);

[[nodiscard]] Json to_json(const HiddenSwarmStatus& swarm);
/// One line for a person, of a swarm as the request answers it.
[[nodiscard]] std::string swarm_line(const Json& swarm);
/// "introduction points 2 of 3"; with none, that nobody finds it yet.
[[nodiscard]] std::string findable_line(const Json& swarm);

} // namespace cepa::main
