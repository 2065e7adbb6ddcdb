// The other end of the control socket: a command asks the running node. Blocking, with a time limit.
// Process: main (a command's process).
#pragma once

#include "base/clock.hpp"
#include "base/file_descriptor.hpp"
#include "main/api.hpp"

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

namespace cepa::main {

class ControlClient {
public:
    /// nullopt when no node runs on this state folder. Throws UserError when one runs and is not ours to ask.
    [[nodiscard]] static std::optional<ControlClient> connect(const std::filesystem::path& state_folder);

    /// One request. Throws UserError with the node's message, or when it does not answer within `limit` or went away.
    [[nodiscard]] Json call(const std::string& method, const Json& params = Json::object(),
                            std::chrono::milliseconds limit = std::chrono::seconds(30));

private:
    explicit ControlClient(FileDescriptor socket) : socket_(std::move(socket)) {}
    [[nodiscard]] std::string read_line(std::chrono::milliseconds limit);
    void send_line(const std::string& line);

    FileDescriptor socket_;
    std::string rest_;
    std::uint64_t next_id_ = 1;
};

} // namespace cepa::main
