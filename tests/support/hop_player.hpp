// All hops of all circuits of a hidden seeder or downloader, played by the test: it answers create and extend with the
// keys of its candidates, opens every layer, and speaks as the last hop.
#pragma once

#include "support/candidates.hpp"
#include "support/circuit_bench.hpp"
#include "tunnel/hidden_services/hidden_circuits.hpp"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace cepa::test {

class HopPlayer : public ::testing::Test, protected tunnel::PathSource, protected tunnel::TunnelObserver {
protected:
    /// What a last hop was told.
    struct Told {
        CircuitId circuit;
        Bytes message;
        [[nodiscard]] tunnel::MessageId id() const { return static_cast<tunnel::MessageId>(message.at(0)); }
        [[nodiscard]] ByteSpan body() const { return ByteSpan(message).subspan(1); }
    };

    HopPlayer()
        : selection_((tunnel::init_crypto(), rules()), {}, bench_.random),
          own_({selection_, *this, bench_.routes, bench_.sender, bench_.aead, bench_.counters, bench_.environment,
                *this}),
          circuits_({own_, bench_.sender, bench_.aead, bench_.counters, bench_.random, settings_, *this,
                     [](const Endpoint& address) { return address.ip == IpAddress::v4(0x08080808); }})
    {
        settings_.public_network = true;
        for (std::uint32_t n = 0; n < 9; ++n) {
            tunnel::Candidate made = candidate_number(n, n < 6 ? kRelayFlags : kExitFlags);
            keys_.push_back(tunnel::PrivateKey::generate());
            made.key = keys_.back().public_key();
            network_.push_back(made);
        }
    }
    static tunnel::PathRules rules()
    {
        tunnel::PathRules out;
        out.public_network = true;
        return out;
    }
    [[nodiscard]] TimePoint now() const { return bench_.now(); }
    [[nodiscard]] std::uint64_t dropped(tunnel::Drop why) const { return bench_.dropped(why); }
    const tunnel::PrivateKey& key_of(const tunnel::PublicKey& key)
    {
        for (const tunnel::PrivateKey& own : keys_)
            if (own.public_key() == key) return own;
        ADD_FAILURE() << "a hop that nobody plays";
        return keys_.front();
    }

