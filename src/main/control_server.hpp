// The control socket of a running node: an AF_UNIX stream socket in the state folder, one request per line and one
// answer per line, in order. Only processes of the same user get in. It knows lines, not what they mean.
// Process: main, io thread.
#pragma once

#include "base/result.hpp"

#include <boost/asio/io_context.hpp>

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace cepa::main {

inline constexpr std::size_t kMaxControlLine = std::size_t{1} << 20U;
inline constexpr std::size_t kMaxControlClients = 16;

class ControlServer {
public:
    /// Answers one line; the callback is called exactly once, now or later, from the io loop.
    using Answer = std::function<void(const std::string& line, std::function<void(std::string)> done)>;

    ControlServer(boost::asio::io_context& io, std::filesystem::path socket, Answer answer);
    ~ControlServer();
    ControlServer(const ControlServer&) = delete;
    ControlServer& operator=(const ControlServer&) = delete;

    /// Begins to listen. A socket file left by a dead process is replaced: the caller holds the state folder's lock.
    [[nodiscard]] Result<void> start();
    /// Stops listening, drops the clients and removes the socket file. The destructor does the same.
    void close();

private:
    struct Client;
    struct State;
    std::shared_ptr<State> state_; // shared with pending handlers, which may come after the end
};

} // namespace cepa::main
