// A rendezvous point whose workers are real processes: circuits that end in different workers are linked over main and
// carry cells both ways; when one worker is killed, the neighbours of its links hear of it at once. The children are
// this program.
#include "main/worker_pool.hpp"
#include "support/hand_made_ends.hpp"
#include "support/loop.hpp"
#include "worker/worker.hpp"

#include <boost/asio/ip/udp.hpp>
#include <gtest/gtest.h>

#include <cstdio>
#include <signal.h>
#include <string_view>

namespace cepa::test {
namespace {

using namespace std::chrono_literals;
using boost::asio::ip::udp;

struct Unheard final : proto::TunnelObserver {
    void on_datagram(CircuitId, const Address&, PacketBuffer&) override {}
    void on_batch_end() override {}
    void on_circuit_dead(CircuitId, const std::string&) override {}
    void on_hidden_link(CircuitId, const proto::HiddenLink&) override {}
    void on_sync() override {}
    void on_notify(const proto::Notify&) override {}
};

/// Joins a hand-made address of a SimNetwork to a real socket: what is sent to the node leaves, what comes is
/// delivered.
class Cable {
public:
    Cable(boost::asio::io_context& io, SimNetwork& network, const Endpoint& node)
        : socket_(io, udp::endpoint(boost::asio::ip::address_v4::loopback(), 0)), network_(network), node_(node)
    {
        sockaddr_storage to{};
        const socklen_t size = node.to_sockaddr(to);
        EXPECT_EQ(::connect(socket_.native_handle(), reinterpret_cast<const sockaddr*>(&to), size), 0);
        address_ = {IpAddress::v4(0x7f000001), socket_.local_endpoint().port()};
        receive();
    }
    [[nodiscard]] const Endpoint& address() const noexcept { return address_; }
    void send(ByteSpan packet) { (void)socket_.send(boost::asio::buffer(packet.data(), packet.size())); }

private:
    void receive()
    {
        socket_.async_receive(boost::asio::buffer(buffer_), [this](ErrorCode error, std::size_t size) {
            if (error) return;
            network_.inject(
                {node_, address_, Bytes(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(size))});
            network_.run_for(1us);
            receive();
        });
    }

    udp::socket socket_;
    SimNetwork& network_;
    Endpoint node_;
    Endpoint address_;
    std::array<std::uint8_t, 2048> buffer_{};
};

struct RealPair {
    CircuitId seeder;
    CircuitId downloader;
    tunnel::Cookie cookie{};
    std::uint32_t seeder_worker = 0;
    std::uint32_t downloader_worker = 0;
};

class PoolLinks : public testing::Test {
protected:
    static constexpr std::uint32_t kWorkers = 4;
    static constexpr std::uint32_t kPairs = 48;

    PoolLinks()
    {
        tunnel::init_crypto();
        network_.conditions.latency = {};
        main::WorkerPoolConfig config;
        const tunnel::PrivateKey identity = tunnel::PrivateKey::generate();
        key_ = identity.public_key();
        const tunnel::EncodedKey secret = identity.encode();
        const tunnel::EncodedKey open = key_.encode();
        const tunnel::OverlayId overlay = CircuitBench::overlay();
        config.settings.set_overlay_id(std::string(overlay.begin(), overlay.end()));
        config.settings.set_relay(true);
        config.settings.set_allow_loopback(true);
        config.settings.set_allow_equal_prefixes(true);
        config.settings.set_max_joined_circuits(1000);
        config.identity_key = std::string(secret.begin(), secret.end());
        config.identity_public = std::string(open.begin(), open.end());
        config.listen = *Endpoint::parse("127.78.0.1:0");
        config.workers = config.max_workers = kWorkers;
        config.sync_interval = 50ms;
        pool_ = std::make_unique<main::WorkerPool>(io_, clock_, config);
    }
    void start()
    {
        ASSERT_TRUE(pool_->start(observer_));
        ASSERT_TRUE(wait([this] { return pool_->snapshot().workers.size() == kWorkers; }));
        const Endpoint node = pool_->info().listen;
        seeder_cable_ = std::make_unique<Cable>(io_, network_, node);
        downloader_cable_ = std::make_unique<Cable>(io_, network_, node);
        network_.attach(node, [this](const SimPacket& packet) {
            (packet.from == seeder_cable_->address() ? *seeder_cable_ : *downloader_cable_).send(packet.bytes);
        });
        seeders_ = std::make_unique<HandMadeEnds>(network_, seeder_cable_->address(), node, key_, 1);
        downloaders_ = std::make_unique<HandMadeEnds>(network_, downloader_cable_->address(), node, key_, 2);
    }
    void TearDown() override
    {
        bool stopped = false;
        pool_->stop(2s, [&] { stopped = true; });
        EXPECT_TRUE(wait([&] { return stopped; }));
    }
    bool wait(const std::function<bool()>& happened)
    {
        return run_until(io_, [&] {
            network_.run_for(1us);
            return happened();
        });
    }
    template <class What>
    bool wait_for_all(What&& what)
    {
        return wait([&] { return std::ranges::all_of(pairs_, what); });
    }

