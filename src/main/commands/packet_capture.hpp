// What two addresses of loopback send, as the kernel sees it: counts of packets per destination, of these the cells of
// circuits, and the talk that any two nodes of one network have (introductions, DHT), whatever they carry. For the
// proof of a demo; needs CAP_NET_RAW. No thread: the owner calls drain() often. Process: main (the demo's process).
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
    std::uint64_t packets = 0;   ///< on UDP; a segmented send counts as one
    std::uint64_t cells = 0;     ///< of these, cells of a circuit
    std::uint64_t discovery = 0; ///< of these, introductions in the tunnel overlay and anything in the DHT's
    friend bool operator==(const SentCount&, const SentCount&) = default;
};
/// By source and destination, as texts without ports.
using SentCounts = std::map<std::pair<std::string, std::string>, SentCount>;

class PacketCapture {
public:
    /// Id of the tunnel overlay.
    using Overlay = std::array<std::uint8_t, 20>;

    /// Begins to see what `sources` (IPv4) send over loopback. Fails with operation_not_permitted without the right.
    [[nodiscard]] static Result<PacketCapture> open(const std::vector<std::string>& sources, const Overlay& overlay);

    /// Takes in what has come since.
    void drain();
    [[nodiscard]] const SentCounts& sent() const noexcept { return sent_; }
    /// Packets that the kernel had no room for: the counts are then too low.
    [[nodiscard]] std::uint64_t lost();

private:
    PacketCapture(FileDescriptor socket, std::vector<std::string> sources, const Overlay& overlay)
        : socket_(std::move(socket)), sources_(std::move(sources)), overlay_(overlay)
    {
    }

    FileDescriptor socket_;
    std::vector<std::string> sources_;
    Overlay overlay_;
    SentCounts sent_;
    std::uint64_t lost_ = 0;
};

/// One captured IPv4 packet.
struct SentPacket {
    std::string source;
    std::string destination;
    bool cell = false;
    bool discovery = false;
};
/// nullopt: not UDP over IPv4, or cut off.
[[nodiscard]] std::optional<SentPacket> parse_sent_packet(ByteSpan packet, const PacketCapture::Overlay& overlay);

} // namespace cepa::main
