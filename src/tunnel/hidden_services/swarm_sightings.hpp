// Which of the swarms that we watch were named by a message of others. Kept until the next regular report, so that a
// packet of a stranger costs the same whether its swarm is watched or not: else its answer's delay would say which
// swarms this node takes part in, and every packet could make us write to main.
// Pure: the time comes in. Process: worker, io thread. Spec: docs/protocol.md, sections 18 and 32.
#pragma once

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "tunnel/cell/hidden_payloads.hpp"

#include <map>
#include <vector>

namespace cepa::tunnel {

class SwarmSightings {
public:
    /// Between two reports; in one, each swarm is there at most once.
    static constexpr Duration kReportEvery = std::chrono::seconds(10);

    /// These swarms, in place of the former ones; what was seen of those that stay is kept.
    void watch(const std::vector<LookupHash>& swarms);
    /// A message named a swarm: any, of any size.
    void note(ByteSpan lookup_hash) noexcept;
    /// Those seen since the last report, when the next one is due.
    [[nodiscard]] std::vector<LookupHash> take(TimePoint now);

private:
    std::map<LookupHash, bool> seen_; ///< ordered: no stranger can choose hashes that fill one bucket
    TimePoint next_{};
};

} // namespace cepa::tunnel
