// A node as a separate process of this program, as the demo starts many: its own state folder, log and control socket.
// It dies with its starter, whatever kills that. Process: main (the demo's process, one thread).
#pragma once

#include "main/control_client.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace cepa::main {

struct NodeStart {
    std::string role;                   ///< "relay", "exit", "seeder", "downloader"
    std::string address;                ///< IP address of its own, without a port
    std::vector<std::string> arguments; ///< of cepa, without --state
    std::filesystem::path folder;       ///< made here; state and log go into it
};

class NodeProcess {
public:
    /// Starts it. Throws UserError when the system refuses.
    explicit NodeProcess(NodeStart start);
    /// Kills it if it still runs.
    ~NodeProcess();
    NodeProcess(NodeProcess&& other) noexcept;
    NodeProcess& operator=(NodeProcess&&) = delete;

    [[nodiscard]] const std::string& role() const noexcept { return start_.role; }
    [[nodiscard]] const std::string& address() const noexcept { return start_.address; }
    [[nodiscard]] pid_t pid() const noexcept { return pid_; }
    /// False once it has ended.
    [[nodiscard]] bool running();
    /// Connects to its control socket; false while it does not listen yet.
    [[nodiscard]] bool connect();
    /// One request. Needs connect() to have succeeded. Throws UserError with the role and the end of its log.
    [[nodiscard]] Json call(const std::string& method, const Json& params = Json::object());
    /// CPU seconds so far, of this process and its ended children.
    [[nodiscard]] double cpu_seconds() const;
    void terminate() noexcept;
    void kill() noexcept;
    /// The last lines that it wrote.
    [[nodiscard]] std::string log_tail() const;

private:
    NodeStart start_;
    pid_t pid_ = -1;
    std::optional<ControlClient> control_;
};

/// User and system CPU seconds of a process and its ended children, from /proc; 0 when it is gone.
[[nodiscard]] double cpu_seconds_of(pid_t pid);

} // namespace cepa::main
