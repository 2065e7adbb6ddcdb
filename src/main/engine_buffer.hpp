// The receive buffer of libtorrent's UDP socket, seen from the SOCKS5 side. The engine lives in our own process, so its
// socket can be found among our descriptors by the port that the association's client sends from, its buffer raised
// where the system allows that, and its fill level read before every burst.
// Process: main, io thread.
#pragma once

#include "socks5/pacer.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace cepa::main {

/// Receive buffer that keeps uTP fast over loopback without pacing; what the kernel accounts, twice the usable bytes.
inline constexpr int kWantedReceiveBuffer = 4 << 20;

/// Fill level of a socket's receive buffer, in the kernel's own accounting (packets count with their overhead).
struct BufferLevel {
    std::uint32_t used = 0;
    std::uint32_t size = 0;
    std::uint32_t dropped = 0; ///< datagrams lost for want of room since the socket was made
};

/// Paces towards one UDP socket of our own process.
class EngineBuffer final : public socks5::Pacer {
public:
    /// Finds the socket of this process whose local port is `client`'s and that lives in the network namespace of
    /// `relay_fd`, and raises its buffer as far as allowed. Null when no such socket is found: the client is another
    /// program, whose buffer is its own business.
    [[nodiscard]] static std::unique_ptr<EngineBuffer> find(const Endpoint& client, int relay_fd);

    [[nodiscard]] std::size_t room() noexcept override;
    /// nullopt once the engine has closed the socket.
    [[nodiscard]] std::optional<BufferLevel> level() const noexcept;

private:
    EngineBuffer(int fd, std::uint64_t cookie) noexcept : fd_(fd), cookie_(cookie) {}

    int fd_;               // the engine's, not ours to close; `cookie_` tells whether it is still the same socket
    std::uint64_t cookie_;
};

/// Empty when the system gives a UDP socket the buffer we want; else one sentence for `cepa status` that names the
/// sysctl and the command that raises it.
[[nodiscard]] std::string receive_buffer_hint();

} // namespace cepa::main
