// One onion path as its initiator sees it: hops, layers, state. Pure: no sockets, no timers; who builds it and who keeps
// it alive stand beside it. A rendezvous circuit gets one more layer, innermost, which it shares with its other end. Process: worker, io thread. Spec: docs/protocol.md, sections 10 and 11.
#pragma once

#include "tunnel/circuit/keepalive.hpp"
#include "tunnel/crypto/layer.hpp"
#include "tunnel/crypto/replay_window.hpp"
#include "tunnel/tunnel.hpp"

#include "base/ids.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace cepa::tunnel {

/// A hop with which the handshake is done.
struct Hop {
    PublicKey key;
    Endpoint address;
    PeerFlags flags = 0;
    Layer layer;
};

/// Which end of a rendezvous we are. The downloader keeps the way alive.
enum class End : std::uint8_t { seeder, downloader };

class Circuit {
public:
    static constexpr std::uint8_t kMostHops = 5;
    static constexpr std::uint8_t kMostLayers = kMostHops + 1;

    /// `node_key` is this circuit's alone: it names us in create and signs the circuit's destroy, so that nobody links
    /// two circuits, or a circuit to our identity (F2).
    Circuit(CircuitId id, std::uint32_t group, std::uint8_t wanted_hops, PrivateKey node_key, Keepalive keepalive,
            CircuitPurpose purpose = CircuitPurpose::data);

    [[nodiscard]] CircuitId id() const noexcept { return id_; }
    [[nodiscard]] CircuitPurpose purpose() const noexcept { return purpose_; }
    [[nodiscard]] std::uint32_t group() const noexcept { return group_; }
    [[nodiscard]] std::uint8_t wanted_hops() const noexcept { return wanted_hops_; }
    [[nodiscard]] CircuitState state() const noexcept
    {
        return hops_.size() == wanted_hops_ ? CircuitState::ready : CircuitState::extending;
    }
    [[nodiscard]] const PrivateKey& node_key() const noexcept { return node_key_; }
    [[nodiscard]] const std::vector<Hop>& hops() const noexcept { return hops_; }
    [[nodiscard]] Keepalive& keepalive() noexcept { return keepalive_; }
    [[nodiscard]] const Keepalive& keepalive() const noexcept { return keepalive_; }

    /// Where the circuit's cells go. Set when create is sent; moves with follow().
    [[nodiscard]] const Endpoint& first_address() const noexcept { return first_address_; }
    void set_first_address(const Endpoint& address) noexcept { first_address_ = address; }
    /// May a cell from there be the first hop's: its IP; the port is checked by the layers (F6).
    [[nodiscard]] bool may_come_from(const Endpoint& source) const noexcept { return source.ip == first_address_.ip; }
    /// A cell from `source` was authentic: the first hop's port may have moved.
    void follow(const Endpoint& source) noexcept { first_address_.port = source.port; }

    void add_hop(Hop hop) { hops_.push_back(std::move(hop)); }

    /// From now on every message is sealed for, and opened as from, the other end. Only on a ready rendezvous circuit.
    void join_end(Layer layer, End end);
    [[nodiscard]] bool has_end() const noexcept { return end_layer_.has_value(); }
    /// Both ends are on it, as far as we can know: the rendezvous point said so, or the other end was heard.
    [[nodiscard]] bool linked() const noexcept { return linked_; }
    void set_linked(bool linked) noexcept { linked_ = linked; }
    /// Rendezvous circuits are alive by what the ends say to each other, not by pings to the rendezvous point.
    [[nodiscard]] bool pings() const noexcept
    {
        return purpose_ != CircuitPurpose::rendezvous || (linked_ && end_ == End::downloader);
    }
    [[nodiscard]] std::size_t layers() const noexcept { return hops_.size() + (end_layer_ ? 1U : 0U); }

    /// Adds one layer per hop to `message`, last hop first, inside its own buffer; before them that of the other end. Needs at least one hop.
    /// Fails with too_large (room) or nonce_exhausted: the circuit must then be closed.
    [[nodiscard]] Result<void> wrap(Aead& aead, PacketBuffer& message) noexcept;
    /// Strips the layer of every hop, then that of the other end. Fails with bad_tag, malformed, or replayed when this very message came before;
    /// `message` is then of no more use.
    [[nodiscard]] Result<void> unwrap(Aead& aead, PacketBuffer& message);

    std::uint64_t bytes_up = 0;   ///< packets, both kinds of overhead included: what limits count
    std::uint64_t bytes_down = 0;

    [[nodiscard]] CircuitView view(TimePoint now) const;

private:
    CircuitId id_;
    std::uint32_t group_;
    std::uint8_t wanted_hops_;
    PrivateKey node_key_;
    Keepalive keepalive_;
    Endpoint first_address_;
    CircuitPurpose purpose_;
    End end_ = End::seeder;
    bool linked_ = false;
    std::vector<Hop> hops_;
    std::optional<Layer> end_layer_;
    ReplayWindow window_; ///< of the innermost layer's messages: an outer one repeats only with its content
};

} // namespace cepa::tunnel
