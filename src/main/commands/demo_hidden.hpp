// The proof of a hidden demo: what seeder and downloader sent, as captured on loopback, against the first hops of their
// own circuits. Process: main (the demo's process).
#pragma once

#include "main/commands/demo_network.hpp"
#include "main/commands/packet_capture.hpp"

#include <optional>
#include <set>
#include <string>

namespace cepa::main {

class HiddenProof {
public:
    /// To be made before the processes are started. Both are addresses without a port.
    HiddenProof(std::string seeder, std::string downloader, const PacketCapture::Overlay& overlay);

    /// To be called often: takes in what was captured and which first hops the two use now.
    void look(DemoNetwork& network);
    /// "direct_packets" (of any kind, from either to the other), "beyond_first_hop" (cells to anybody who is no first hop
    /// of the sender), "capture", "links", "seeder_saw_only_made_up", and "proved".
    [[nodiscard]] Json result(DemoNetwork& network);

private:
    void note_first_hops(NodeProcess& node);
    void count(Json& out);

    std::string seeder_;
    std::string downloader_;
    std::optional<PacketCapture> capture_;
    std::string why_not_;
    std::map<std::string, std::set<std::string>> first_hops_; ///< by address of the node
};

/// Of what was sent: packets between the two, and cells of either to others than its first hops.
struct HiddenCounts {
    std::uint64_t direct_packets = 0;
    std::uint64_t beyond_first_hop = 0;
};
[[nodiscard]] HiddenCounts hidden_counts(const SentCounts& sent, const std::string& seeder,
                                         const std::string& downloader,
                                         const std::map<std::string, std::set<std::string>>& first_hops);

} // namespace cepa::main
