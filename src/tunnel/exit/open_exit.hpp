// What an exit keeps for one circuit once its first datagram came: the socket, who it has talked to, and the packets
// that wait for a name. Plain state; exit/exits acts on it. Process: worker, io thread. Spec: docs/protocol.md,
// section 13.
#pragma once

#include "base/address.hpp"
#include "base/clock.hpp"
#include "tunnel/environment.hpp"

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

namespace cepa::tunnel {

/// A datagram that waits for its destination's address.
struct WaitingDatagram {
    std::string host;
    std::uint16_t port = 0;
    Bytes datagram;
};

struct OpenExit {
    explicit OpenExit(std::unique_ptr<ExitSocket> s) : socket(std::move(s)) {}

    std::unique_ptr<ExitSocket> socket;
    bool unflushed = false; ///< datagrams are queued
    struct Use {
        TimePoint last; ///< when it was last sent to
        TimePoint told; ///< when this circuit last took its place among those that send there
    };
    std::unordered_map<Endpoint, Use> destinations;
    TimePoint tidied{};
    std::uint32_t new_destinations = 0; ///< in the minute since window_began
    TimePoint window_began{};
    std::vector<WaitingDatagram> waiting;
};

} // namespace cepa::tunnel
