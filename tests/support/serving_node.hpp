// A node that serves hidden services of others, without the rest of a Tunnel: circuits that end at it are there at
// once, and the test holds their originators' layers. What it asks of the node's register and of siblings is recorded.
#pragma once

#include "support/circuit_bench.hpp"
#include "tunnel/hidden_services/sibling_answers.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace cepa::test {

/// Answers when the test says so, unless it is told to answer at once.
class HeldRegister final : public tunnel::NodeRegister {
public:
    void find_introductions(const tunnel::LookupHash& hash, tunnel::IntroductionsFound done) override
    {
        finds.emplace_back(hash, std::move(done));
    }
    void find_node(const tunnel::PublicKey&, tunnel::NodeFound done) override { done(std::nullopt); }
    void register_introduction(const tunnel::Introduction& introduction, tunnel::Registered done) override
    {
        registered.push_back(introduction);
        if (at_once) return done(*at_once);
        answers.push_back(std::move(done));
    }
    void forget_introduction(const tunnel::Introduction& introduction) override { forgotten.push_back(introduction); }
    [[nodiscard]] std::optional<CircuitId> circuit_of(const tunnel::PublicKey& key) const override
    {
        const auto found = elsewhere.find(key);
        return found == elsewhere.end() ? std::nullopt : std::optional(found->second);
    }
    [[nodiscard]] bool is_proven(const IpAddress& ip) const override { return proven.contains(ip); }

    std::optional<tunnel::Registration> at_once = true;
    std::vector<std::pair<tunnel::LookupHash, tunnel::IntroductionsFound>> finds;
    std::vector<tunnel::Introduction> registered;
    std::vector<tunnel::Registered> answers;
    std::vector<tunnel::Introduction> forgotten;
    std::map<tunnel::PublicKey, CircuitId> elsewhere;
    std::set<IpAddress> proven;
};

/// Records; a link is answered when the test says so.
class HeldSiblings final : public tunnel::Siblings {
public:
    void find_introductions(const tunnel::LookupHash&, tunnel::IntroductionsFound done) override { done({}); }
    void find_node(const tunnel::PublicKey&, tunnel::NodeFound done) override { done(std::nullopt); }
    void register_introduction(const tunnel::Introduction&, tunnel::Registered done) override { done(false); }
    void forget_introduction(const tunnel::Introduction&) override {}
    void offer_rendezvous(const tunnel::Cookie& cookie, CircuitId circuit) override { offers[cookie] = circuit; }
    void withdraw_rendezvous(const tunnel::Cookie& cookie) override { offers.erase(cookie); }
    void link(const tunnel::Cookie& cookie, tunnel::LinkHalf mine, tunnel::Linked done) override
    {
        links.emplace_back(cookie, std::move(mine), std::move(done));
    }
    void unlinked(CircuitId mine) override { ended.push_back(mine); }
    void moved(CircuitId mine, const Endpoint& neighbour) override { moves.emplace_back(mine, neighbour); }
    void pass_on(CircuitId circuit, const Endpoint& source, PacketBuffer& packet) override
    {
        const ByteSpan bytes = packet.bytes();
        passed.push_back({source, Bytes(bytes.begin(), bytes.end())});
        passed_to.push_back(circuit);
    }

    struct Wanted {
        tunnel::Cookie cookie;
        tunnel::LinkHalf mine;
        tunnel::Linked done;
    };
    std::map<tunnel::Cookie, CircuitId> offers;
    std::vector<Wanted> links;
    std::vector<CircuitId> ended;
    std::vector<std::pair<CircuitId, Endpoint>> moves;
    std::vector<SentPacket> passed;
    std::vector<CircuitId> passed_to;
};

class ServingNode {
public:
    explicit ServingNode(tunnel::Siblings* siblings = nullptr) : ServingNode(settings_of(false), siblings) {}
    ServingNode(tunnel::TunnelSettings settings, tunnel::Siblings* siblings)
        : settings_(std::move(settings)), environment_(with(siblings)),
          exits_({settings_, environment_, bench.routes, bench.sender, bench.aead, bench.counters, bench.rate,
                  bench.budget}),
          joined(bench.routes),
          relays_({bench.routes, bench.sender, bench.aead, bench.counters, bench.budget, &*settings_.identity}, 0),
          splices({bench.routes, bench.sender, bench.aead, bench.counters, relays_, &*settings_.identity, siblings}),
          serving({settings_, environment_, bench.routes, bench.sender, bench.aead, bench.counters, bench.rate,
                   bench.budget, joined, splices, node, [this] { return own_address; }})
    {
        exits_.set_own_addresses({own_address});
    }

    static tunnel::TunnelSettings settings_of(bool equal_prefixes)
    {
        tunnel::init_crypto();
        tunnel::TunnelSettings out;
        out.overlay = CircuitBench::overlay();
        out.relay = true;
        out.discover = false;
        out.allow_equal_prefixes = equal_prefixes;
        out.identity = tunnel::PrivateKey::generate();
        out.identity_public = out.identity->public_key();
        return out;
    }

    /// A circuit of somebody at `from` that ends here.
    tunnel::JoinedCircuit& join(CircuitId id, const Endpoint& from)
    {
        auto [originator, hop] = bench.session();
        layers.erase(id);
        layers.emplace(id, std::move(originator));
        tunnel::PrivateKey key = tunnel::PrivateKey::generate();
        auto circuit = std::make_unique<tunnel::JoinedCircuit>(id, from, key.public_key(), std::move(hop), bench.now());
        addresses[id] = from;
        return joined.add(std::move(circuit));
    }
    tunnel::JoinedCircuit& at(CircuitId id) { return bench.routes.find(id).joined(); }
    [[nodiscard]] tunnel::RouteKind kind(CircuitId id) const { return bench.routes.find(id).kind; }

