// A network of Discovery objects in one process: virtual time, every packet in a queue that the test pumps and may look
// into, drop or invent. Deterministic: keys and random numbers come from numbers.
#pragma once

#include "support/no_world.hpp"
#include "tunnel/discovery/discovery.hpp"
#include "tunnel/discovery/messages.hpp"
#include "tunnel/discovery/signed_packet.hpp"
#include "tunnel/environment.hpp"
#include "tunnel/error.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace cepa::test::discovery {

using namespace cepa::tunnel;

inline Endpoint at(const std::string& text)
{
    const auto endpoint = Endpoint::parse(text);
    if (!endpoint) ADD_FAILURE() << "bad endpoint in a test: " << text;
    return endpoint.value_or(Endpoint{});
}

/// A key made from a number, the same in every run.
inline PrivateKey key_number(std::uint32_t number)
{
    init_crypto();
    Bytes encoded(kEncodedKeySize);
    Writer writer(encoded);
    writer.bytes(as_bytes("LibNaCLSK:"));
    for (std::uint32_t i = 0; i < 16; ++i)
        writer.u32(number * 2654435761U + i);
    return *PrivateKey::parse(encoded);
}

class ManualClock final : public Clock {
public:
    [[nodiscard]] TimePoint now() const noexcept override { return now_; }
    void advance(Duration by) { now_ += by; }

private:
    TimePoint now_{std::chrono::hours(1)};
};

/// xorshift64*; good enough to choose, and repeatable.
class NumberedRandom final : public RandomSource {
public:
    explicit NumberedRandom(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15ULL + 1) {}
    void fill(MutableByteSpan out) noexcept override
    {
        for (std::uint8_t& byte : out)
            byte = static_cast<std::uint8_t>(next() >> 32U);
    }
    [[nodiscard]] std::uint32_t below(std::uint32_t bound) noexcept override
    {
        return static_cast<std::uint32_t>((next() >> 32U) % bound);
    }

private:
    std::uint64_t next() noexcept
    {
        state_ ^= state_ >> 12U;
        state_ ^= state_ << 25U;
        state_ ^= state_ >> 27U;
        return state_ * 0x2545f4914f6cdd1dULL;
    }
    std::uint64_t state_;
};

struct SentPacket {
    Endpoint from;
    Endpoint to;
    Bytes bytes;
    [[nodiscard]] std::uint8_t id() const { return bytes.size() > kMessageIdOffset ? bytes[kMessageIdOffset] : 255; }
};

/// Keeps what is sent from one address.
class Outbox final : public PacketSender {
public:
    explicit Outbox(const Endpoint& from) : from_(from) {}
    void queue(const Endpoint& to, ByteSpan packet, CircuitId) override { send_now(to, packet); }
    void flush() override {}
    void send_now(const Endpoint& to, ByteSpan packet) override
    {
        sent.push_back({from_, to, {packet.begin(), packet.end()}});
    }
    /// Removes and returns all of it.
    [[nodiscard]] std::deque<SentPacket> take() { return std::exchange(sent, {}); }
    /// Removes all, returns those with message id `id`.
    [[nodiscard]] std::vector<SentPacket> take(std::uint8_t id)
    {
        std::vector<SentPacket> out;
        for (SentPacket& packet : take())
            if (packet.id() == id) out.push_back(std::move(packet));
        return out;
    }

    std::deque<SentPacket> sent;

private:
    Endpoint from_;
};

/// The overlay of all tests here.
inline constexpr OverlayId kTestOverlay{0xce, 0x9a, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18};

/// A private network on 10.0.0.0/8 in which equal prefixes count, as on the public one.
inline TunnelSettings settings_for(std::uint32_t number, const std::string& listen)
{
    TunnelSettings out;
    out.overlay = kTestOverlay;
    out.identity = key_number(number);
    out.identity_public = out.identity->public_key();
    out.listen = at(listen);
    return out;
}

struct Node {
    Node(const Clock& clock, TunnelSettings s)
        : settings(std::move(s)), random(Reader(settings.identity_public.ed25519).u32()), outbox(settings.listen),
          discovery(settings, Environment{clock, random, outbox, exits, names, ids})
    {
    }

