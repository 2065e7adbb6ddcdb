// What ends a command: a message for the person who typed it, and the exit status. Thrown only while starting up and
// inside commands, never on the data path. Process: main.
#pragma once

#include <stdexcept>
#include <string>

namespace cepa::main {

inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kMisuse = 2;

class UserError : public std::runtime_error {
public:
    /// `message`: lower case, what failed, on what, why. `status` is kFailed or kMisuse.
    explicit UserError(const std::string& message, int status = kFailed) : std::runtime_error(message), status_(status)
    {
    }
    [[nodiscard]] int status() const noexcept { return status_; }

private:
    int status_;
};

/// The command or a setting was wrong: exit status 2.
class Misuse : public UserError {
public:
    explicit Misuse(const std::string& message) : UserError(message, kMisuse) {}
};

} // namespace cepa::main
