// When to ask the bootstrap servers for peers. They are never peers themselves. Knows no server by itself: only the
// user's choice to join the public network brings their addresses here. Process: worker 0, io thread.
// Spec: docs/protocol.md, section 6.
#pragma once

#include "base/address.hpp"
#include "base/clock.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

namespace cepa::tunnel {

class Bootstrap {
public:
    static constexpr std::size_t kMaxServers = 32;
    static constexpr auto kInterval = std::chrono::seconds(30);

    explicit Bootstrap(std::vector<Endpoint> servers) : servers_(std::move(servers))
    {
        if (servers_.size() > kMaxServers) servers_.resize(kMaxServers);
    }

    [[nodiscard]] bool is_server(const Endpoint& address) const noexcept
    {
        return std::ranges::find(servers_, address) != servers_.end();
    }

    /// The servers to ask now: all of them at most once per kInterval, none while there are peers.
    [[nodiscard]] std::vector<Endpoint> due(TimePoint now, bool have_peers)
    {
        if (have_peers || servers_.empty()) return {};
        if (asked_ && now - *asked_ < kInterval) return {};
        asked_ = now;
        return servers_;
    }

private:
    std::vector<Endpoint> servers_;
    std::optional<TimePoint> asked_;
};

} // namespace cepa::tunnel
