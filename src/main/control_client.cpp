#include "main/control_client.hpp"

#include "main/state_folder.hpp"
#include "main/unix_socket.hpp"
#include "main/user_error.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>

namespace cepa::main {
namespace {

/// Answers list torrents and circuits: longer than requests, still bounded.
constexpr std::size_t kLargestAnswer = std::size_t{64} << 20U;

} // namespace

std::optional<ControlClient> ControlClient::connect(const std::filesystem::path& state_folder)
{
    auto socket = connect_unix(control_socket_path(state_folder));
    if (socket) {
        if (!peer_is_same_user(socket->get()))
            throw UserError(
                fmt::format("state folder {}: the node there belongs to another user", state_folder.string()));
        return ControlClient(std::move(*socket));
    }
    const ErrorCode error = socket.error();
    if (error == boost::system::errc::permission_denied)
        throw UserError(fmt::format("state folder {}: {}", state_folder.string(), error.message()));
    return std::nullopt;
}

void ControlClient::send_line(const std::string& line)
{
    std::string_view left = line;
    while (!left.empty()) {
        const ssize_t sent = ::send(socket_.get(), left.data(), left.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) throw UserError(fmt::format("the running node went away: {}", std::strerror(errno)));
        left.remove_prefix(static_cast<std::size_t>(sent));
    }
}

std::string ControlClient::read_line(std::chrono::milliseconds limit)
{
    const BootClock clock;
    const TimePoint end = clock.now() + limit;
    for (;;) {
        if (const std::size_t at = rest_.find('\n'); at != std::string::npos) {
            std::string line = rest_.substr(0, at);
            rest_.erase(0, at + 1);
            return line;
        }
        if (rest_.size() > kLargestAnswer) throw UserError("the running node's answer is too long");
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - clock.now());
        pollfd wait{socket_.get(), POLLIN, 0};
        const int ready = left.count() > 0 ? ::poll(&wait, 1, static_cast<int>(left.count())) : 0;
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) throw UserError("the running node does not answer");
        char buffer[65536];
        const ssize_t got = ::recv(socket_.get(), buffer, sizeof buffer, 0);
        if (got <= 0) throw UserError("the running node went away");
        rest_.append(buffer, static_cast<std::size_t>(got));
    }
}

Json ControlClient::call(const std::string& method, const Json& params, std::chrono::milliseconds limit)
{
    const std::uint64_t id = next_id_++;
    send_line(
        Json{{"id", id}, {"method", method}, {"params", params}}.dump(-1, ' ', false, Json::error_handler_t::replace) +
        "\n");
    const Json answer = Json::parse(read_line(limit), nullptr, false);
    if (!answer.is_object() || !answer.contains("id") || answer["id"] != id)
        throw UserError("the running node answered nonsense; is it another version of cepa?");
    if (const auto error = answer.find("error"); error != answer.end()) {
        const bool misuse = error->is_object() && error->value("misuse", false);
        throw UserError(error->is_object() ? error->value("message", "failed") : "failed", misuse ? kMisuse : kFailed);
    }
    return answer.value("result", Json::object());
}

} // namespace cepa::main
