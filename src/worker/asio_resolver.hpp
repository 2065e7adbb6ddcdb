// Resolves host names for the exit with the system's resolver, on Asio's own thread. For the in-process tunnels only: a
// worker asks main instead. Process: main, io thread.
#pragma once

#include "tunnel/environment.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>

namespace cepa::worker {

class AsioResolver final : public tunnel::Resolver {
public:
    explicit AsioResolver(boost::asio::io_context& io) : resolver_(io) {}

    /// IPv4 addresses come first. When this is destroyed, what is under way is never answered.
    void resolve(const std::string& host, Done done) override;

private:
    boost::asio::ip::udp::resolver resolver_;
};

} // namespace cepa::worker
