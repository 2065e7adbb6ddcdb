// The datagrams of one association, both ways: from the client's socket to the sink with the SOCKS5 header stripped in
// place, and from the sink to the client with the header written in place and runs of equal size sent as one segmented
// send. The client is whoever sends the first well-formed datagram from the address that its TCP connection (or its
// request) allows; from then on nobody else is heard.
// On the way to the client a pacer says how much its socket takes: what is more waits in order in a bounded backlog (the
// only copy on this path). Past the bound it is dropped and counted.
// Process: main, io thread. Spec: RFC 1928, section 7.
#pragma once

#include "socks5/backlog.hpp"
#include "socks5/datagram_sink.hpp"
#include "socks5/message.hpp"
#include "socks5/pacer.hpp"

#include "base/file_descriptor.hpp"
#include "base/udp_batch.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace cepa::socks5 {

struct RelayStats {
    std::uint64_t from_client = 0;     ///< datagrams handed to the sink
    std::uint64_t to_client = 0;       ///< datagrams sent to the client
    std::uint64_t bytes_from_client = 0;
    std::uint64_t bytes_to_client = 0;
    std::uint64_t held_back = 0;       ///< of to_client: waited in the backlog first
    std::uint64_t fragments = 0;       ///< dropped: FRAG was not 0
    std::uint64_t malformed = 0;       ///< dropped: no SOCKS5 header, or cut off
    std::uint64_t strangers = 0;       ///< dropped: not from the client
    std::uint64_t before_client = 0;   ///< dropped: the client's address is not known yet
    std::uint64_t no_room = 0;         ///< dropped: the header did not fit in front
    std::uint64_t backlog_full = 0;    ///< dropped: the client does not keep up
    std::uint64_t send_failed = 0;     ///< dropped: the system refused

    RelayStats& operator+=(const RelayStats& other) noexcept;
};

/// Whom a relay listens to before the first datagram. A port of zero means any.
struct ExpectedClient {
    IpAddress ip;
    std::uint16_t port = 0;
};

class UdpRelay final : public DatagramReturn {
public:
    /// `socket` is bound and non-blocking. `batch` is shared by all relays of the thread. All references must outlive
    /// the relay. Nothing is read before start().
    UdpRelay(boost::asio::io_context& io, FileDescriptor socket, AssociationId id, ExpectedClient expected,
             DatagramSink& sink, UdpReceiveBatch& batch, const MakePacer& make_pacer);
    ~UdpRelay() override;
    UdpRelay(const UdpRelay&) = delete;
    UdpRelay& operator=(const UdpRelay&) = delete;

    void start();
    [[nodiscard]] AssociationId id() const noexcept { return id_; }
    [[nodiscard]] int descriptor() noexcept { return socket_.native_handle(); }
    [[nodiscard]] const RelayStats& stats() const noexcept { return stats_; }
    /// Datagrams to the client that left together with others.
    [[nodiscard]] std::uint64_t segmented() const noexcept { return udp_stats_.segmented_sends; }
    /// nullopt until its first datagram.
    [[nodiscard]] const std::optional<Endpoint>& client() const noexcept { return client_; }

    void send_to_client(const Address& origin, PacketBuffer& payload) override;
    void flush() override;

    /// Reads one batch from the socket and hands it to the sink; false when nothing was there. Called by the loop.
    bool receive_batch();

private:
    void wait_readable();
    void on_readable();
    void on_packet(const Endpoint& source, PacketBuffer& packet);
    [[nodiscard]] bool is_client(const Endpoint& source);
    void lock_client(const Endpoint& source);
    [[nodiscard]] std::size_t send_some(const Endpoint& client, std::size_t room, std::size_t from);
    void hold_back(std::size_t from);
    void retry_later();

    // Handlers that come late look here first: the owner may destroy the relay while a wait is pending.
    std::shared_ptr<UdpRelay*> self_;
    boost::asio::posix::stream_descriptor socket_;
    boost::asio::steady_timer retry_;
    AssociationId id_;
    ExpectedClient expected_;
    DatagramSink& sink_;
    UdpReceiveBatch& batch_;
    const MakePacer& make_pacer_;
    std::optional<Endpoint> client_;
    std::unique_ptr<Pacer> pacer_;
    UdpSendBatch send_;
    std::vector<ByteSpan> queued_; // since the last flush(), in order, in the callers' memory
    Backlog backlog_;
    DatagramHeader header_;        // reused
    UdpStats udp_stats_;
    RelayStats stats_;
    bool retrying_ = false;
};

} // namespace cepa::socks5
