// Vectors: cells that an exit must take or drop, and the relay_early count of a relay (section 8).
#include "support/ipv8_vectors.hpp"
#include "support/packet.hpp"
#include "tunnel/cell/cell.hpp"
#include "tunnel/crypto/replay_window.hpp"
#include "tunnel/discovery/messages.hpp"

#include <gtest/gtest.h>

namespace cepa::test {
namespace {

using namespace tunnel;
using Json = nlohmann::json;

/// The receiving rules of section 8 at a node with one exit entry.
class Exit {
public:
    Exit(CircuitId circuit, const Json& handshake) : circuit_(circuit), layer_(Layer::responder(session_keys_of(handshake)))
    {
    }
    bool deliver(const Bytes& packet)
    {
        const auto header = read_cell_header(packet);
        if (!has_prefix(packet, make_prefix(kPublicTunnelOverlay)) || !header || header->circuit != circuit_) return false;
        OwnedPacket message(ByteSpan(packet).subspan(kCellHeaderSize));
        opened_ = {};
        if (!header->plaintext) {
            const auto opened = layer_.open(aead_, message.buffer());
            if (!opened) return false;
            opened_ = *opened;
        }
        return check_cell(*header, message.bytes()) == CellCheck::accepted;
    }
    [[nodiscard]] const Opened& opened() const { return opened_; }

private:
    CircuitId circuit_;
    Layer layer_;
    Aead aead_;
    Opened opened_;
};

TEST(VectorsRejection, Cells)
{
    const Json& part = ipv8_vectors().at("negative");
    ASSERT_EQ(part.at("receiver"), "exit");
    ASSERT_GE(part.at("cells").size(), 12U);
    Exit exit(CircuitId(part.at("circuit_id").get<std::uint32_t>()), handshake_named(part.at("handshake")));
    ReplayWindow window;
    for (const Json& cell : part.at("cells")) {
        const auto name = cell.at("name").get<std::string>();
        SCOPED_TRACE(name);
        const bool delivered = exit.deliver(unhex(cell.at("packet")));
        EXPECT_EQ(delivered, cell.at("delivered").get<bool>());
        // What deployed nodes deliver twice, we do not; everything else that they deliver passes our window.
        if (delivered) {
            EXPECT_EQ(window.accept(exit.opened()), name != "same cell again (replay)");
        }
    }
}

TEST(VectorsRejection, RelayEarlyCount)
{
    const Json& part = ipv8_vectors().at("negative").at("relay_early_sequence");
    EXPECT_EQ(part.at("limit").get<unsigned>(), kRelayEarlyLimit);
    EXPECT_EQ(part.at("counter_start"), 1);
    RelayEarlyCount count;
    for (const Json& cell : part.at("cells"))
        EXPECT_EQ(count.admit(cell.at("relay_early") != 0), cell.at("forwarded").get<bool>());
}

} // namespace
} // namespace cepa::test
