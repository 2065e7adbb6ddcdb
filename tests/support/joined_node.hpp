// A node that answers create and extend and acts as the last hop, without the rest of a Tunnel.
#pragma once

#include "support/candidates.hpp"
#include "support/circuit_bench.hpp"

#include "tunnel/circuit/last_hop.hpp"
#include "tunnel/discovery/signed_packet.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace cepa::test {

using namespace tunnel;

inline const Endpoint kSource{IpAddress::v4(0x33640001), 1000};
inline constexpr CircuitId kId(11);

class JoinedNode : public ::testing::Test {
protected:
    JoinedNode()
    {
        init_crypto();
        settings_.overlay = bench_.overlay();
        settings_.relay = settings_.exit_bittorrent = settings_.public_network = true;
        settings_.discover = false;
        settings_.identity = PrivateKey::generate();
        settings_.identity_public = settings_.identity->public_key();
        start();
    }
    void start()
    {
        discovery_ = std::make_unique<Discovery>(settings_, bench_.environment);
        exits_ = std::make_unique<Exits>(Exits::Tools{settings_, bench_.environment, bench_.routes, bench_.sender,
                                                      bench_.aead, bench_.counters, bench_.rate, bench_.budget});
        joined_ = std::make_unique<JoinedCircuits>(bench_.routes);
        relays_ = std::make_unique<Relays>(Relays::Tools{bench_.routes, bench_.sender, bench_.aead, bench_.counters,
                                                         bench_.budget, &*settings_.identity},
                                           0);
        splices_ = std::make_unique<Splices>(Splices::Tools{bench_.routes, bench_.sender, bench_.aead, bench_.counters,
                                                            *relays_, &*settings_.identity, nullptr});
        joining_ = std::make_unique<Joining>(Joining::Tools{settings_, bench_.environment, bench_.routes, bench_.sender,
                                                            bench_.aead, bench_.counters, bench_.budget, *discovery_,
                                                            *joined_, *relays_, *splices_, node_});
        last_hop_ = std::make_unique<LastHop>(
            LastHop::Tools{bench_.sender, bench_.aead, bench_.counters, bench_.random, bench_.rate, bench_.budget,
                           *joining_, *exits_, [this](ByteSpan hash) { hashes_.emplace_back(hash.begin(), hash.end()); }});
    }
    void know(const std::vector<Candidate>& candidates) { discovery_->share(candidates, {{IpAddress::v4(0x33630001), 8090}}); }
    void create(CircuitId id, const Endpoint& from = kSource)
    {
        x_ = EphemeralKey::generate(bench_.random);
        joining_->on_create(from, id, encode_body(Create{5, originator_.public_key(), x_.public_key}), bench_.now());
    }
    /// Takes the created that was sent and makes the originator's layer; returns the offer.
    Offer finish()
    {
        const SentPacket sent = bench_.packets.take();
        const auto created = Created::parse(sent.message().subspan(1));
        EXPECT_EQ(created->identifier, 5);
        auto keys = finish_handshake(x_, settings_.identity_public.x25519, created->ephemeral, created->auth);
        EXPECT_TRUE(keys);
        layer_ = std::make_unique<Layer>(Layer::initiator(std::move(*keys)));
        return *Offer::parse(*layer_->open_offer(bench_.aead, created->candidates_enc));
    }
    void join()
    {
        create(kId);
        static_cast<void>(finish());
    }
    bool cell(ByteSpan message, bool early = false, const Endpoint& from = kSource)
    {
        const Bytes bytes = bench_.cell(kId, message, {layer_.get()}, early);
        return receive(bytes, from);
    }
    bool receive(ByteSpan bytes, const Endpoint& from = kSource)
    {
        OwnedPacket packet(bytes);
        return last_hop_->on_cell(bench_.routes.find(kId).joined(), from, *read_cell_header(bytes), packet.buffer(),
                                  bench_.now());
    }
    void extend(const PublicKey& key, const Endpoint& address)
    {
        cell(message_bytes(Extend{9, key, x_.public_key, address}), true);
    }
    template <class Message>
    Message reply()
    {
        const Bytes plain = bench_.open(bench_.packets.take(), {layer_.get()});
        EXPECT_FALSE(plain.empty());
        EXPECT_EQ(plain[0], static_cast<std::uint8_t>(Message::kId));
        replied_ = plain;
        return *Message::parse(ByteSpan(replied_).subspan(1));
    }

    CircuitBench bench_;
    TunnelSettings settings_;
    std::unique_ptr<Discovery> discovery_;
    std::unique_ptr<Exits> exits_;
    std::unique_ptr<JoinedCircuits> joined_;
    std::unique_ptr<Relays> relays_;
    std::unique_ptr<Splices> splices_;
    NodeRegister* node_ = nullptr; ///< finds nodes that are not known; set before start()
    std::unique_ptr<Joining> joining_;
    std::unique_ptr<LastHop> last_hop_;
    std::vector<Bytes> hashes_;
    PrivateKey originator_ = PrivateKey::generate();
    EphemeralKey x_;
    std::unique_ptr<Layer> layer_;
    Bytes replied_;
};

} // namespace cepa::test
