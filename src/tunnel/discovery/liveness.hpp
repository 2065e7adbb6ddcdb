// Asks silent peers whether they still live: a ping in the discovery overlay, every second time an
// introduction-request for those that do not run it. Who stays silent is forgotten by the table.
// Process: worker 0, io thread. Spec: docs/protocol.md, sections 5.3 (keep-alive) and 16.
#pragma once

#include "base/address.hpp"
#include "base/clock.hpp"
#include "tunnel/discovery/peer_table.hpp"
#include "tunnel/environment.hpp"

#include <cstdint>
#include <vector>

namespace cepa::tunnel {

class Liveness {
public:
    static constexpr auto kSilence = std::chrono::milliseconds(27'500);
    static constexpr auto kInterval = std::chrono::seconds(10);

    enum class Means : std::uint8_t { ping, introduction_request };
    struct Probe {
        Endpoint to;
        Means means = Means::ping;
        std::uint16_t identifier = 0; ///< of the ping
    };

    explicit Liveness(RandomSource& random) : random_(random) {}

    /// Whom to probe now. Only peers that proved their address: nobody else is worth packets.
    [[nodiscard]] std::vector<Probe> due(const PeerTable& peers, TimePoint now);
    /// True when `identifier` answers the ping that was last sent to `source`.
    [[nodiscard]] bool on_pong(const Endpoint& source, std::uint16_t identifier);

private:
    struct Watch {
        Endpoint address;
        std::uint16_t identifier = 0;
        bool pinged = false; ///< a ping is unanswered
        std::uint32_t probes = 0;
        TimePoint last{};
    };
    void drop_unneeded(const PeerTable& peers, TimePoint now);
    Probe probe(Watch& watch, TimePoint now);

    RandomSource& random_;
    std::vector<Watch> watches_; ///< one per silent peer
};

} // namespace cepa::tunnel
