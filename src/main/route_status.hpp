// How one route stands, for `cepa status` and for what waits on it. Plain values. Process: main.
#pragma once

#include "base/clock.hpp"
#include "socks5/datagram_sink.hpp"

#include <cstdint>
#include <string>

namespace cepa::main {

using socks5::Route;

struct RouteStatus {
    Route route;
    std::uint32_t wanted = 0;      ///< circuits that it should have
    std::uint32_t ready = 0;       ///< circuits that carry traffic now
    std::uint32_t building = 0;    ///< attempts under way
    std::uint64_t built = 0;       ///< circuits that became ready, since the route was first wanted
    std::uint64_t failed = 0;      ///< attempts that did not
    std::string last_error = {};   ///< why the last attempt failed or the last circuit died; empty: nothing did yet
    Duration in_state = {};         ///< for how long it has had a circuit, or has had none
    std::uint32_t flows = 0;       ///< destinations that have a circuit of it
    std::uint32_t associations = 0; ///< SOCKS5 associations that use it

    /// It carries traffic.
    [[nodiscard]] bool usable() const noexcept { return ready > 0; }
};

} // namespace cepa::main
