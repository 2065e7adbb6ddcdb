// Our own circuits from first create to destroy: building, data both ways, pings, ends. Owns each Circuit and, while it
// is built, its CircuitBuilder. Process: worker, io thread. Spec: docs/protocol.md, sections 8, 10 and 11.
#pragma once

#include "tunnel/circuit/cell_sender.hpp"
#include "tunnel/circuit/circuit.hpp"
#include "tunnel/circuit/circuit_builder.hpp"
#include "tunnel/circuit/circuit_user.hpp"
#include "tunnel/circuit/path_selection.hpp"
#include "tunnel/circuit/routing_table.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace cepa::tunnel {

struct CircuitWish {
    PathWish path;
    std::uint32_t group = 0;
};

class OwnCircuits {
public:
    /// More would only help a caller that has lost count.
    static constexpr std::size_t kMost = 1024;

    struct Tools {
        PathSelection& selection;
        PathSource& network; ///< its loads() are this object's: see loads()
        RoutingTable& routes;
        CellSender& sender;
        Aead& aead;
        Counters& counters;
        Environment& environment;
        TunnelObserver& observer;
    };
    explicit OwnCircuits(Tools tools) : tools_(tools) {}
    /// Who uses circuits of other purposes than data; must outlive this. Before the first of them.
    void set_user(CircuitUser& user) noexcept { user_ = &user; }

    /// Chooses a path and sends create. Fails with no_candidates, refused_by_policy (hop count) or limit_reached.
    [[nodiscard]] Result<CircuitId> create(std::uint8_t hops, std::uint32_t group, TimePoint now);
    /// The same for any purpose.
    [[nodiscard]] Result<CircuitId> create(const CircuitWish& wish, TimePoint now);
    [[nodiscard]] Result<void> send_data(CircuitId id, const Address& destination, PacketBuffer& payload,
                                         TimePoint now);
    /// A message to the last hop of a ready circuit.
    template <class Message>
    bool send(CircuitId id, const Message& message)
    {
        MessageRoom room;
        PacketBuffer packet = room.write(message);
        return send_message(id, packet);
    }
    /// A packet of the tunnel overlay that the last hop sends to `to`.
    bool send_packet(CircuitId id, const Endpoint& to, ByteSpan packet);
    /// See Circuit::join_end(); a downloader's circuit is linked then.
    void join_end(CircuitId id, Layer layer, End end, TimePoint now);
    /// Nullptr when there is none.
    [[nodiscard]] const Circuit* find(CircuitId id) const;
    /// The last hop of a circuit that exists, as its path is planned now.
    [[nodiscard]] const PublicKey& planned_last(CircuitId id) const { return entries_.at(id)->path.back().key; }
    /// Its first and second hop, as its path is planned now; the kept ones among its hops. None when there is none.
    [[nodiscard]] std::vector<PublicKey> planned_first_two(CircuitId id) const;
    /// Ends a circuit with a destroy to its first hop, and tells the observer. One that was not ready yet says nothing
    /// about its hops.
    void close(CircuitId id, std::string_view reason, TimePoint now);
    void close_all(std::string_view reason, TimePoint now);

    /// A cell whose id is that of `circuit`. True when it was authentic (or began a hop), so that the first hop lives.
    bool on_cell(Circuit& circuit, const Endpoint& source, const CellHeader& header, PacketBuffer& packet,
                 TimePoint now);
    /// Which key may destroy the circuit: the first hop's.
    [[nodiscard]] PublicKey first_hop_key(const Circuit& circuit) const;
    /// An authorised destroy.
    void on_destroyed(const Circuit& circuit, TimePoint now);

    /// Timeouts of building, pings, ends of life.
    void tick(TimePoint now);

    [[nodiscard]] PathLoads loads() const;
    /// What builders learn of who can be reached: see PathSource.
    void unreachable(const PublicKey& key, TimePoint now);
    [[nodiscard]] bool is_unreachable(const PublicKey& key, TimePoint now) const;
    [[nodiscard]] bool may_probe() const;
    /// How long no hop of a circuit that is being built has answered; zero where nothing is built.
    [[nodiscard]] Duration stuck(CircuitId id, TimePoint now) const;
    [[nodiscard]] std::vector<CircuitView> views(TimePoint now) const;
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

private:
    struct Entry {
        Entry(Circuit c, Path p, bool ends_elsewhere)
            : circuit(std::move(c)), path(std::move(p)), last_named(ends_elsewhere)
        {
        }
        Circuit circuit;
        Path path;       ///< as planned; follows the builder
        bool last_named; ///< by a stranger, who may name what does not live
        std::optional<CircuitBuilder> builder;
    };

    [[nodiscard]] Entry* entry_of(CircuitId id);
    bool on_plain(Circuit& circuit, const Endpoint& source, const PacketBuffer& message, TimePoint now);
    void dispatch(Circuit& circuit, PacketBuffer& message, TimePoint now);
    void on_data(Circuit& circuit, PacketBuffer& message, TimePoint now);
    void on_linked_data(Circuit& circuit, PacketBuffer& message, TimePoint now);
    void on_user_message(Circuit& circuit, PacketBuffer& message, TimePoint now);
    bool send_message(CircuitId id, PacketBuffer& message);
    bool send_on(Circuit& circuit, PacketBuffer& message);
    void on_extended(Circuit& circuit, ByteSpan body, TimePoint now);
    void apply(Entry& entry, BuildStep step, TimePoint now);
    void learn_from_success(const Entry& entry);
    void learn_from_failure(const Entry& entry, TimePoint now);
    void remove(CircuitId id, std::string_view reason, bool tell_first_hop, TimePoint now);
    void ping(Circuit& circuit, TimePoint now);

    Tools tools_;
    CircuitUser* user_ = nullptr;
    std::unordered_map<CircuitId, std::unique_ptr<Entry>> entries_;
    std::unordered_map<PublicKey, TimePoint> unreachable_; ///< since when
    std::vector<std::pair<PublicKey, TimePoint>> silent_exits_;
};

} // namespace cepa::tunnel
