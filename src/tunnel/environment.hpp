// What the tunnels ask of the world: time, randomness, packets out, exit sockets, names. The worker supplies real ones,
// the simulation fakes with virtual time. Nothing in circuit/, discovery/ or cell/ owns a socket.
// Process: worker, io thread.
#pragma once

#include "base/address.hpp"
#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/packet_buffer.hpp"
#include "base/result.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace cepa::tunnel {

class RandomSource {
public:
    virtual ~RandomSource() = default;
    virtual void fill(MutableByteSpan out) noexcept = 0;
    /// Uniform in 0 .. bound - 1. Needs bound > 0.
    [[nodiscard]] virtual std::uint32_t below(std::uint32_t bound) noexcept = 0;
};

/// Sends UDP packets from the node's one port.
class PacketSender {
public:
    virtual ~PacketSender() = default;
    /// Queues `packet` without copying it: its memory must stay as it is until flush(). `circuit` is the circuit id in
    /// the cell: only cells of one circuit may share a segmented send (the receiver's steering looks at the first).
    virtual void queue(const Endpoint& to, ByteSpan packet, CircuitId circuit) = 0;
    virtual void flush() = 0;
    /// Sends at once, for control packets.
    virtual void send_now(const Endpoint& to, ByteSpan packet) = 0;
};

/// The UDP socket that we open on another's behalf. Closes when destroyed.
class ExitSocket {
public:
    virtual ~ExitSocket() = default;
    /// Queues without copying; valid until flush().
    virtual void queue(const Endpoint& to, ByteSpan datagram) = 0;
    virtual void flush() = 0;
};

/// Receives what arrives on exit sockets.
class ExitReceiver {
public:
    virtual ~ExitReceiver() = default;
    /// `datagram` has kPacketHeadroom and kPacketTailroom, may be changed in place, and is valid until
    /// on_exit_batch_end() returns. The receiver may not destroy the socket from inside these calls.
    virtual void on_exit_datagram(CircuitId circuit, const Endpoint& origin, PacketBuffer& datagram) = 0;
    virtual void on_exit_batch_end() = 0;
};

class ExitSocketFactory {
public:
    virtual ~ExitSocketFactory() = default;
    [[nodiscard]] virtual Result<std::unique_ptr<ExitSocket>> open(CircuitId circuit, ExitReceiver& receiver) = 0;
};

/// Resolves host names for the exit. The answer comes later, never from inside the call.
class Resolver {
public:
    using Done = std::function<void(Result<std::vector<IpAddress>>)>;
    virtual ~Resolver() = default;
    virtual void resolve(const std::string& host, Done done) = 0;
};

/// Says which circuit ids steer to this worker; everything does where there is one.
class CircuitIdOwner {
public:
    virtual ~CircuitIdOwner() = default;
    [[nodiscard]] virtual bool is_mine(CircuitId id) const noexcept = 0;
};

class Siblings;

struct Environment {
    const Clock& clock;
    RandomSource& random;
    PacketSender& packets;
    ExitSocketFactory& exit_sockets;
    Resolver& resolver;
    const CircuitIdOwner& ids;
    Siblings* siblings = nullptr; ///< where the node has several Tunnels (siblings.hpp)
};

} // namespace cepa::tunnel
