// A downloader of one swarm whose circuits the test plays: lookups that it answers, introduction points that it is.
#pragma once

#include "support/hop_player.hpp"
#include "tunnel/hidden_services/seeking.hpp"

#include <memory>

namespace cepa::test {

class SeekerBench : public HopPlayer {
protected:
    SeekerBench()
    {
        plan_.lookup_hash.fill(0x33);
        plan_.hops = 2;
        plan_.download = true;
        lookups_ = std::make_unique<tunnel::LookupCircuits>(plan_.hops, plan_.group, circuits_);
        seeking_ = std::make_unique<tunnel::Seeking>(plan_, circuits_, *lookups_);
    }
    void step(Duration time = std::chrono::milliseconds(250))
    {
        advance(time);
        lookups_->tick(now());
        seeking_->tick(now());
        play();
    }
    void run(Duration time)
    {
        for (Duration passed{}; passed < time; passed += std::chrono::milliseconds(250))
            step();
    }
    [[nodiscard]] static tunnel::PeersResponse::Peer peer(const tunnel::PublicKey& swarm_key, std::uint32_t n = 1)
    {
        return {{IpAddress::v4(0x0b000001U + (n << 16U)), 8090}, key_number(900 + n), swarm_key, 1};
    }
    /// Waits for the question of a circuit's last hop, and answers.
    bool answer_lookup(const std::vector<tunnel::PeersResponse::Peer>& peers, Duration most = std::chrono::seconds(90))
    {
        for (Duration passed{}; passed < most; passed += std::chrono::milliseconds(250)) {
            if (const auto asked = take_a<tunnel::PeersRequest>()) {
                EXPECT_EQ(asked->second.lookup_hash, plan_.lookup_hash);
                say(asked->first, tunnel::PeersResponse{asked->second.identifier, plan_.lookup_hash, peers});
                return true;
            }
            step();
        }
        return false;
    }
    /// A packet that a lookup circuit's last hop was given for an introduction point.
    struct Asked {
        CircuitId circuit;
        Endpoint to;
        tunnel::MessageId id{};
        Bytes body;
    };
    std::optional<Asked> take_packet()
    {
        const auto data = take_a<tunnel::Data>();
        if (!data) return std::nullopt;
        EXPECT_TRUE(tunnel::has_prefix(data->second.payload, bench_.sender.prefix()));
        const ByteSpan body = data->second.payload.subspan(tunnel::kPrefixSize + 1);
        return Asked{data->first, data->second.destination.endpoint,
                     static_cast<tunnel::MessageId>(tunnel::packet_message_id(data->second.payload)),
                     Bytes(body.begin(), body.end())};
    }
    std::optional<Asked> take_request(Duration most = std::chrono::seconds(30))
    {
        for (Duration passed{}; passed < most; passed += std::chrono::milliseconds(250)) {
            while (auto asked = take_packet())
                if (asked->id == tunnel::MessageId::create_e2e) return asked;
            step();
        }
        return std::nullopt;
    }
    /// Gives `packet` back as what came from `origin`.
    void from(CircuitId circuit, const Endpoint& origin, const Bytes& packet)
    {
        say(circuit, tunnel::Data{{}, origin, packet});
    }
    /// The seeder's answer to `asked`, waiting at `where`; keeps its end of the layer in `end_`.
    Bytes created(const Asked& asked, const tunnel::PrivateKey& seeder, const Endpoint& where,
                  const tunnel::PublicKey& node)
    {
        const auto request = tunnel::CreateE2e::parse(asked.body);
        tunnel::Cookie cookie{};
        cookie.fill(0x44);
        auto made = tunnel::answer_end(seeder, tunnel::EphemeralKey::generate(bench_.random), request->ephemeral,
                                       {where, node, cookie}, bench_.aead);
        const Bytes packet = tunnel::overlay_packet(
            bench_.sender.prefix(),
            tunnel::CreatedE2e{request->identifier, made->ephemeral, made->auth, ByteSpan(made->rendezvous_enc)});
        end_ = std::make_unique<tunnel::Layer>(std::move(made->layer));
        return packet;
    }
    /// From the lookup to the link with the only seeder.
    CircuitId link(const tunnel::PrivateKey& seeder)
    {
        EXPECT_TRUE(answer_lookup({peer(seeder.public_key())}));
        return link_again(seeder);
    }
    CircuitId link_again(const tunnel::PrivateKey& seeder)
    {
        const auto asked = take_request();
        if (!asked) return {};
        from(asked->circuit, {asked->to.ip, 4444}, created(*asked, seeder, network_[4].address, network_[4].key));
        const auto linking = take_a<tunnel::LinkE2e>();
        if (!linking) return {};
        EXPECT_EQ(linking->second.cookie[0], 0x44);
        say(linking->first, tunnel::LinkedE2e{linking->second.identifier});
        ends_[linking->first] = end_.get();
        return linking->first;
    }

    tunnel::SwarmPlan plan_;
    std::unique_ptr<tunnel::LookupCircuits> lookups_;
    std::unique_ptr<tunnel::Seeking> seeking_;
    std::unique_ptr<tunnel::Layer> end_;
};

} // namespace cepa::test
