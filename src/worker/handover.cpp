#include "worker/handover.hpp"

#include "proto/descriptors.hpp"
#include "proto/hand_over.hpp"
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

} // namespace

Handover::Handover(const Steering& steering, const tunnel::OverlayId& overlay, std::vector<FileDescriptor> siblings,
                   Knows knows, tunnel::PacketReceiver& mine)
    : steering_(steering)
    , prefix_(tunnel::make_prefix(overlay))
    , siblings_(std::move(siblings))
    , knows_(std::move(knows))
    , mine_(mine)
{
}

void Handover::on_packet(const Endpoint& source, PacketBuffer& packet)
{
    const WorkerId owner = owner_of(std::as_const(packet).bytes());
    if (owner == steering_.self()) mine_.on_packet(source, packet);
    else pass_on(owner, source, packet);
}

WorkerId Handover::owner_of(ByteSpan packet) const
{
    if (!tunnel::has_prefix(packet, prefix_)) return WorkerId(0);
    if (const auto cell = tunnel::read_cell_header(packet)) return owner_of(cell->circuit, opens_circuit(*cell, packet));
    if (!is_destroy(packet)) return WorkerId(0);
    const auto circuit = destroyed_circuit(packet);
    return circuit ? owner_of(*circuit, false) : WorkerId(0);
}

WorkerId Handover::owner_of(CircuitId circuit, bool opens) const
{
    const WorkerId self = steering_.self();
    const WorkerId owner = steering_.table().owner(circuit);
    const WorkerId former = steering_.table().former_owner(circuit);
    if (owner == self && (former == self || opens)) return self; // nearly always
    // The slot moved while circuits lived, or the packet was under way when it did: who knows the circuit keeps it.
    if (knows_(circuit)) return self;
    return owner == self ? former : owner;
}

void Handover::pass_on(WorkerId owner, const Endpoint& source, PacketBuffer& packet)
{
    // The owner believes what its inbox holds as far as the port goes, so a destroy is verified before it gets there.
    if (tunnel::has_prefix(std::as_const(packet).bytes(), prefix_) && is_destroy(std::as_const(packet).bytes()) &&
        !tunnel::open_signed(std::as_const(packet).bytes(), tunnel::TimeField::absent)) {
        ++counters_.forged;
        return;
    }
    const auto index = static_cast<std::size_t>(proto::sibling_descriptor(steering_.self(), owner) - proto::kFirstSibling);
    if (index >= siblings_.size() || !proto::wrap_hand_over(packet, source) ||
        ::send(siblings_[index].get(), packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        ++counters_.inbox_full;
        return;
    }
    ++counters_.handed_over;
}

} // namespace cepa::worker
