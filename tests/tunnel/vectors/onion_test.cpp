// Vectors: whole paths of 1 to 3 hops in both directions (section 10), and two circuits joined at a rendezvous point
// with the end-to-end layer inside (section 14.4). Every party computes every packet, and opens what it receives.
#include "support/ipv8_vectors.hpp"
#include "support/packet.hpp"
#include "tunnel/cell/cell.hpp"
#include "tunnel/discovery/messages.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace cepa::test {
namespace {

using namespace tunnel;
using Json = nlohmann::json;

/// Recorded counters are incremented before use, and start at the recorded value.
constexpr std::uint64_t first_after(std::uint64_t recorded) { return recorded + 1; }

struct Session {
    Layer initiator;
    Layer responder;

    Session(const Json& handshake, std::uint64_t forward, std::uint64_t backward)
        : initiator(session_keys_of(handshake), Direction::forward, first_after(forward)),
          responder(session_keys_of(handshake), Direction::backward, first_after(backward))
    {
    }
};

class Travel : public ::testing::Test {
protected:
    /// Compares the sealed message, put into a cell with the recorded flags, with the recorded packet.
    static void expect_packet(ByteSpan message, std::uint32_t circuit, const Json& recorded, bool relay_early)
    {
        OwnedPacket packet(message);
        prepend_cell_header(packet.buffer(), make_prefix(kPublicTunnelOverlay),
                            {CircuitId(circuit), false, relay_early});
        EXPECT_EQ(hex(packet.bytes()), recorded.get<std::string>());
    }
    /// The message that a recorded packet carries.
    static Bytes carried(const Json& recorded)
    {
        const Bytes packet = unhex(recorded);
        return {packet.begin() + kCellHeaderSize, packet.end()};
    }
    void open(const Layer& layer, OwnedPacket& message)
    {
        const auto opened = layer.open(aead_, message.buffer());
        EXPECT_TRUE(opened);
    }

    Aead aead_;
};

class VectorsOnion : public Travel {
protected:
    void forward(const Json& step, const Json& circuit_ids)
    {
        const Json& packets = step.at("packets");
        OwnedPacket sent(unhex(step.at("message")));
        for (std::size_t i = path_.size(); i-- > 0;) ASSERT_TRUE(path_[i].initiator.seal(aead_, sent.buffer()));
        expect_packet(sent.bytes(), circuit_ids.at(0), packets.at(0), true);
        for (std::size_t i = 0; i < path_.size(); ++i) {
            OwnedPacket received(carried(packets.at(i)));
            open(path_[i].responder, received);
            if (i + 1 < path_.size()) {
                expect_packet(received.bytes(), circuit_ids.at(i + 1), packets.at(i + 1), true);
            } else {
                EXPECT_EQ(hex(received.bytes()), step.at("message").get<std::string>());
            }
        }
    }
    /// Packets are recorded in travel order, so from the last link to the first.
    void backward(const Json& step, const Json& circuit_ids)
    {
        const Json& packets = step.at("packets");
        OwnedPacket message(unhex(step.at("message")));
        for (std::size_t i = path_.size(); i-- > 0;) {
            ASSERT_TRUE(path_[i].responder.seal(aead_, message.buffer()));
            expect_packet(message.bytes(), circuit_ids.at(i), packets.at(path_.size() - 1 - i), false);
        }
        OwnedPacket received(carried(packets.at(path_.size() - 1)));
        for (const Session& session : path_) open(session.initiator, received);
        EXPECT_EQ(hex(received.bytes()), step.at("message").get<std::string>());
    }

