#include "support/sim_node.hpp"

#include "tunnel/error.hpp"

#include <gtest/gtest.h>

namespace cepa::test {

using namespace tunnel;

void SimResolver::resolve(const std::string& host, Done done)
{
    ++asked;
    network_.at(takes, [this, host, done = std::move(done)] {
        const auto found = names.find(host);
        if (found == names.end()) done(fail(make_error_code(boost::system::errc::host_unreachable)));
        else done(found->second);
    });
}

/// Queues of this many packets do not allocate: the tests that count allocations mean the tunnel's.
constexpr std::size_t kBatch = 256;

/// Copies only at flush(), so that memory that goes too early is seen by the sanitizers.
class SimNode::Sender final : public PacketSender {
public:
    Sender(SimNetwork& network, const Endpoint& from) : network_(network), from_(from) { queued_.reserve(kBatch); }
    ~Sender() override = default;
    void queue(const Endpoint& to, ByteSpan packet, CircuitId circuit) override
    {
        EXPECT_EQ(Reader(packet.subspan(23)).u32(), circuit.value);
        queued_.emplace_back(to, packet);
    }
    void flush() override
    {
        for (const auto& [to, packet] : queued_) network_.send(from_, to, packet);
        queued_.clear();
    }
    void send_now(const Endpoint& to, ByteSpan packet) override { network_.send(from_, to, packet); }
    void move_to(const Endpoint& from) { from_ = from; }

private:
    SimNetwork& network_;
    Endpoint from_;
    std::vector<std::pair<Endpoint, ByteSpan>> queued_;
};

class SimNode::Sockets final : public ExitSocketFactory {
public:
    Sockets(SimNetwork& network, SimNode& node) : network_(network), node_(node) {}
    Result<std::unique_ptr<ExitSocket>> open(CircuitId circuit, ExitReceiver& receiver) override;

private:
    class Socket;
    SimNetwork& network_;
    SimNode& node_;
    std::uint16_t next_port_ = 40000;
};

class SimNode::Sockets::Socket final : public ExitSocket {
public:
    Socket(SimNetwork& network, SimNode& node, const Endpoint& at, CircuitId circuit, ExitReceiver& receiver)
        : network_(network), node_(node), at_(at)
    {
        queued_.reserve(kBatch);
        ++node_.open_exit_sockets;
        network_.attach(at_, [circuit, &receiver](const SimPacket& packet) {
            OwnedPacket owned(packet.bytes);
            receiver.on_exit_datagram(circuit, packet.from, owned.buffer());
            receiver.on_exit_batch_end();
        });
    }
    ~Socket() override
    {
        EXPECT_TRUE(queued_.empty()) << "an exit socket closed with datagrams that were not flushed";
        --node_.open_exit_sockets;
        network_.detach(at_);
    }
    void queue(const Endpoint& to, ByteSpan datagram) override { queued_.emplace_back(to, datagram); }
    void flush() override
    {
        for (const auto& [to, datagram] : queued_) network_.send(at_, to, datagram);
        queued_.clear();
    }

private:
    SimNetwork& network_;
    SimNode& node_;
    Endpoint at_;
    std::vector<std::pair<Endpoint, ByteSpan>> queued_;
};

Result<std::unique_ptr<ExitSocket>> SimNode::Sockets::open(CircuitId circuit, ExitReceiver& receiver)
{
    if (node_.refuse_exit_sockets) return fail(make_error_code(boost::system::errc::too_many_files_open));
    const Endpoint at{node_.address_.ip, next_port_++};
    return std::make_unique<Socket>(network_, node_, at, circuit, receiver);
}

struct SimNode::EveryId final : CircuitIdOwner {
    [[nodiscard]] bool is_mine(CircuitId) const noexcept override { return true; }
};

SimNode::SimNode(SimNetwork& network, const Endpoint& address, TunnelSettings settings, std::uint64_t seed,
                 Siblings* siblings, Duration tick)
    : network_(network), address_(address), settings_(std::move(settings)), random_(seed), resolver_(network),
      sender_(std::make_unique<Sender>(network, address)), sockets_(std::make_unique<Sockets>(network, *this)),
      ids_(std::make_unique<EveryId>()),
      tunnel_(std::make_unique<Tunnel>(
          settings_, Environment{network.clock(), random_, *sender_, *sockets_, resolver_, *ids_, siblings}, *this))
{
    network_.attach(address_, [this](const SimPacket& packet) { receive(packet); });
    ticking_ = network_.every(tick, [this] { tunnel_->tick(); });
}

SimNode::~SimNode()
{
    network_.cancel(ticking_);
    network_.detach(address_);
}

void SimNode::receive(const SimPacket& packet)
{
    OwnedPacket owned(packet.bytes);
    tunnel_->on_packet(packet.from, owned.buffer());
    tunnel_->on_batch_end();
}

Candidate SimNode::candidate(bool connectable) const
{
    return {settings_.identity_public, address_, settings_.flags(), connectable};
}

void SimNode::die()
{
    network_.cancel(ticking_);
    network_.detach(address_);
}

void SimNode::move_to(const Endpoint& address)
{
    network_.detach(address_);
    address_ = address;
    sender_->move_to(address);
    network_.attach(address_, [this](const SimPacket& packet) { receive(packet); });
}

std::uint64_t SimNode::dropped(const std::string& why) const
{
    const auto drops = tunnel_->counters().drops;
    const auto found = drops.find(why);
    return found == drops.end() ? 0 : found->second;
}

Result<void> SimNode::send(CircuitId circuit, const Address& to, ByteSpan payload)
{
    OwnedPacket owned(payload);
    const Result<void> sent = tunnel_->send_data(circuit, to, owned.buffer());
    tunnel_->on_batch_end();
    return sent;
}

void SimNode::on_data(CircuitId circuit, const Address& origin, PacketBuffer& payload)
{
    EXPECT_GE(payload.headroom(), 44U);
    ++data_count;
    if (!keep_data) return;
    const ByteSpan bytes = payload.bytes();
    received.push_back({circuit, origin, Bytes(bytes.begin(), bytes.end())});
}

TunnelSettings sim_settings(const Endpoint& listen)
{
    init_crypto();
    TunnelSettings out;
    out.overlay = {0xa3, 0x59, 0x1a, 0x6b, 0xd8, 0x9b, 0xba, 0xca, 0x09, 0x74,
                   0x06, 0x2a, 0x12, 0x87, 0xaf, 0xcf, 0xbc, 0x6f, 0xd6, 0xbc};
    out.identity = PrivateKey::generate();
    out.identity_public = out.identity->public_key();
    out.listen = listen;
    out.discover = false;
    return out;
}

Endpoint sim_address(unsigned n) { return {IpAddress::v4((10U << 24U) + (n << 16U) + 1U), 8090}; }

Bytes utp_datagram(std::size_t size, std::uint8_t filler)
{
    Bytes out(size, filler);
    out[0] = 0x41; // ST_SYN, version 1
    out[1] = 0;
    return out;
}

} // namespace cepa::test
