// What strangers can do to a node that serves hidden services of others: floods of every request, from circuits and
// from anywhere. Its own circuits, the links it has spliced and the seeders it introduces live on, and tables stay
// bounded.
#include "support/hand_made_ends.hpp"
#include "support/sim_world.hpp"
#include "tunnel/hidden_services/introductions.hpp"

#include <gtest/gtest.h>

namespace cepa::test {
namespace {

using namespace tunnel;
using namespace std::chrono_literals;

constexpr CircuitId kSeeder(0x100);
constexpr CircuitId kDownloader(0x101);
constexpr CircuitId kIntroduction(0x102);
constexpr std::uint32_t kFloodingCircuits = 16;

class ServingFloods : public testing::Test {
protected:
    ServingFloods()
    {
        for (int i = 0; i < 5; ++i)
            world_.add_relay();
        for (int i = 0; i < 2; ++i)
            world_.add_exit();
        world_.share();
        own_ = world_.build(victim_, 3);
        honest_ = ends();
        flooding_ = ends();
        cookie_.fill(1);
        hash_.fill(2);
        for (const CircuitId id : {kSeeder, kDownloader, kIntroduction})
            honest_->create(id);
        for (std::uint32_t i = 0; i < kFloodingCircuits; ++i)
            flooding_->create(flooding(i));
        world_.network.run_for(100ms);
        honest_->send(kIntroduction, EstablishIntro{3, hash_, swarm_.public_key()});
        honest_->send(kSeeder, EstablishRendezvous{3, cookie_});
        world_.network.run_for(100ms);
        honest_->send(kDownloader, LinkE2e{4, cookie_});
        world_.network.run_for(100ms);
        EXPECT_TRUE(honest_->heard<LinkedE2e>(kDownloader));
        EXPECT_TRUE(honest_->heard<IntroEstablished>(kIntroduction));
    }
    std::unique_ptr<HandMadeEnds> ends()
    {
        return std::make_unique<HandMadeEnds>(world_.network, world_.fresh_address(), victim_.address(), victim_.key(),
                                              ++seed_, victim_.settings().overlay);
    }
    [[nodiscard]] CircuitId flooding(std::uint32_t i) const { return CircuitId(first_ + i); }
    [[nodiscard]] bool floods(std::uint32_t i) const { return flooding_->joined(flooding(i)); }

    /// A create-e2e from that address.
    void create_e2e(const Endpoint& from, const PublicKey& key)
    {
        CreateE2e request{5, hash_, key, {}};
        Writer(request.ephemeral).u32(++fresh_);
        Bytes packet(prefix_.begin(), prefix_.end());
        const Bytes message = message_bytes(request);
        packet.insert(packet.end(), message.begin(), message.end());
        world_.network.send(from, victim_.address(), packet);
    }
    [[nodiscard]] std::size_t introduced() const
    {
        const auto& received = honest_->at(kIntroduction).received;
        return static_cast<std::size_t>(std::ranges::count_if(
            received, [](const Bytes& message) { return message[0] == static_cast<std::uint8_t>(MessageId::data); }));
    }
    /// Everything that must go on, goes on.
    void expect_all_is_well()
    {
        EXPECT_TRUE(world_.echoes(victim_, own_));
        honest_->take(kSeeder);
        honest_->take(kDownloader);
        honest_->cell(kSeeder, Bytes(100, 1));
        honest_->cell(kDownloader, Bytes(100, 2));
        honest_->send(kIntroduction, Ping{9});
        world_.network.run_for(100ms);
        EXPECT_EQ(honest_->take(kSeeder), std::vector<Bytes>(1, Bytes(100, 2)));
        EXPECT_EQ(honest_->take(kDownloader), std::vector<Bytes>(1, Bytes(100, 1)));
        EXPECT_TRUE(honest_->heard<Pong>(kIntroduction));
    }
    void flood_for(int seconds, const std::function<void()>& burst)
    {
        for (int s = 0; s < seconds; ++s) {
            for (int i = 0; i < 20; ++i) {
                burst();
                world_.network.run_for(40ms);
            }
            expect_all_is_well();
        }
    }

