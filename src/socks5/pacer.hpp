// Keeps bursts towards a SOCKS5 client from overflowing its socket's receive buffer: uTP halves its window at every
// loss, and an ordinary user's buffers hold fewer packets than one burst of a fast circuit. UdpRelay asks before each
// send, sends at most that many packets, keeps the rest queued (bounded) and asks again after kPacerRetry.
// Process: main, io thread.
#pragma once

#include "base/address.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

namespace cepa::socks5 {

/// How long a relay waits before it asks a pacer again that had no room.
inline constexpr std::chrono::microseconds kPacerRetry{300};

class Pacer {
public:
    virtual ~Pacer() = default;
    /// How many packets of up to 1500 bytes (a full uTP packet with its header has 1481) the client's socket takes now.
    /// 0: hold what is queued.
    [[nodiscard]] virtual std::size_t room() noexcept = 0;
};

/// Makes the pacer of an association once its client's address is known: `client` sends to the relay's socket
/// `relay_fd`. An empty function, or a null pointer, means that the client takes whatever comes.
using MakePacer = std::function<std::unique_ptr<Pacer>(const Endpoint& client, int relay_fd)>;

} // namespace cepa::socks5
