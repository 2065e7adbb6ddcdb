// How the application gets the tunnels that run in its own process: main.cpp hands it this factory, because only
// main.cpp may see the worker layer. Process: main.
#pragma once

#include "base/address.hpp"
#include "proto/tunnel_service.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace cepa::main {

/// What the tunnels of one process need; the same that a pool's Create carries.
struct InProcessRequest {
    proto::NodeSettings settings;
    std::string identity_key; ///< private form; the receiver wipes it
    proto::Share share;       ///< guards and known nodes of the last run
    Endpoint listen;
    std::chrono::milliseconds sync_interval{5000};
};

using InProcessFactory =
    std::function<std::unique_ptr<proto::TunnelService>(boost::asio::io_context&, InProcessRequest)>;

} // namespace cepa::main