    SimWorld world_;
    SimNode& victim_ = world_.add_relay();
    Prefix prefix_ = make_prefix(victim_.settings().overlay);
    std::uint64_t seed_ = 70;
    std::uint32_t first_ = 0x1000;
    CircuitId own_;
    std::unique_ptr<HandMadeEnds> honest_;
    std::unique_ptr<HandMadeEnds> flooding_;
    PrivateKey swarm_ = PrivateKey::generate();
    Cookie cookie_{};
    LookupHash hash_{};
    std::uint32_t fresh_ = 0;
};

TEST_F(ServingFloods, OfCreateE2eFromOneSource)
{
    const Endpoint stranger = world_.fresh_address();
    flood_for(5, [&] {
        for (int i = 0; i < 20; ++i)
            create_e2e(stranger, swarm_.public_key());
    });
    EXPECT_LE(introduced(), 60U); // of 2000
    EXPECT_GT(victim_.dropped("introduction_flood"), 1900U);
    world_.network.run_for(5s);
    const std::size_t before = introduced();
    create_e2e(world_.fresh_address(), swarm_.public_key());
    world_.network.run_for(100ms);
    EXPECT_EQ(introduced(), before + 1);
}

TEST_F(ServingFloods, OfCreateE2eFromEverywhereForEverybody)
{
    std::uint32_t n = 0;
    flood_for(5, [&] {
        for (int i = 0; i < 20; ++i)
            create_e2e({IpAddress::v4(0x20000000 + ++n * 65'537), 9}, i % 2 == 0 ? swarm_.public_key() : victim_.key());
    });
    EXPECT_LE(introduced(), 60U);
    EXPECT_GT(victim_.dropped("unknown_swarm"), 900U);
}

TEST_F(ServingFloods, OfReplayedRequests)
{
    const Endpoint stranger = world_.fresh_address();
    flood_for(5, [&] {
        fresh_ = 0;
        create_e2e(stranger, swarm_.public_key());
    });
    EXPECT_EQ(introduced(), 1U);
    EXPECT_EQ(victim_.dropped("introduction_replayed") + victim_.dropped("introduction_flood"), 99U);
}

TEST_F(ServingFloods, OfEstablishIntro)
{
    flood_for(5, [&] {
        for (std::uint32_t i = 0; i < kFloodingCircuits; ++i)
            if (floods(i)) flooding_->send(flooding(i), EstablishIntro{1, hash_, PrivateKey::generate().public_key()});
    });
    EXPECT_GT(victim_.dropped("introduction_refused"), 1000U);
    // Nor does anybody take the swarm key of another.
    flooding_->send(flooding(0), EstablishIntro{1, hash_, swarm_.public_key()});
    const std::size_t before = introduced();
    create_e2e(world_.fresh_address(), swarm_.public_key());
    world_.network.run_for(100ms);
    EXPECT_EQ(introduced(), before + 1);
}

TEST_F(ServingFloods, OfEstablishRendezvousAndLinks)
{
    std::uint32_t n = 100;
    flood_for(5, [&] {
        for (std::uint32_t i = 0; i < kFloodingCircuits; ++i) {
            if (!floods(i)) continue;
            Cookie cookie{};
            Writer(cookie).u32(++n);
            if (i % 2 == 0)
                flooding_->send(flooding(i), EstablishRendezvous{1, cookie});
            else
                flooding_->send(flooding(i), LinkE2e{1, cookie});
        }
    });
    EXPECT_GT(victim_.dropped("rendezvous_refused"), 500U);
    EXPECT_GT(victim_.dropped("link_refused"), 500U);
}

TEST_F(ServingFloods, OfPeersRequests)
{
    flood_for(5, [&] {
        for (std::uint32_t i = 0; i < kFloodingCircuits; ++i)
            if (floods(i)) flooding_->send(flooding(i), PeersRequest{1, hash_});
    });
    EXPECT_GT(victim_.dropped("lookup_refused"), 1000U);
    std::size_t answers = 0;
    for (std::uint32_t i = 0; i < kFloodingCircuits; ++i)
        answers += flooding_->take(flooding(i)).size();
    EXPECT_GT(answers, 40U);
    EXPECT_LE(answers, 160U); // 40 at once, then 20 each second, of 1600
}

TEST_F(ServingFloods, OfWhatHasNoSense)
{
    TestRandom random(99);
    const Endpoint stranger = world_.fresh_address();
    const auto some_message = [&] {
        Cookie cookie{};
        Writer(cookie).u32(random.below(8));
        const Bytes valid[] = {message_bytes(EstablishIntro{1, hash_, swarm_.public_key()}),
                               message_bytes(EstablishRendezvous{1, cookie}),
                               message_bytes(LinkE2e{1, cookie}),
                               message_bytes(PeersRequest{1, hash_}),
                               message_bytes(CreateE2e{1, hash_, swarm_.public_key(), random.array<32>()}),
                               message_bytes(Data{Address(stranger), Address{}, hash_}),
                               message_bytes(Ping{1}),
                               random.bytes(1 + random.below(200))};
        Bytes out = valid[random.below(std::size(valid))];
        if (random.below(3) == 0) out.resize(1 + random.below(static_cast<std::uint32_t>(out.size())));
        if (random.below(3) == 0) out[random.below(static_cast<std::uint32_t>(out.size()))] ^= 0x40;
        return out;
    };
    std::uint32_t bursts = 0;
    std::size_t joined = 0;
    flood_for(10, [&] {
        for (std::uint32_t i = 0; i < kFloodingCircuits; ++i) {
            if (floods(i)) flooding_->cell(flooding(i), some_message());
            Bytes packet(prefix_.begin(), prefix_.end());
            const Bytes message = some_message();
            packet.insert(packet.end(), message.begin(), message.end());
            world_.network.send(stranger, victim_.address(), packet);
        }
        if (++bursts % 20 != 0) return; // by now each has become something: others begin anew, from elsewhere
        for (std::uint32_t i = 0; i < kFloodingCircuits; ++i) {
            joined += floods(i) ? 1 : 0;
            flooding_->destroy(flooding(i));
        }
        first_ += kFloodingCircuits;
        flooding_ = ends();
        for (std::uint32_t i = 0; i < kFloodingCircuits; ++i)
            flooding_->create(flooding(i));
    });
    EXPECT_GT(joined, 8 * kFloodingCircuits);
}

TEST_F(ServingFloods, OfCreates)
{
    std::uint32_t n = 0x10000;
    const auto strangers = ends();
    flood_for(5, [&] {
        for (int i = 0; i < 20; ++i)
            strangers->create(CircuitId(++n));
    });
    const std::size_t joined = victim_.tunnel().exits().size() + 2 * victim_.tunnel().relays().size();
    EXPECT_LE(joined, victim_.settings().max_joined_circuits + 4U);
}

} // namespace
} // namespace cepa::test