    void join_all()
    {
        for (std::uint32_t i = 0; i < kPairs; ++i) {
            RealPair pair{CircuitId(0x5000 + i * 7919), CircuitId(0x900000 + i * 104729)};
            Writer(pair.cookie).u32(i + 1);
            pairs_.push_back(pair);
            seeders_->create(pair.seeder);
            downloaders_->create(pair.downloader);
        }
        ASSERT_TRUE(wait_for_all(
            [&](const RealPair& p) { return seeders_->joined(p.seeder) && downloaders_->joined(p.downloader); }));
        const auto& exits = pool_->snapshot().exits; // circuits that end there
        ASSERT_TRUE(wait_for_all(
            [&](const RealPair& p) { return exits.contains(p.seeder.value) && exits.contains(p.downloader.value); }));
        for (RealPair& pair : pairs_) {
            pair.seeder_worker = exits.at(pair.seeder.value).worker_id();
            pair.downloader_worker = exits.at(pair.downloader.value).worker_id();
        }
    }
    void offer_all()
    {
        for (const RealPair& pair : pairs_)
            seeders_->send(pair.seeder, tunnel::EstablishRendezvous{1, pair.cookie});
        ASSERT_TRUE(wait_for_all(
            [&](const RealPair& p) { return seeders_->heard<tunnel::RendezvousEstablished>(p.seeder).has_value(); }));
        EXPECT_EQ(seeders_->heard<tunnel::RendezvousEstablished>(pairs_[0].seeder)->address, pool_->info().listen);
    }
    void link_all()
    {
        ASSERT_NO_FATAL_FAILURE(offer_all());
        for (const RealPair& pair : pairs_)
            downloaders_->send(pair.downloader, tunnel::LinkE2e{2, pair.cookie});
        ASSERT_TRUE(wait_for_all(
            [&](const RealPair& p) { return downloaders_->heard<tunnel::LinkedE2e>(p.downloader).has_value(); }));
    }
    void exchange(const RealPair& pair)
    {
        seeders_->take(pair.seeder);
        downloaders_->take(pair.downloader);
        const Bytes from_seeder(80, static_cast<std::uint8_t>(pair.seeder.value));
        const Bytes from_downloader(90, static_cast<std::uint8_t>(pair.downloader.value));
        seeders_->cell(pair.seeder, from_seeder);
        downloaders_->cell(pair.downloader, from_downloader);
        EXPECT_TRUE(wait([&] {
            return !seeders_->at(pair.seeder).received.empty() && !downloaders_->at(pair.downloader).received.empty();
        }));
        EXPECT_EQ(seeders_->take(pair.seeder), std::vector<Bytes>(1, from_downloader));
        EXPECT_EQ(downloaders_->take(pair.downloader), std::vector<Bytes>(1, from_seeder));
    }