    /// Plays until nothing is sent any more.
    void play()
    {
        while (!bench_.packets.sent.empty())
            play_one();
    }
    void play_one()
    {
        const SentPacket sent = bench_.packets.take();
        if (tunnel::packet_message_id(sent.bytes) != 0) return; // a destroy
        if (hold_all_ || held_.contains(sent.header().circuit)) return held_packets_.push_back(sent);
        if (sent.header().plaintext)
            begin(sent);
        else
            on_cell(sent);
    }
    /// What was held comes after all.
    void release()
    {
        hold_all_ = false;
        held_.clear();
        bench_.packets.sent.insert(bench_.packets.sent.end(), held_packets_.begin(), held_packets_.end());
        held_packets_.clear();
        play();
    }
    void advance(Duration time)
    {
        bench_.clock.advance(time);
        own_.tick(now());
    }
    /// `message` of the last hop, under all layers; under `end`, too, where there is one.
    template <class Message>
    void say(CircuitId circuit, const Message& message, tunnel::Layer* end = nullptr)
    {
        say_bytes(circuit, message_bytes(message), end);
    }
    void say_bytes(CircuitId circuit, const Bytes& message, tunnel::Layer* end = nullptr)
    {
        OwnedPacket packet(message);
        if (end != nullptr) static_cast<void>(end->seal(bench_.aead, packet.buffer()));
        auto& layers = layers_.at(circuit);
        for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer)
            static_cast<void>(layer->seal(bench_.aead, packet.buffer()));
        tunnel::prepend_cell_header(packet.buffer(), bench_.sender.prefix(), {circuit, false, false});
        deliver(packet.bytes());
    }
    void deliver(ByteSpan bytes)
    {
        last_delivered_.assign(bytes.begin(), bytes.end());
        OwnedPacket packet(bytes);
        const auto header = *tunnel::read_cell_header(bytes);
        const tunnel::Route route = bench_.routes.find(header.circuit);
        if (route.kind != tunnel::RouteKind::own) return;
        own_.on_cell(route.own(), route.own().first_address(), header, packet.buffer(), now());
    }
    /// The first message that a last hop was told and nobody has taken; nullopt when there is none.
    std::optional<Told> take()
    {
        play();
        if (told_.empty()) return std::nullopt;
        Told out = std::move(told_.front());
        told_.erase(told_.begin());
        return out;
    }
    /// The next message that is a `Message`, all before it forgotten.
    template <class Message>
    std::optional<std::pair<CircuitId, Message>> take_a()
    {
        while (auto told = take()) {
            if (told->id() != Message::kId) continue;
            kept_ = told->message;
            if (auto parsed = Message::parse(ByteSpan(kept_).subspan(1)))
                return std::pair(told->circuit, std::move(*parsed));
        }
        return std::nullopt;
    }
    [[nodiscard]] std::vector<CircuitId> circuits_of(tunnel::CircuitPurpose purpose) const
    {
        std::vector<CircuitId> out;
        for (const tunnel::CircuitView& view : own_.views(now()))
            if (view.purpose == purpose) out.push_back(view.id);
        std::ranges::sort(out);
        return out;
    }

    // PathSource and TunnelObserver
    const std::vector<tunnel::Candidate>& candidates() const override { return network_; }
    tunnel::PathLoads loads() const override { return own_.loads(); }
    std::int64_t now_unix_s() const override { return 1'900'000'000; }
    void connectable(const tunnel::PublicKey&) override {}
    void unreachable(const tunnel::PublicKey&) override {}
    bool is_unreachable(const tunnel::PublicKey&) const override { return false; }
    bool may_probe() const override { return false; }
    void on_data(CircuitId circuit, const Address& origin, PacketBuffer& payload) override
    {
        EXPECT_TRUE(origin.is_null());
        const ByteSpan bytes = std::as_const(payload).bytes();
        data_.emplace_back(circuit, Bytes(bytes.begin(), bytes.end()));
    }
    void on_circuit_ready(CircuitId) override { ++ready_told_; }
    void on_circuit_closed(CircuitId circuit, std::string_view reason) override { closed_[circuit] = reason; }
    void on_hidden_link(CircuitId circuit, const tunnel::LookupHash&, const tunnel::PublicKey* seeder) override
    {
        linked_[circuit] = seeder == nullptr ? std::nullopt : std::optional(*seeder);
    }
    void on_candidates_changed() override {}
    void on_guards_changed(const std::vector<tunnel::Guard>&) override {}
    void on_address_changed() override {}
    void on_resumed() override {}
    void on_limit(std::string_view) override {}
    void on_swarm_seen(ByteSpan) override {}

    CircuitBench bench_;
    tunnel::TunnelSettings settings_;
    std::vector<tunnel::PrivateKey> keys_;
    std::vector<tunnel::Candidate> network_;
    tunnel::PathSelection selection_;
    std::vector<std::pair<CircuitId, Bytes>> data_;
    int ready_told_ = 0;
    std::map<CircuitId, std::string> closed_;
    std::map<CircuitId, std::optional<tunnel::PublicKey>> linked_;
    tunnel::OwnCircuits own_;
    tunnel::HiddenCircuits circuits_;
    std::vector<Told> told_;
    std::map<CircuitId, std::vector<tunnel::Layer>> layers_;
    std::map<CircuitId, tunnel::PublicKey> last_hops_;
    /// Open the messages of these circuits with the other end's layer, too.
    std::map<CircuitId, tunnel::Layer*> ends_;
    bool silent_ = false;      ///< no hop answers
    bool hold_all_ = false;    ///< nothing arrives until release()
    std::set<CircuitId> held_; ///< the same, of these circuits
    std::vector<SentPacket> held_packets_;
    Bytes last_delivered_;
    Bytes kept_;

private:
    void begin(const SentPacket& sent)
    {
        const auto create = tunnel::Create::parse(sent.message().subspan(1));
        if (!create || silent_) return;
        const auto at = std::ranges::find(network_, sent.to, &tunnel::Candidate::address);
        ASSERT_NE(at, network_.end());
        const CircuitId id = sent.header().circuit;
        layers_.erase(id);
        auto answer = answer_with(at->key, create->ephemeral, id);
        OwnedPacket packet(message_bytes(
            tunnel::Created{create->identifier, answer.first.ephemeral, answer.first.auth, answer.second}));
        tunnel::prepend_cell_header(packet.buffer(), bench_.sender.prefix(), {id, true, false});
        deliver(packet.bytes());
    }
    std::pair<tunnel::HandshakeAnswer, Bytes> answer_with(const tunnel::PublicKey& key, const tunnel::KeyBytes& x,
                                                          CircuitId id)
    {
        auto made =
            tunnel::answer_handshake(key_of(key).x25519_secret(), tunnel::EphemeralKey::generate(bench_.random), x);
        tunnel::Layer layer = tunnel::Layer::responder(std::move(made->keys));
        Bytes offer = *layer.seal_offer(bench_.aead, bench_.random, tunnel::Offer{}.encode());
        layers_[id].push_back(std::move(layer));
        last_hops_[id] = key;
        return {std::move(*made), std::move(offer)};
    }
    void on_cell(const SentPacket& sent)
    {
        const CircuitId id = sent.header().circuit;
        OwnedPacket packet(sent.message());
        for (const tunnel::Layer& layer : layers_.at(id))
            ASSERT_TRUE(layer.open(bench_.aead, packet.buffer()));
        if (const auto end = ends_.find(id); end != ends_.end()) {
            ASSERT_TRUE(end->second->open(bench_.aead, packet.buffer())) << "not sealed for the other end";
        }
        const Bytes message(packet.bytes().begin(), packet.bytes().end());
        if (silent_) return;
        if (message.at(0) != static_cast<std::uint8_t>(tunnel::MessageId::extend)) {
            if (message.at(0) != static_cast<std::uint8_t>(tunnel::MessageId::ping) || ends_.contains(id)) {
                told_.push_back({id, message});
            } else {
                say(id, tunnel::Pong{tunnel::Ping::parse(ByteSpan(message).subspan(1))->identifier});
            }
            return;
        }
        const auto extend = tunnel::Extend::parse(ByteSpan(message).subspan(1));
        auto answer = answer_with(extend->node_key, extend->ephemeral, id);
        tunnel::Layer newest = std::move(layers_.at(id).back()); // the hop before it speaks
        layers_.at(id).pop_back();
        say_extended(id, {extend->identifier, answer.first.ephemeral, answer.first.auth, answer.second},
                     std::move(newest));
    }
    void say_extended(CircuitId id, const tunnel::Extended& message, tunnel::Layer newest)
    {
        OwnedPacket packet(message_bytes(message));
        auto& layers = layers_.at(id);
        for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer)
            static_cast<void>(layer->seal(bench_.aead, packet.buffer()));
        layers.push_back(std::move(newest)); // before it is needed: the answer may make the other side speak
        tunnel::prepend_cell_header(packet.buffer(), bench_.sender.prefix(), {id, false, false});
        deliver(packet.bytes());
    }
};

} // namespace cepa::test
