#include "worker/handover.hpp"

#include "proto/descriptors.hpp"
#include "tunnel/discovery/signed_packet.hpp"

#include <sys/socket.h>
#include <utility>

namespace cepa::worker {
namespace {

using tunnel::MessageId;

bool is_destroy(ByteSpan packet) noexcept
{
    return tunnel::packet_message_id(packet) == static_cast<std::uint8_t>(MessageId::destroy);
}

/// The circuit that a destroy names, unverified: prefix, message id, varlen key, circuit.
std::optional<CircuitId> destroyed_circuit(ByteSpan packet) noexcept
{
    Reader reader(packet);
    (void)reader.take(tunnel::kMessageIdOffset + 1);
    (void)reader.varlen();
    const CircuitId circuit(reader.u32());
    return reader.ok() ? std::optional(circuit) : std::nullopt;
}

/// A create is the only cell whose circuit nobody knows yet.
bool opens_circuit(const tunnel::CellHeader& header, ByteSpan packet) noexcept
{
    return header.plaintext && packet.size() > tunnel::kCellHeaderSize &&
           packet[tunnel::kCellHeaderSize] == static_cast<std::uint8_t>(MessageId::create);
}

struct NamedCircuit {
    CircuitId circuit;
    bool opens = false;
};

/// The circuit of a cell or a destroy of the overlay; nullopt for everything else.
std::optional<NamedCircuit> named_circuit(ByteSpan packet, const tunnel::Prefix& prefix) noexcept
{
    if (!tunnel::has_prefix(packet, prefix)) return std::nullopt;
    if (const auto cell = tunnel::read_cell_header(packet))
        return NamedCircuit{cell->circuit, opens_circuit(*cell, packet)};
    const auto circuit = is_destroy(packet) ? destroyed_circuit(packet) : std::nullopt;
    return circuit ? std::optional(NamedCircuit{*circuit}) : std::nullopt;
}

} // namespace

Handover::Handover(const Steering& steering, const tunnel::OverlayId& overlay, std::vector<FileDescriptor> siblings,
                   Knows knows, tunnel::PacketReceiver& mine)
    : steering_(steering), prefix_(tunnel::make_prefix(overlay)), siblings_(std::move(siblings)),
      knows_(std::move(knows)), mine_(mine)
{
}

void Handover::on_packet(const Endpoint& source, PacketBuffer& packet)
{
    const WorkerId owner = owner_of(std::as_const(packet).bytes());
    if (owner == steering_.self())
        mine_.on_packet(source, packet);
    else if (may_pass(std::as_const(packet).bytes()))
        pass_on(owner, source, packet, 1);
}

void Handover::on_handed_over(proto::HandedOverPacket& handed)
{
    const bool last = handed.times >= proto::kMaxHandOvers;
    const WorkerId next = last ? steering_.self() : next_of(std::as_const(handed.packet).bytes());
    if (next == steering_.self())
        mine_.on_packet(handed.source, handed.packet);
    else
        pass_on(next, handed.source, handed.packet, static_cast<std::uint8_t>(handed.times + 1));
}

WorkerId Handover::owner_of(ByteSpan packet) const
{
    const auto named = named_circuit(packet, prefix_);
    return named ? owner_of(named->circuit, named->opens) : WorkerId(0);
}

WorkerId Handover::owner_of(CircuitId circuit, bool opens) const
{
    const WorkerId self = steering_.self();
    const WorkerId owner = steering_.table().owner(circuit);
    const auto next = owner == self && !opens ? steering_.table().next_in_line(circuit, self) : std::nullopt;
    if (owner == self && !next) return self; // nearly always
    // The slot moved while circuits lived, or the packet was under way when it did: who knows the circuit keeps it.
    if (knows_(circuit)) return self;
    return next.value_or(owner);
}

/// Whose turn it is after mine with a packet from my inbox; my own id when it stays here.
WorkerId Handover::next_of(ByteSpan packet) const
{
    const WorkerId self = steering_.self();
    const auto named = named_circuit(packet, prefix_);
    if (!named || named->opens) return self;
    const auto next = steering_.table().next_in_line(named->circuit, self);
    return next && !knows_(named->circuit) ? *next : self;
}

void Handover::pass_on(CircuitId circuit, const Endpoint& source, PacketBuffer& packet)
{
    const WorkerId owner = steering_.table().owner(circuit);
    if (owner != steering_.self()) pass_on(owner, source, packet, 1);
}

/// The sibling believes what its inbox holds as far as the port goes, so a destroy is verified before it gets there.
bool Handover::may_pass(ByteSpan packet)
{
    const bool forged = tunnel::has_prefix(packet, prefix_) && is_destroy(packet) &&
                        !tunnel::open_signed(packet, tunnel::TimeField::absent);
    counters_.forged += forged ? 1 : 0;
    return !forged;
}

void Handover::pass_on(WorkerId to, const Endpoint& source, PacketBuffer& packet, std::uint8_t times)
{
    const auto index = static_cast<std::size_t>(proto::sibling_descriptor(steering_.self(), to) - proto::kFirstSibling);
    if (index >= siblings_.size() || !proto::wrap_hand_over(packet, source, times) ||
        ::send(siblings_[index].get(), packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        ++counters_.inbox_full;
        return;
    }
    ++counters_.handed_over;
}

} // namespace cepa::worker