    boost::asio::io_context io_;
    BootClock clock_;
    SimNetwork network_;
    Unheard observer_;
    tunnel::PublicKey key_;
    std::unique_ptr<main::WorkerPool> pool_;
    std::unique_ptr<Cable> seeder_cable_;
    std::unique_ptr<Cable> downloader_cable_;
    std::unique_ptr<HandMadeEnds> seeders_;
    std::unique_ptr<HandMadeEnds> downloaders_;
    std::vector<RealPair> pairs_;
};

TEST_F(PoolLinks, AcrossWorkersAndTheEndOfOneIsToldToTheOther)
{
    ASSERT_NO_FATAL_FAILURE(start());
    ASSERT_NO_FATAL_FAILURE(join_all());
    const auto is_split = [](const RealPair& p) { return p.seeder_worker != p.downloader_worker; };
    const auto split = std::ranges::count_if(pairs_, is_split);
    ASSERT_GT(split, 0); // one in 2^24 runs has none
    ASSERT_NO_FATAL_FAILURE(link_all());
    for (const RealPair& pair : pairs_)
        exchange(pair);
    EXPECT_EQ(seeders_->unreadable + downloaders_->unreadable, 0U);

    constexpr std::uint32_t kVictim = 1;
    const auto killed = std::chrono::steady_clock::now();
    ASSERT_EQ(::kill(static_cast<pid_t>(pool_->snapshot().workers.at(kVictim).pid()), SIGKILL), 0);
    const auto told = [&](const RealPair& pair) {
        const bool touched = pair.seeder_worker == kVictim || pair.downloader_worker == kVictim;
        if (!is_split(pair) || !touched) return true; // both ends in one process: nobody is left to tell
        return pair.seeder_worker == kVictim ? downloaders_->at(pair.downloader).destroyed.has_value()
                                             : seeders_->at(pair.seeder).destroyed.has_value();
    };
    const auto since = [&] { return (std::chrono::steady_clock::now() - killed) / 1us; };
    EXPECT_TRUE(wait([&] { return !pool_->snapshot().workers.contains(kVictim); }));
    const auto noticed = since(); // the kernel has taken the dead process apart by then
    EXPECT_TRUE(wait_for_all(told));
    EXPECT_LT(since() - noticed, 2'000'000); // a hang, and no more: the figure is what counts
    std::printf("split_links=%td main_noticed_us=%lld all_survivors_told_us=%lld\n", split,
                static_cast<long long>(noticed), static_cast<long long>(since()));
    for (const RealPair& pair : pairs_)
        if (pair.seeder_worker != kVictim && pair.downloader_worker != kVictim) exchange(pair);
}

TEST_F(PoolLinks, WhoAsksHearsOfTheEndOfAWorkerThatHasNotAnswered)
{
    ASSERT_NO_FATAL_FAILURE(start());
    ASSERT_NO_FATAL_FAILURE(join_all());
    ASSERT_NO_FATAL_FAILURE(offer_all());
    constexpr std::uint32_t kVictim = 1;
    const auto victim = static_cast<pid_t>(pool_->snapshot().workers.at(kVictim).pid());
    const auto asks = [](const RealPair& p) { return p.seeder_worker == kVictim && p.downloader_worker != kVictim; };
    const auto asking = std::ranges::count_if(pairs_, asks);
    ASSERT_GT(asking, 0);                  // one in 10^4 runs has none
    ASSERT_EQ(::kill(victim, SIGSTOP), 0); // it lives, and reads nothing
    for (const RealPair& pair : pairs_)
        if (asks(pair)) downloaders_->send(pair.downloader, tunnel::LinkE2e{2, pair.cookie});
    // A worker does one thing after the other: who answers this has asked main for its links before.
    const auto lives = [](const RealPair& p) { return p.seeder_worker != kVictim; };
    for (const RealPair& pair : pairs_)
        if (lives(pair)) seeders_->send(pair.seeder, tunnel::Ping{9});
    ASSERT_TRUE(wait_for_all(
        [&](const RealPair& p) { return !lives(p) || seeders_->heard<tunnel::Pong>(p.seeder).has_value(); }));
    const auto killed = std::chrono::steady_clock::now();
    ASSERT_EQ(::kill(victim, SIGKILL), 0);
    EXPECT_TRUE(wait_for_all(
        [&](const RealPair& pair) { return !asks(pair) || downloaders_->at(pair.downloader).destroyed.has_value(); }));
    for (const RealPair& pair : pairs_)
        EXPECT_FALSE(asks(pair) && downloaders_->heard<tunnel::LinkedE2e>(pair.downloader));
    std::printf("asking=%td all_told_us=%lld\n", asking,
                static_cast<long long>((std::chrono::steady_clock::now() - killed) / 1us));
}

TEST_F(PoolLinks, ARequestForASeederOfAnotherWorkerReachesIt)
{
    ASSERT_NO_FATAL_FAILURE(start());
    ASSERT_NO_FATAL_FAILURE(join_all());
    // Whatever is no cell arrives at worker 0, and most of these circuits end in others.
    tunnel::LookupHash hash{};
    hash.fill(5);
    std::map<CircuitId, tunnel::PublicKey> swarms;
    for (const RealPair& pair : pairs_) {
        const tunnel::PublicKey key = tunnel::PrivateKey::generate().public_key();
        swarms[pair.seeder] = key;
        seeders_->send(pair.seeder, tunnel::EstablishIntro{1, hash, key});
    }
    ASSERT_TRUE(wait_for_all(
        [&](const RealPair& p) { return seeders_->heard<tunnel::IntroEstablished>(p.seeder).has_value(); }));
    const tunnel::Prefix prefix = tunnel::make_prefix(CircuitBench::overlay());
    for (const RealPair& pair : pairs_) {
        seeders_->take(pair.seeder);
        tunnel::CreateE2e request{7, hash, swarms.at(pair.seeder), {}};
        Writer(request.ephemeral).u32(pair.seeder.value);
        Bytes packet(prefix.begin(), prefix.end());
        const Bytes message = message_bytes(request);
        packet.insert(packet.end(), message.begin(), message.end());
        downloader_cable_->send(packet);
    }
    ASSERT_TRUE(wait_for_all([&](const RealPair& p) { return !seeders_->at(p.seeder).received.empty(); }));
    for (const RealPair& pair : pairs_) {
        const auto data = seeders_->heard<tunnel::Data>(pair.seeder);
        ASSERT_TRUE(data);
        EXPECT_EQ(data->origin, Address(downloader_cable_->address()));
        const auto request = tunnel::CreateE2e::parse(data->payload.subspan(tunnel::kPrefixSize + 1));
        ASSERT_TRUE(request);
        EXPECT_EQ(request->swarm_key, swarms.at(pair.seeder));
    }
}

} // namespace
} // namespace cepa::test

int main(int argc, char** argv)
{
    if (argc == 2 && std::string_view(argv[1]) == "worker") return cepa::worker::run_worker();
    testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
