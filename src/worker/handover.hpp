// Sorts what arrives on the node's port into mine and a sibling's. A cell belongs to the owner of its circuit id's
// slot, a destroy to the owner of the circuit that it names, everything else to worker 0. What is a sibling's goes into
// its inbox. What comes out of my own inbox is mine, unless it belongs to a circuit that I do not know and the slot has
// moved: then it goes on along the line of former owners, whose end drops it, so nothing can go in circles.
// Stands between the UDP port (or main's packet frames) and the data path. Process: worker, io thread.
// Spec: docs/protocol.md, section 33.
#pragma once

#include "base/file_descriptor.hpp"
#include "tunnel/cell/cell.hpp"
#include "tunnel/udp_endpoint.hpp"
#include "worker/inbox.hpp"
#include "worker/steering.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace cepa::worker {

class Handover final : public tunnel::PacketReceiver, public HandedOverReceiver {
public:
    struct Counters {
        std::uint64_t handed_over = 0;
        std::uint64_t inbox_full = 0; ///< the owner does not read, or is gone
        std::uint64_t forged = 0;     ///< a destroy for a sibling whose signature is wrong
    };
    /// Whether a circuit, relay or exit of this id lives here. Asked only for ids whose slot does not settle it.
    using Knows = std::function<bool(CircuitId)>;

    /// `siblings` are the write ends of the others' inboxes, in slot order without the own slot. Everything referred to
    /// must outlive this.
    Handover(const Steering& steering, const tunnel::OverlayId& overlay, std::vector<FileDescriptor> siblings,
             Knows knows, tunnel::PacketReceiver& mine);

    /// Gives the packet to `mine` or passes it on; needs kPacketHeadroom.
    void on_packet(const Endpoint& source, PacketBuffer& packet) override;
    /// A packet from the inbox: as above, except that it goes only further down the line.
    void on_handed_over(proto::HandedOverPacket& handed) override;
    /// A packet that belongs to the owner of `circuit` although it names none: into its inbox. Stays in place.
    void pass_on(CircuitId circuit, const Endpoint& source, PacketBuffer& packet);
    void on_packet_batch_end() override { mine_.on_packet_batch_end(); }

    [[nodiscard]] const Counters& counters() const noexcept { return counters_; }

private:
    [[nodiscard]] WorkerId owner_of(ByteSpan packet) const;
    [[nodiscard]] WorkerId owner_of(CircuitId circuit, bool opens) const;
    [[nodiscard]] WorkerId next_of(ByteSpan packet) const;
    [[nodiscard]] bool may_pass(ByteSpan packet);
    void pass_on(WorkerId to, const Endpoint& source, PacketBuffer& packet, std::uint8_t times);

    const Steering& steering_;
    tunnel::Prefix prefix_;
    std::vector<FileDescriptor> siblings_;
    Knows knows_;
    tunnel::PacketReceiver& mine_;
    Counters counters_;
};

} // namespace cepa::worker
