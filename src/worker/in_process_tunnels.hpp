// The tunnels without a child process (--workers 0): the same service as the pool's, with one Tunnel and one UDP socket
// on main's own loop. It reports itself as worker 0 with this process's pid, through the same change frames.
// Process: main, io thread. What stands above sees only proto::TunnelService.
#pragma once

#include "base/address.hpp"
#include "proto/tunnel_service.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace cepa::worker {

/// What the tunnels of one process need to start. Plain values; the same that Create carries to a child.
struct InProcessConfig {
    proto::NodeSettings settings;
    std::string identity_key;  ///< the node's key, private form (74 bytes); wiped once it has been taken over
    proto::Share share;        ///< candidates, addresses and guards of the last run
    Endpoint listen;           ///< port 0: any free port
    std::chrono::milliseconds sync_interval{5000};
};

/// Makes the service; nothing is opened before start(). start() fails with address_in_use when another program has the
/// port, and with invalid_argument when the settings contradict each other (the log says how).
[[nodiscard]] std::unique_ptr<proto::TunnelService> make_in_process_tunnels(boost::asio::io_context& io,
                                                                            InProcessConfig config);

} // namespace cepa::worker