    [[nodiscard]] std::uint64_t drops(const std::string& why) const
    {
        std::map<std::string, std::uint64_t> all;
        discovery.add_drops(all);
        return all[why];
    }

    TunnelSettings settings;
    NumberedRandom random;
    Outbox outbox;
    NoExits exits;
    NoNames names;
    AllMine ids;
    Discovery discovery;
};

class Net {
public:
    Node& add(TunnelSettings settings)
    {
        nodes.push_back(std::make_unique<Node>(clock, std::move(settings)));
        return *nodes.back();
    }
    void remove(const Node& node)
    {
        std::erase_if(nodes, [&](const auto& n) { return n.get() == &node; });
    }

    /// Delivers until nobody says anything more.
    void deliver()
    {
        for (int round = 0; round < 1000; ++round) {
            std::deque<SentPacket> all;
            for (const auto& node : nodes)
                for (SentPacket& packet : node->outbox.take())
                    all.push_back(std::move(packet));
            if (all.empty()) return;
            for (const SentPacket& packet : all)
                for (const auto& node : nodes)
                    if (node->settings.listen == packet.to) node->discovery.on_packet(packet.from, packet.bytes);
        }
        ADD_FAILURE() << "the packets never end";
    }

    /// Ticks all nodes every 50 ms for `time`, delivering after each.
    void run(Duration time)
    {
        for (Duration passed{}; passed < time; passed += std::chrono::milliseconds(50)) {
            clock.advance(std::chrono::milliseconds(50));
            for (const auto& node : nodes)
                node->discovery.tick();
            deliver();
        }
    }

    ManualClock clock;
    std::vector<std::unique_ptr<Node>> nodes;
};

/// A node that the test plays by hand: it signs whatever it is told to.
struct Stranger {
    Stranger(std::uint32_t number, const std::string& where, PeerFlags f = 9)
        : key(key_number(number)), address(at(where)), flags(f)
    {
    }

    template <class Message>
    [[nodiscard]] Bytes sign(const Message& message, std::uint8_t id, const OverlayId& overlay = kTestOverlay)
    {
        return build_signed(make_prefix(overlay), id, key, ++time, encode_body(message));
    }
    [[nodiscard]] Bytes request(const Endpoint& to, std::uint16_t identifier, Style style = Style::old_style,
                                const OverlayId& overlay = kTestOverlay)
    {
        const auto extra = encode_flags(flags);
        IntroductionRequest message;
        message.style = style;
        message.destination = to;
        message.source_lan = message.source_wan = address;
        message.identifier = identifier;
        message.extra = extra;
        return sign(message, message.message_id(), overlay);
    }
    [[nodiscard]] IntroductionResponse response_to(std::uint16_t identifier, const Endpoint& to) const
    {
        IntroductionResponse message;
        message.destination = to;
        message.source_lan = message.source_wan = address;
        message.identifier = identifier;
        return message;
    }
    [[nodiscard]] Bytes answer(std::uint16_t identifier, const Endpoint& to)
    {
        const auto extra = encode_flags(flags);
        IntroductionResponse message = response_to(identifier, to);
        message.extra = extra;
        return sign(message, message.message_id());
    }

    PrivateKey key;
    Endpoint address;
    PeerFlags flags;
    std::uint64_t time = 0;
};

/// The request in `packet`, which must be a valid one of ours.
inline IntroductionRequest read_request(const SentPacket& packet)
{
    const auto opened = open_signed(packet.bytes, TimeField::present);
    EXPECT_TRUE(opened.has_value());
    if (!opened) return {};
    const auto request = IntroductionRequest::parse(
        packet.id() == discovery_id::kIntroductionRequestNew ? Style::new_style : Style::old_style, opened->body);
    EXPECT_TRUE(request.has_value());
    return request.value_or(IntroductionRequest{});
}

inline IntroductionResponse read_response(const SentPacket& packet)
{
    const auto opened = open_signed(packet.bytes, TimeField::present);
    EXPECT_TRUE(opened.has_value());
    if (!opened) return {};
    const auto response = IntroductionResponse::parse(
        packet.id() == discovery_id::kIntroductionResponseNew ? Style::new_style : Style::old_style, opened->body);
    EXPECT_TRUE(response.has_value());
    return response.value_or(IntroductionResponse{});
}

} // namespace cepa::test::discovery
