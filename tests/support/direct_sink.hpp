// What stands behind a SOCKS5 server in tests instead of circuits: every destination of an association gets a UDP socket
// of its own, sent to directly, as a circuit that ends at an exit would. break_flows() is the death of all circuits: what
// was under way is lost, and what comes later leaves from new sockets, hence other ports. `pass` can hold everything back.
#pragma once

#include "base/packet_buffer.hpp"
#include "base/result.hpp"
#include "socks5/datagram_sink.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <sys/socket.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <vector>

namespace cepa::test {

class DirectSink : public socks5::DatagramSink {
public:
    explicit DirectSink(boost::asio::io_context& io) : io_(io) {}

    void on_opened(socks5::AssociationId id, const socks5::Route&, socks5::DatagramReturn& back) override
    {
        associations[id] = &back;
        ++opened;
    }
    void on_closed(socks5::AssociationId id) override
    {
        associations.erase(id);
        std::erase_if(flows_, [&](const auto& flow) { return flow.first.first == id; });
        ++closed;
    }
    void on_datagram(socks5::AssociationId id, const Address& destination, PacketBuffer& payload) override
    {
        if (!pass || destination.is_host()) return;
        if (divert && divert(destination.endpoint, payload)) return;
        destinations.insert(destination.endpoint);
        bytes_out += payload.size();
        auto& flow = flows_[{id, destination.endpoint}];
        if (!flow) {
            flow = std::make_shared<Flow>(io_, id);
            listen(flow);
        }
        sockaddr_storage to{};
        const socklen_t size = destination.endpoint.to_sockaddr(to);
        (void)::sendto(flow->socket.native_handle(), payload.data(), payload.size(), MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&to), size);
    }
    void on_batch_end() override {}

    /// Returns the destinations whose path is another one now.
    std::vector<Endpoint> break_flows()
    {
        std::vector<Endpoint> moved;
        for (const auto& [key, flow] : flows_) moved.push_back(key.second);
        flows_.clear();
        return moved;
    }

    std::map<socks5::AssociationId, socks5::DatagramReturn*> associations;
    std::set<Endpoint> destinations;
    std::uint64_t bytes_out = 0;
    std::uint64_t bytes_in = 0;
    int opened = 0;
    int closed = 0;
    bool pass = true;
    /// Takes a datagram instead of the socket; it may be changed in place.
    std::function<bool(const Endpoint& destination, PacketBuffer& payload)> divert;

private:
    struct Flow {
        Flow(boost::asio::io_context& io, socks5::AssociationId i) : id(i), socket(io)
        {
            const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
            if (fd < 0) throw std::runtime_error("socket");
            const int size = 4 << 20;
            (void)::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
            socket.assign(fd);
        }
        socks5::AssociationId id;
        boost::asio::posix::stream_descriptor socket;
    };
    void listen(const std::shared_ptr<Flow>& flow)
    {
        flow->socket.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this, weak = std::weak_ptr(flow)](const ErrorCode& error) {
            const auto alive = weak.lock();
            if (error || !alive) return;
            receive(*alive);
            listen(alive);
        });
    }
    void receive(Flow& flow)
    {
        const auto back = associations.find(flow.id);
        if (back == associations.end()) return;
        for (std::size_t i = 0; i < kBatch; ++i) {
            MutableByteSpan room(memory_.data() + i * kPacketSlot, kPacketSlot);
            sockaddr_storage from{};
            socklen_t size = sizeof from;
            const ssize_t got = ::recvfrom(flow.socket.native_handle(), room.data() + kPacketHeadroom, kMaxPacket, MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&from), &size);
            if (got < 0) break;
            bytes_in += static_cast<std::uint64_t>(got);
            PacketBuffer packet(room, kPacketHeadroom, static_cast<std::size_t>(got));
            back->second->send_to_client(Endpoint::from_sockaddr(from), packet);
        }
        back->second->flush();
    }

    static constexpr std::size_t kBatch = 64;
    boost::asio::io_context& io_;
    std::map<std::pair<socks5::AssociationId, Endpoint>, std::shared_ptr<Flow>> flows_;
    Bytes memory_ = Bytes(kBatch * kPacketSlot);
};

} // namespace cepa::test