    /// What the originator of `id` sends, as it arrives here; `from` another address when the neighbour has moved.
    void cell(CircuitId id, ByteSpan message, std::optional<Endpoint> from = std::nullopt)
    {
        receive(bench.cell(id, message, {&layers.at(id)}), from.value_or(addresses.at(id)));
    }
    void receive(ByteSpan bytes, const Endpoint& from)
    {
        OwnedPacket packet(bytes);
        const tunnel::CellHeader header = *tunnel::read_cell_header(bytes);
        const tunnel::Route route = bench.routes.find(header.circuit);
        if (route.kind == tunnel::RouteKind::spliced)
            return splices.on_cell(route.splice(), from, header, packet.buffer(), bench.now());
        ASSERT_EQ(route.kind, tunnel::RouteKind::joined);
        deliver(route.joined(), packet.buffer());
    }
    /// The packet of a downloader at `from`, outside a cell.
    void create_e2e(const tunnel::CreateE2e& request, const Endpoint& from, std::size_t trailing = 0)
    {
        Bytes bytes(bench.sender.prefix().begin(), bench.sender.prefix().end());
        const Bytes message = message_bytes(request);
        bytes.insert(bytes.end(), message.begin(), message.end());
        bytes.resize(bytes.size() + trailing);
        OwnedPacket packet(bytes);
        serving.on_create_e2e(from, packet.buffer(), bench.now());
    }
    /// What was sent to the originator of `id` next, opened; empty when it was for somebody else or is not readable.
    [[nodiscard]] Bytes answer(CircuitId id)
    {
        if (bench.packets.sent.empty()) return {};
        const SentPacket sent = bench.packets.take();
        if (tunnel::packet_message_id(sent.bytes) != 0 || sent.header().circuit != id) return {};
        return bench.open(sent, {&layers.at(id)});
    }
    template <class Message>
    [[nodiscard]] std::optional<Message> reply(CircuitId id)
    {
        replied = answer(id);
        if (replied.empty() || replied[0] != static_cast<std::uint8_t>(Message::kId)) return std::nullopt;
        return Message::parse(ByteSpan(replied).subspan(1));
    }
    /// The circuit that a destroy names, which was sent next; 0 when something else was.
    [[nodiscard]] CircuitId destroyed()
    {
        if (bench.packets.sent.empty()) return {};
        const SentPacket sent = bench.packets.take();
        if (tunnel::packet_message_id(sent.bytes) != static_cast<std::uint8_t>(tunnel::MessageId::destroy)) return {};
        Reader reader(ByteSpan(sent.bytes).subspan(tunnel::kPrefixSize + 1));
        static_cast<void>(reader.varlen());
        return CircuitId(reader.u32());
    }
    void sweep()
    {
        static_cast<void>(joined.sweep(bench.now(), [](const tunnel::JoinedCircuit&) {}));
        serving.sweep(bench.now());
    }
    [[nodiscard]] std::uint64_t dropped(tunnel::Drop why) const { return bench.dropped(why); }

    CircuitBench bench;
    HeldRegister node;
    Endpoint own_address{IpAddress::v4(0x33630001), 8090};

private:
    tunnel::Environment with(tunnel::Siblings* siblings)
    {
        tunnel::Environment out = bench.environment;
        out.siblings = siblings;
        return out;
    }
    /// As LastHop does, which a node has behind a Joining.
    void deliver(tunnel::JoinedCircuit& circuit, PacketBuffer& packet)
    {
        using namespace tunnel;
        packet.strip_front(kCellHeaderSize);
        const auto opened = circuit.layer.open(bench.aead, packet);
        ASSERT_TRUE(opened);
        circuit.last_activity = bench.now();
        const Bytes message(packet.bytes().begin(), packet.bytes().end());
        const ByteSpan body = ByteSpan(message).subspan(1);
        switch (static_cast<MessageId>(message[0])) {
        case MessageId::data:
            return exits_.on_data(circuit, packet, bench.now());
        case MessageId::establish_intro:
            return serving.on_establish_intro(circuit, *EstablishIntro::parse(body), bench.now());
        case MessageId::establish_rendezvous:
            return serving.on_establish_rendezvous(circuit, *EstablishRendezvous::parse(body));
        case MessageId::link_e2e:
            return serving.on_link_e2e(circuit, *LinkE2e::parse(body), bench.now());
        case MessageId::peers_request:
            return serving.on_peers_request(circuit, *PeersRequest::parse(body), bench.now());
        default:
            FAIL() << "message " << int{message[0]};
        }
    }

    tunnel::TunnelSettings settings_;
    tunnel::Environment environment_;
    tunnel::Exits exits_;

public:
    tunnel::JoinedCircuits joined;

private:
    tunnel::Relays relays_;

public:
    tunnel::Splices splices;
    tunnel::Serving serving;
    std::map<CircuitId, tunnel::Layer> layers;
    std::map<CircuitId, Endpoint> addresses;
    Bytes replied;
};

[[nodiscard]] inline Endpoint neighbour(std::uint32_t n, std::uint16_t port = 1000)
{
    return {IpAddress::v4(0x33640000U + (n << 16U) + 1), port};
}

} // namespace cepa::test
