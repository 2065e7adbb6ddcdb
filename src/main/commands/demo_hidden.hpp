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
    /// To be made before the processes are started. All are addresses without a port; `relays` are all the other nodes.
    HiddenProof(std::string seeder, std::string downloader, std::set<std::string> relays,
                const PacketCapture::Overlay& overlay);

    /// To be called often: takes in what was captured and which first hops the two use now.
    void look(DemoNetwork& network);
    /// "direct_packets" (of any kind, from either to the other or to who is no relay, or to either from an address that
    /// is no node's), "beyond_first_hop" (cells to who is no first hop of the sender's own circuits), "other_packets"
    /// (of either, that are neither cells nor the talk of any two nodes), "capture", "links", "linked", "proved": all
    /// of them 0 and none lost; null without the right to capture.
    [[nodiscard]] Json result(DemoNetwork& network);

private:
    void note_first_hops(NodeProcess& node);
    void count(Json& out);

    std::string seeder_;
    std::string downloader_;
    std::set<std::string> relays_;
    std::optional<PacketCapture> capture_;
    std::string why_not_;
    std::map<std::string, std::set<std::string>> first_hops_; ///< by address of the node
};

/// Of what was sent; see HiddenProof::result().
struct HiddenCounts {
    std::uint64_t direct_packets = 0;
    std::uint64_t other_packets = 0;
    std::uint64_t beyond_first_hop = 0;
};
[[nodiscard]] HiddenCounts hidden_counts(const SentCounts& sent, const std::string& seeder,
                                         const std::string& downloader,
                                         const std::map<std::string, std::set<std::string>>& first_hops,
                                         const std::set<std::string>& relays);

} // namespace cepa::main
