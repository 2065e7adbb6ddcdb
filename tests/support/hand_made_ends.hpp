// Ends of one-hop circuits to one node, driven by hand: create, messages, cells. Many share one address, as the clients
// behind one neighbour do. Whatever arrives is opened with the layer of the circuit that it names.
#pragma once

#include "support/circuit_bench.hpp"
#include "support/sim_network.hpp"
#include "tunnel/cell/hidden_payloads.hpp"
#include "tunnel/discovery/signed_packet.hpp"

#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace cepa::test {

class HandMadeEnds {
public:
    struct End {
        tunnel::EphemeralKey x;
        std::optional<tunnel::Layer> layer;
        std::vector<Bytes> received; ///< messages, opened
        std::optional<TimePoint> destroyed;
    };

    HandMadeEnds(SimNetwork& network, const Endpoint& at, const Endpoint& node, const tunnel::PublicKey& node_key,
                 std::uint64_t seed, const tunnel::OverlayId& overlay = CircuitBench::overlay())
        : network_(network), at_(at), node_(node), node_key_(node_key), random_(seed),
          prefix_(tunnel::make_prefix(overlay))
    {
        network_.attach(at_, [this](const SimPacket& packet) { receive(packet); });
    }
    ~HandMadeEnds() { network_.detach(at_); }
    HandMadeEnds(const HandMadeEnds&) = delete;
    HandMadeEnds& operator=(const HandMadeEnds&) = delete;

    [[nodiscard]] const Endpoint& address() const noexcept { return at_; }
    /// What could not be opened with the layer of the circuit it named.
    std::size_t unreadable = 0;

    void create(CircuitId id)
    {
        using namespace tunnel;
        End& end = ends_[id];
        end.x = EphemeralKey::generate(random_);
        OwnedPacket packet(message_bytes(Create{5, key_.public_key(), end.x.public_key}));
        prepend_cell_header(packet.buffer(), prefix_, {id, true, false});
        network_.send(at_, node_, packet.bytes());
    }
    [[nodiscard]] bool joined(CircuitId id) const { return at(id).layer.has_value(); }
    [[nodiscard]] const End& at(CircuitId id) const { return ends_.at(id); }

    void cell(CircuitId id, ByteSpan message)
    {
        using namespace tunnel;
        OwnedPacket packet(message);
        ASSERT_TRUE(ends_.at(id).layer->seal(aead_, packet.buffer()));
        prepend_cell_header(packet.buffer(), prefix_, {id, false, false});
        network_.send(at_, node_, packet.bytes());
    }
    template <class Message>
    void send(CircuitId id, const Message& message)
    {
        cell(id, message_bytes(message));
    }
    /// A signed destroy, as the neighbour that joined the circuit may send it.
    void destroy(CircuitId id)
    {
        using namespace tunnel;
        network_.send(at_, node_, build_signed(prefix_, 8, key_, std::nullopt, encode_body(Destroy{id, 4})));
    }
    /// Takes what arrived at that end.
    std::vector<Bytes> take(CircuitId id) { return std::exchange(ends_.at(id).received, {}); }
    /// Whether a message of that kind arrived.
    template <class Message>
    [[nodiscard]] std::optional<Message> heard(CircuitId id) const
    {
        for (const Bytes& message : at(id).received)
            if (!message.empty() && message[0] == static_cast<std::uint8_t>(Message::kId))
                return Message::parse(ByteSpan(message).subspan(1));
        return std::nullopt;
    }

private:
    void receive(const SimPacket& packet)
    {
        using namespace tunnel;
        const ByteSpan bytes = packet.bytes;
        if (packet_message_id(bytes) == static_cast<std::uint8_t>(MessageId::destroy)) return on_destroy(bytes);
        const auto header = read_cell_header(bytes);
        const auto found = header ? ends_.find(header->circuit) : ends_.end();
        if (found == ends_.end()) return;
        if (header->plaintext) return on_created(found->second, bytes.subspan(kCellHeaderSize + 1));
        OwnedPacket cell(bytes.subspan(kCellHeaderSize));
        if (!found->second.layer || !found->second.layer->open(aead_, cell.buffer())) {
            ++unreadable;
            return;
        }
        found->second.received.emplace_back(cell.bytes().begin(), cell.bytes().end());
    }
    void on_created(End& end, ByteSpan body)
    {
        using namespace tunnel;
        const auto created = Created::parse(body);
        if (!created || end.layer) return;
        auto keys = finish_handshake(end.x, node_key_.x25519, created->ephemeral, created->auth);
        if (keys) end.layer = Layer::initiator(std::move(*keys));
    }
    void on_destroy(ByteSpan packet)
    {
        using namespace tunnel;
        const auto opened = open_signed(packet, TimeField::absent);
        const auto destroy = opened ? Destroy::parse(opened->body) : std::nullopt;
        if (!destroy || opened->key != node_key_) return;
        const auto found = ends_.find(destroy->circuit);
        if (found != ends_.end() && !found->second.destroyed) found->second.destroyed = network_.now();
    }

    SimNetwork& network_;
    Endpoint at_;
    Endpoint node_;
    tunnel::PublicKey node_key_;
    TestRandom random_;
    tunnel::Prefix prefix_;
    tunnel::PrivateKey key_ = tunnel::PrivateKey::generate();
    tunnel::Aead aead_;
    std::map<CircuitId, End> ends_;
};

} // namespace cepa::test