    std::vector<Session> path_;
};

TEST_F(VectorsOnion, EveryPacketOfEveryLink)
{
    ASSERT_GE(ipv8_vectors().at("onion").size(), 3U);
    for (const Json& circuit : ipv8_vectors().at("onion")) {
        SCOPED_TRACE(circuit.at("hops").dump() + " hops");
        const Json& counters = circuit.at("initial_counters");
        path_.clear();
        for (const Json& name : circuit.at("handshakes"))
            path_.emplace_back(handshake_named(name), counters.at("forward"), counters.at("backward"));
        ASSERT_EQ(path_.size(), circuit.at("hops").get<std::size_t>());
        for (const Json& step : circuit.at("steps")) {
            const bool to_exit = step.at("direction") == "forward";
            ASSERT_TRUE(to_exit || step.at("direction") == "backward");
            to_exit ? forward(step, circuit.at("circuit_ids")) : backward(step, circuit.at("circuit_ids"));
        }
    }
}

/// downloader - relay - rendezvous point - seeder: the point shares one session with each side.
class VectorsRendezvous : public Travel {
protected:
    VectorsRendezvous()
        : hop1_(handshake_named("hop1"), counter("hops"), counter("hops")),
          hop2_(handshake_named("hop2"), counter("hops"), counter("hops")),
          hop3_(handshake_named("hop3"), counter("hops"), counter("hops")),
          // Directions of the end-to-end layer are named from the seeder.
          downloader_(end_to_end(), Direction::backward, first_after(counters().at("downloader_e2e").at("backward"))),
          seeder_(end_to_end(), Direction::forward, first_after(counters().at("seeder_e2e").at("forward")))
    {
    }
    static const Json& linked() { return ipv8_vectors().at("hidden").at("data"); }
    static const Json& counters() { return linked().at("initial_counters"); }
    static std::uint64_t counter(const char* name) { return counters().at(name); }
    static SessionKeys end_to_end() { return session_keys_of(ipv8_vectors().at("hidden").at("e2e_handshake")); }
    static std::uint32_t circuit(const char* link) { return linked().at("circuit_ids").at(link); }

    void to_seeder(const Json& step)
    {
        const Json& packets = step.at("packets");
        OwnedPacket message(unhex(step.at("message")));
        ASSERT_TRUE(downloader_.seal(aead_, message.buffer()));
        ASSERT_TRUE(hop2_.initiator.seal(aead_, message.buffer()));
        ASSERT_TRUE(hop1_.initiator.seal(aead_, message.buffer()));
        expect_packet(message.bytes(), circuit("downloader-relay"), packets.at(0), true);
        open(hop1_.responder, message);
        expect_packet(message.bytes(), circuit("relay-rp"), packets.at(1), true);
        open(hop2_.responder, message);
        ASSERT_TRUE(hop3_.responder.seal(aead_, message.buffer()));
        expect_packet(message.bytes(), circuit("rp-seeder"), packets.at(2), false);
        open(hop3_.initiator, message);
        open(seeder_, message);
        EXPECT_EQ(hex(message.bytes()), step.at("message").get<std::string>());
    }
    void to_downloader(const Json& step)
    {
        const Json& packets = step.at("packets");
        OwnedPacket message(unhex(step.at("message")));
        ASSERT_TRUE(seeder_.seal(aead_, message.buffer()));
        ASSERT_TRUE(hop3_.initiator.seal(aead_, message.buffer()));
        const auto first = read_cell_header(unhex(packets.at(0)));
        ASSERT_TRUE(first);
        expect_packet(message.bytes(), circuit("rp-seeder"), packets.at(0), first->relay_early);
        open(hop3_.responder, message);
        ASSERT_TRUE(hop2_.responder.seal(aead_, message.buffer()));
        expect_packet(message.bytes(), circuit("relay-rp"), packets.at(1), false);
        ASSERT_TRUE(hop1_.responder.seal(aead_, message.buffer()));
        expect_packet(message.bytes(), circuit("downloader-relay"), packets.at(2), false);
        open(hop1_.initiator, message);
        open(hop2_.initiator, message);
        open(downloader_, message);
        EXPECT_EQ(hex(message.bytes()), step.at("message").get<std::string>());
    }

    Session hop1_;
    Session hop2_;
    Session hop3_;
    Layer downloader_;
    Layer seeder_;
};

TEST_F(VectorsRendezvous, EveryPacketOfEveryLink)
{
    ASSERT_EQ(linked().at("layers"), Json({{"downloader", {"hop1", "hop2"}}, {"seeder", {"hop3"}}}));
    for (const Json& step : linked().at("steps")) {
        const bool outward = step.at("direction") == "downloader->seeder";
        ASSERT_TRUE(outward || step.at("direction") == "seeder->downloader");
        outward ? to_seeder(step) : to_downloader(step);
    }
}

} // namespace
} // namespace cepa::test
