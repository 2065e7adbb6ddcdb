// Input: what reaches our own side of hidden swarms, where we seed and download one: an action byte, a message id, a
// u16 length and a body, again and again. The action's low three bits: 0 what honest nodes would say next, 1 a message
// of a last hop, 2 a packet for the node that came to a last hop from outside, 3 a cell of the other end of a link, 4
// seconds pass, 5 a circuit ends, 6 a downloader comes. Bit 3: the identifier of the newest request that could be
// answered so. The rest chooses the circuit.
#include "support/hop_player.hpp"
#include "tunnel/hidden_services/end_to_end.hpp"
#include "tunnel/hidden_services/own_swarms.hpp"

#include <array>

#include "fuzz/fuzz.hpp"

using namespace cepa;
using namespace cepa::tunnel;

namespace {

constexpr std::size_t kMostActions = 24;
constexpr std::uint8_t kIdentifier = 2; // bytes at the head of each message
const Endpoint kIntroduction = *Endpoint::parse("11.1.0.1:8090");
const Endpoint kFuzzOutside = *Endpoint::parse("5.6.7.8:99");

class OwnSide final : test::HopPlayer {
public:
    OwnSide()
        : swarms_({own_, bench_.sender, bench_.aead, bench_.counters, bench_.random, settings_, *this,
                   [](const Endpoint&) { return false; }})
    {
        plan_.lookup_hash.fill(0x33);
        plan_.seed_key = seed_;
        plan_.hops = 1;
        plan_.introduction_points = 1;
        plan_.download = true;
        swarms_.set_plans({plan_}, now());
        pass(std::chrono::milliseconds(500), 4);
    }
    void act(std::uint8_t action, std::uint8_t id, Bytes body)
    {
        if ((action & 8U) != 0) put_identifier(body);
        body.insert(body.begin(), id);
        switch (action & 7U) {
        case 0:
            return be_honest();
        case 1:
            return speak(action >> 4U, body, nullptr);
        case 2:
            return speak(action >> 4U, from_outside(body), nullptr);
        case 3:
            return speak(action >> 4U, body, end_.get());
        case 4:
            return pass(std::chrono::seconds(1), id % 8);
        case 5:
            return close(action >> 4U);
        case 6:
            return be_asked();
        default:
            return;
        }
    }
    void check() const
    {
        std::size_t links = 0;
        for (const SwarmView& view : swarms_.views(now()))
            links += view.links;
        fuzz::require(links <= Meetings::kMostLinks + 15); // 15: as a downloader (docs/protocol.md, section 21)
        fuzz::require(own_.views(now()).size() < 200);
    }

private:
    void TestBody() override {}
    void pass(Duration step, unsigned steps)
    {
        for (unsigned i = 0; i < steps; ++i) {
            advance(step);
            swarms_.tick(now());
            play();
            notice();
        }
    }
    /// Takes what last hops were told: who must be answered, and with which identifier.
    void notice()
    {
        while (const auto told = take()) {
            Bytes body(told->body().begin(), told->body().end());
            if (body.size() >= kIdentifier) newest_.assign(body.begin(), body.begin() + kIdentifier);
            told_last_[told->id()] = {told->circuit, std::move(body)};
        }
    }
    template <class Message, class Answer>
    void answer(Answer make)
    {
        const auto asked = told_last_.extract(Message::kId);
        if (asked.empty()) return;
        if (const auto request = Message::parse(ByteSpan(asked.mapped().second))) make(asked.mapped().first, *request);
        play();
        notice();
    }
    template <class Message>
    void say_if(CircuitId circuit, const Message& message)
    {
        if (own_.find(circuit) != nullptr && layers_.contains(circuit)) say(circuit, message);
    }
    void be_honest()
    {
        answer<EstablishIntro>([&](CircuitId circuit, const EstablishIntro& asked) {
            say_if(circuit, IntroEstablished{asked.identifier});
        });
        answer<EstablishRendezvous>([&](CircuitId circuit, const EstablishRendezvous& asked) {
            say_if(circuit, RendezvousEstablished{asked.identifier, kFuzzOutside});
        });
        answer<PeersRequest>([&](CircuitId circuit, const PeersRequest& asked) {
            say_if(circuit, PeersResponse{asked.identifier,
                                          plan_.lookup_hash,
                                          {{kIntroduction, node_.public_key(), other_.public_key(), 1}}});
        });
        answer<Data>([&](CircuitId circuit, const Data& data) { introduce(circuit, data); });
        answer<LinkE2e>([&](CircuitId circuit, const LinkE2e& asked) { say_if(circuit, LinkedE2e{asked.identifier}); });
    }
    /// The seeder's answer to a create-e2e of ours.
    void introduce(CircuitId circuit, const Data& data)
    {
        if (packet_message_id(data.payload) != static_cast<std::uint8_t>(MessageId::create_e2e)) return;
        const auto request = CreateE2e::parse(data.payload.subspan(kPrefixSize + 1));
        if (!request) return;
        auto made = answer_end(other_, EphemeralKey::generate(bench_.random), request->ephemeral,
                               {network_[4].address, network_[4].key, Cookie{}}, bench_.aead);
        if (!made) return;
        const CreatedE2e created{request->identifier, made->ephemeral, made->auth, ByteSpan(made->rendezvous_enc)};
        say_if(circuit, Data{{}, kIntroduction, overlay_packet(bench_.sender.prefix(), created)});
        end_ = std::make_unique<Layer>(std::move(made->layer));
    }
    /// A create-e2e for our swarm, at every introduction circuit.
    void be_asked()
    {
        const EphemeralKey x = EphemeralKey::generate(bench_.random);
        const CreateE2e request{7, plan_.lookup_hash, seed_.public_key(), x.public_key};
        for (const CircuitId circuit : circuits_of(CircuitPurpose::introduction))
            say_if(circuit, Data{{}, kFuzzOutside, overlay_packet(bench_.sender.prefix(), request)});
        play();
        notice();
    }
    [[nodiscard]] std::vector<CircuitId> spoken_to() const
    {
        std::vector<CircuitId> out;
        for (const auto& [circuit, layers] : layers_)
            if (own_.find(circuit) != nullptr && !layers.empty()) out.push_back(circuit);
        return out;
    }
    void speak(unsigned which, const Bytes& message, Layer* end)
    {
        const std::vector<CircuitId> all = spoken_to();
        if (all.empty()) return;
        say_bytes(all[which % all.size()], message, end);
        play();
        notice();
    }
    /// As a data message whose payload is a packet of the overlay.
    [[nodiscard]] Bytes from_outside(const Bytes& message) const
    {
        Bytes packet(bench_.sender.prefix().begin(), bench_.sender.prefix().end());
        packet.insert(packet.end(), message.begin(), message.end());
        return test::message_bytes(Data{{}, kIntroduction, packet});
    }
    void close(unsigned which)
    {
        const std::vector<CircuitId> all = spoken_to();
        if (!all.empty()) own_.close(all[which % all.size()], "fuzz", now());
    }
    void put_identifier(Bytes& body) const
    {
        for (std::size_t i = 0; i < newest_.size() && i < body.size(); ++i)
            body[i] = newest_[i];
    }

    SwarmPlan plan_;
    PrivateKey seed_ = PrivateKey::generate();
    PrivateKey other_ = PrivateKey::generate(); ///< the seeder that we download from
    PrivateKey node_ = PrivateKey::generate();
    OwnSwarms swarms_;
    std::unique_ptr<Layer> end_;
    std::map<MessageId, std::pair<CircuitId, Bytes>> told_last_;
    Bytes newest_;
};

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    init_crypto();
    OwnSide side;
    Reader reader(ByteSpan(data, size));
    for (std::size_t actions = 0; actions < kMostActions && reader.remaining() >= 4; ++actions) {
        const std::uint8_t action = reader.u8();
        const std::uint8_t id = reader.u8();
        const std::size_t length = std::min<std::size_t>(reader.u16(), reader.remaining());
        const ByteSpan body = reader.take(length);
        side.act(action, id, Bytes(body.begin(), body.end()));
        side.check();
    }
    return 0;
}
