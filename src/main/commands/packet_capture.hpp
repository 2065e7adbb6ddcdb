// What some addresses of loopback send and are sent, as the kernel sees it, by whichever process: counts of packets per
// source and destination, of these the cells of circuits, and the talk that any two nodes of one network have
// (introductions, pings, ends of circuits), whatever they carry. For the proof of a demo; needs CAP_NET_RAW. No thread:
// the owner calls drain() often. Process: main (the demo's process).
#pragma once

#include "base/bytes.hpp"
#include "base/file_descriptor.hpp"
#include "base/result.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace cepa::main {

struct SentCount {
    std::uint64_t packets = 0; ///< of any protocol but ICMP; a segmented send counts as one
    std::uint64_t cells = 0;   ///< of these, cells of a circuit
    std::uint64_t talk = 0; ///< of these, introductions and destroys in the tunnel overlay, and the discovery overlay's
    friend bool operator==(const SentCount&, const SentCount&) = default;
};
/// By source and destination, as texts without ports.
using SentCounts = std::map<std::pair<std::string, std::string>, SentCount>;

class PacketCapture {
public:
    /// Id of the tunnel overlay.
    using Overlay = std::array<std::uint8_t, 20>;

    /// Begins to see what comes from or goes to `addresses` (IPv4) over loopback. Fails with operation_not_permitted
    /// without the right.
    [[nodiscard]] static Result<PacketCapture> open(const std::vector<std::string>& addresses, const Overlay& overlay);

    /// Takes in what has come since.
    void drain();
    [[nodiscard]] const SentCounts& sent() const noexcept { return sent_; }
    /// Packets that the kernel had no room for: the counts are then too low.
    [[nodiscard]] std::uint64_t lost();

private:
    PacketCapture(FileDescriptor socket, std::vector<std::string> addresses, const Overlay& overlay)
        : socket_(std::move(socket)), addresses_(std::move(addresses)), overlay_(overlay)
    {
    }

    FileDescriptor socket_;
    std::vector<std::string> addresses_;
    Overlay overlay_;
    SentCounts sent_;
    std::uint64_t lost_ = 0;
};

/// One captured IPv4 packet.
struct SentPacket {
    std::string source;
    std::string destination;
    bool cell = false;
    bool talk = false;
};
/// nullopt: not IPv4, its header cut off, or a word of the kernel's own (ICMP).
[[nodiscard]] std::optional<SentPacket> parse_sent_packet(ByteSpan packet, const PacketCapture::Overlay& overlay);

} // namespace cepa::main
