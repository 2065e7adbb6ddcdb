// The request about hidden swarms: swarms. Process: main, io thread.
#pragma once

#include "main/api.hpp"
#include "main/hidden_swarms.hpp"
#include "proto/tunnel_service.hpp"

namespace cepa::main {

/// `hidden` is null where no torrent goes through tunnels (a node that only serves), `tunnels` where there are none.
/// Both must outlive `api`.
void add_swarm_methods(Api& api, const HiddenSwarms* hidden, const proto::TunnelService* tunnels);

[[nodiscard]] Json to_json(const HiddenSwarmStatus& swarm);
/// One line for a person, of a swarm as the request answers it.
[[nodiscard]] std::string swarm_line(const Json& swarm);
/// "introduction points 2 of 3"; with none, that nobody finds it yet.
[[nodiscard]] std::string findable_line(const Json& swarm);
/// What stands in place of the lines of an answer without swarms: what the node does for those of others.
[[nodiscard]] std::string no_swarms_line(const Json& answer);

} // namespace cepa::main
