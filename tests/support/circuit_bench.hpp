// What the parts of the circuit logic share in a Tunnel, with fakes of the world that record: for tests of one part.
#pragma once

#include "support/fake_clock.hpp"
#include "support/packet.hpp"
#include "support/test_random.hpp"

#include "tunnel/circuit/cell_sender.hpp"
#include "tunnel/circuit/rate_cap.hpp"
#include "tunnel/circuit/routing_table.hpp"
#include "tunnel/crypto/handshake.hpp"
#include "tunnel/environment.hpp"

#include <memory>
#include <utility>
#include <vector>

namespace cepa::test {

struct SentPacket {
    Endpoint to;
    Bytes bytes;
    bool queued = false;

    [[nodiscard]] tunnel::CellHeader header() const { return tunnel::read_cell_header(bytes).value(); }
    /// What follows the cell's header.
    [[nodiscard]] ByteSpan message() const { return ByteSpan(bytes).subspan(tunnel::kCellHeaderSize); }
};

class RecordingSender final : public tunnel::PacketSender {
public:
    void queue(const Endpoint& to, ByteSpan packet, CircuitId) override
    {
        sent.push_back({to, Bytes(packet.begin(), packet.end()), true});
    }
    void flush() override { ++flushes; }
    void send_now(const Endpoint& to, ByteSpan packet) override
    {
        sent.push_back({to, Bytes(packet.begin(), packet.end()), false});
    }
    [[nodiscard]] SentPacket take()
    {
        SentPacket out = sent.at(0);
        sent.erase(sent.begin());
        return out;
    }
    std::vector<SentPacket> sent;
    int flushes = 0;
};

struct RecordedDatagram {
    Endpoint to;
    Bytes bytes;
};

/// Exit sockets that only record; `receivers` lets a test answer.
class RecordingSockets final : public tunnel::ExitSocketFactory {
public:
    Result<std::unique_ptr<tunnel::ExitSocket>> open(CircuitId circuit, tunnel::ExitReceiver&) override
    {
        if (refuse) return fail(make_error_code(boost::system::errc::too_many_files_open));
        opened.push_back(circuit);
        return std::make_unique<Socket>(*this);
    }
    std::vector<CircuitId> opened;
    std::vector<RecordedDatagram> sent; ///< what was flushed
    std::size_t closed = 0;
    bool refuse = false;

private:
    struct Socket final : tunnel::ExitSocket {
        explicit Socket(RecordingSockets& to) : owner(to) {}
        ~Socket() override { ++owner.closed; }
        void queue(const Endpoint& to, ByteSpan datagram) override
        {
            queued.push_back({to, Bytes(datagram.begin(), datagram.end())});
        }
        void flush() override
        {
            for (RecordedDatagram& datagram : queued) owner.sent.push_back(std::move(datagram));
            queued.clear();
        }
        RecordingSockets& owner;
        std::vector<RecordedDatagram> queued;
    };
};

/// Answers when the test says so.
class HeldResolver final : public tunnel::Resolver {
public:
    void resolve(const std::string& host, Done done) override { asked.emplace_back(host, std::move(done)); }
    void answer(Result<std::vector<IpAddress>> addresses)
    {
        auto [host, done] = std::move(asked.at(0));
        asked.erase(asked.begin());
        done(std::move(addresses));
    }
    std::vector<std::pair<std::string, Done>> asked;
};

struct AllIds final : tunnel::CircuitIdOwner {
    [[nodiscard]] bool is_mine(CircuitId) const noexcept override { return true; }
};

struct CircuitBench {
    static tunnel::OverlayId overlay()
    {
        tunnel::OverlayId out;
        out.fill(0x77);
        return out;
    }

    FakeClock clock;
    TestRandom random;
    RecordingSender packets;
    RecordingSockets sockets;
    HeldResolver resolver;
    AllIds ids;
    tunnel::Environment environment{clock, random, packets, sockets, resolver, ids};
    tunnel::Counters counters;
    tunnel::Aead aead;
    tunnel::RoutingTable routes{random};
    tunnel::CellSender sender{overlay(), packets, counters};
    tunnel::RateCap rate{0};
    tunnel::TrafficBudget budget{UINT64_MAX};

    [[nodiscard]] TimePoint now() const { return clock.now(); }
    [[nodiscard]] std::uint64_t dropped(tunnel::Drop why) const { return counters.dropped(why); }

    /// Both ends of one finished handshake: the originator's layer and the hop's.
    [[nodiscard]] std::pair<tunnel::Layer, tunnel::Layer> session()
    {
        using namespace tunnel;
        const EphemeralKey hop_static = EphemeralKey::generate(random);
        const EphemeralKey x = EphemeralKey::generate(random);
        auto answer = answer_handshake(hop_static.secret, EphemeralKey::generate(random), x.public_key);
        auto keys = finish_handshake(x, hop_static.public_key, answer->ephemeral, answer->auth);
        return {Layer::initiator(std::move(*keys)), Layer::responder(std::move(answer->keys))};
    }
    /// `plain` sealed with each of `layers`, in that order, behind a cell's header.
    [[nodiscard]] Bytes cell(CircuitId circuit, ByteSpan plain, std::initializer_list<tunnel::Layer*> layers,
                             bool relay_early = false)
    {
        OwnedPacket packet(plain);
        for (tunnel::Layer* layer : layers) static_cast<void>(layer->seal(aead, packet.buffer()));
        tunnel::prepend_cell_header(packet.buffer(), sender.prefix(), {circuit, false, relay_early});
        return {packet.bytes().begin(), packet.bytes().end()};
    }
    /// Opens what was sent with each of `layers`, in that order; empty when one fails.
    [[nodiscard]] Bytes open(const SentPacket& sent, std::initializer_list<const tunnel::Layer*> layers)
    {
        OwnedPacket packet(sent.message());
        for (const tunnel::Layer* layer : layers)
            if (!layer->open(aead, packet.buffer())) return {};
        return {packet.bytes().begin(), packet.bytes().end()};
    }
};

template <class Message>
[[nodiscard]] Bytes message_bytes(const Message& message)
{
    std::array<std::uint8_t, tunnel::kMaxSentPacket> room{};
    Writer writer(room);
    tunnel::write_message(writer, message);
    const ByteSpan written = writer.written();
    return {written.begin(), written.end()};
}

} // namespace cepa::test
