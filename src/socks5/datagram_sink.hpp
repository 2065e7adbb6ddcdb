// What stands behind the SOCKS5 server: takes the datagrams of an association and gives back those for it.
// The server knows no worker and no circuit. Process: main, io thread.
#pragma once

#include "base/address.hpp"
#include "base/ids.hpp"
#include "base/packet_buffer.hpp"

#include <cstdint>
#include <string>

namespace cepa::socks5 {

/// The route that a listener carries: every association accepted by it uses this hop count and group.
struct Route {
    std::uint8_t hops = 1;
    GroupId group;

    friend auto operator<=>(const Route&, const Route&) noexcept = default;
};

/// Names one UDP association while it lives; never reused.
using AssociationId = Id<struct AssociationTag, std::uint64_t>;

/// Sends datagrams back to the SOCKS5 client of one association. Implemented by UdpRelay.
class DatagramReturn {
public:
    virtual ~DatagramReturn() = default;
    /// Queues `payload` for the client, as coming from `origin`: a SOCKS5 UDP header is written in front of it, so it
    /// needs 10 bytes of headroom for IPv4, 22 for IPv6. It must stay valid until flush().
    virtual void send_to_client(const Address& origin, PacketBuffer& payload) = 0;
    virtual void flush() = 0;
};

class DatagramSink {
public:
    virtual ~DatagramSink() = default;
    /// An association began; `back` is valid until on_closed() for the same id returns.
    virtual void on_opened(AssociationId association, const Route& route, DatagramReturn& back) = 0;
    virtual void on_closed(AssociationId association) = 0;
    /// A datagram of the client for `destination` (a host name is to be resolved at the exit). `payload` has
    /// kPacketHeadroom in front and kPacketTailroom behind, and is valid until on_batch_end() returns.
    virtual void on_datagram(AssociationId association, const Address& destination, PacketBuffer& payload) = 0;
    virtual void on_batch_end() = 0;
};

} // namespace cepa::socks5
