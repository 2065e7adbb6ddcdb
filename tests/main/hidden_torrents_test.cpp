// Two anonymous torrent services whose only way to each other are made-up addresses, as hidden circuits make it: what
// one sends to the other's arrives there from its own. Shows that the seeder takes incoming uTP through its SOCKS5
// association, and what is kept apart.
#include "main/hidden_peers.hpp"
#include "support/torrent_node.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>

namespace cepa::main {
namespace {

const Endpoint kSeederAddress = Endpoint::parse("241.1.2.3:1024").value();
const Endpoint kDownloaderAddress = Endpoint::parse("242.1.2.3:1024").value();

/// What one end said on its uTP connections (BEP 29).
class Words {
public:
    void hear(ByteSpan datagram)
    {
        if (datagram.size() < kUtpHead || datagram[0] >> 4U != 0) return; // ST_DATA
        const std::string_view text(reinterpret_cast<const char*>(datagram.data()), datagram.size());
        in_the_clear_ = in_the_clear_ || text.find("BitTorrent protocol") != std::string_view::npos;
        constexpr std::string_view port_message("\x00\x00\x00\x03\x09", 5); // BEP 5
        const auto found = text.find(port_message);
        if (found != std::string_view::npos && found + port_message.size() + 2 <= text.size())
            dht_ports.insert(number(datagram, found + port_message.size()));
        auto& packets = packets_[number(datagram, 2)];
        packets[number(datagram, 16)] = datagram.size() - kUtpHead;
        std::size_t said = 0;
        for (const auto& [at, size] : packets)
            said += size;
        most_ = std::max(most_, said);
    }
    /// More than the answer to a stranger who asks for encryption: a public key and padding, which every session sends
    /// whatever torrents it has.
    [[nodiscard]] bool told_something() const { return in_the_clear_ || most_ > kPublicKey + kMostPadding; }
    /// Where it said that its DHT listens.
    std::set<std::uint16_t> dht_ports;

private:
    static constexpr std::size_t kUtpHead = 20;
    static constexpr std::size_t kPublicKey = 96;
    static constexpr std::size_t kMostPadding = 512;
    static std::uint16_t number(ByteSpan from, std::size_t at)
    {
        return static_cast<std::uint16_t>(from[at] << 8U | from[at + 1]);
    }

    bool in_the_clear_ = false;
    std::size_t most_ = 0;
    std::map<std::uint16_t, std::map<std::uint16_t, std::size_t>> packets_; // by connection and number: bytes
};

class HiddenTorrentsTest : public TorrentNodesTest {
protected:
    HiddenTorrentsTest()
        : seeder(io, containment, options("127.0.0.1")), downloader(io, containment, options("127.0.0.1"))
    {
        seeder.sink.divert = carry(downloader.sink, kDownloaderAddress, kSeederAddress);
        downloader.sink.divert = carry(seeder.sink, kSeederAddress, kDownloaderAddress);
    }

    /// What is sent to `to` arrives at the association behind `sink` as from `from`; all else is lost.
    std::function<bool(const Endpoint&, PacketBuffer&)> carry(test::DirectSink& sink, const Endpoint& to,
                                                              const Endpoint& from)
    {
        return [this, &sink, to, from](const Endpoint& destination, PacketBuffer& payload) {
            if (destination != to) strangers.insert(destination);
            ++tried;
            if (destination != to || !linked || sink.associations.empty()) return true;
            ++carried;
            (to == kDownloaderAddress ? said_by_seeder : said_by_downloader).hear(payload.bytes());
            auto& back = *sink.associations.begin()->second;
            back.send_to_client(from, payload);
            back.flush();
            return true;
        };
    }

    AddTorrent hidden_seed(const CreatedTorrent& torrent, PeerMode mode = PeerMode::hidden) const
    {
        AddTorrent request = seed(torrent);
        request.route.hops = 1;
        request.peer_mode = mode;
        request.peer_mode_chosen = true;
        return request;
    }
    AddTorrent hidden_get(const std::string& source, PeerMode mode = PeerMode::hidden) const
    {
        AddTorrent request;
        request.source = source;
        request.save_path = folder.path() / "got";
        request.route.hops = 1;
        request.peer_mode = mode;
        request.peer_mode_chosen = true;
        return request;
    }
    /// One seeds it, the other wants it by its magnet alone, and the routes of both are usable; not linked yet.
    std::string seeded_and_wanted(const CreatedTorrent& torrent)
    {
        const auto id = seeder.add(hidden_seed(torrent));
        EXPECT_TRUE(id) << id.error();
        EXPECT_EQ(downloader.add(hidden_get(torrent.magnet)), id);
        ready(seeder);
        ready(downloader);
        return id.value_or("");
    }
    void ready(TorrentNode& node) { node.service.set_route({1, "default"}, true, ""); }
    void link(const std::string& id)
    {
        seeder.service.hidden_linked(id, kDownloaderAddress, false);
        downloader.service.hidden_linked(id, kSeederAddress, true);
    }

    TorrentNode seeder;
    TorrentNode downloader;
    std::set<Endpoint> strangers;
    Words said_by_seeder;
    Words said_by_downloader;
    std::uint64_t carried = 0;
    std::uint64_t tried = 0;
    bool linked = true;
};

TEST_F(HiddenTorrentsTest, ADownloadFromAMagnetNeedsNothingButTheLink)
{
    const std::string id = seeded_and_wanted(make_torrent(3'000'000));
    link(id);
    ASSERT_TRUE(downloader.complete(id));
    EXPECT_TRUE(same_file());
    EXPECT_TRUE(strangers.empty()) << strangers.begin()->to_string();
    EXPECT_EQ(downloader.service.show(id)->peer_mode, PeerMode::hidden);
    // What the link was worth to each.
    EXPECT_GE(downloader.service.hidden_payload(id, kSeederAddress, true), 3'000'000U);
    EXPECT_EQ(downloader.service.hidden_payload(id, kSeederAddress, false), 0U);
    // All of it was checked, so that nothing is taken back with the end of the connection.
    ASSERT_TRUE(downloader.wait_for([&](auto done) { downloader.service.pause(id, done); }));
    ASSERT_TRUE(run_until(io, [&] { return seeder.service.show(id)->peers == 0; }));
    EXPECT_GE(downloader.service.hidden_payload(id, kSeederAddress, true), 3'000'000U);
    EXPECT_GE(seeder.service.hidden_payload(id, kDownloaderAddress, false), 3'000'000U);
    EXPECT_EQ(seeder.service.hidden_payload(id, kDownloaderAddress, true), 0U);
}

TEST_F(HiddenTorrentsTest, WhatWasServedJustBeforeThePeerLeftIsCounted)
{
    const std::string id = seeded_and_wanted(make_torrent(1'000'000));
    link(id);
    ASSERT_TRUE(run_until(io, [&] {
        return seeder.service.hidden_payload(id, kDownloaderAddress, false) >= 1'000'000U;
    }, 30s));
    linked = false;
    seeder.service.hidden_lost(id, kDownloaderAddress); // before libtorrent's second is over
    EXPECT_TRUE(run_until(io, [&] { return seeder.service.show(id)->uploaded >= 1'000'000U; }, 10s))
        << seeder.service.show(id)->uploaded;
    EXPECT_GE(seeder.service.show(id)->ratio, 0.99);
}

TEST_F(HiddenTorrentsTest, ARelinkGoesOnAtOnce)
{
    const std::string id = seeded_and_wanted(make_torrent(20'000'000));
    link(id);
    ASSERT_TRUE(run_until(io, [&] { return downloader.service.show(id)->bytes_done > 0; }, 30s));
    linked = false;
    downloader.service.hidden_lost(id, kSeederAddress);
    seeder.service.hidden_lost(id, kDownloaderAddress);
    linked = true;
    link(id);
    EXPECT_TRUE(downloader.complete(id));
    EXPECT_TRUE(same_file());
}

TEST_F(HiddenTorrentsTest, ALinkThatComesLongAfterTheFormerOneEndedIsUsed)
{
    const std::string id = seeded_and_wanted(make_torrent(100'000));
    linked = false;
    downloader.service.hidden_linked(id, kSeederAddress, true);
    ASSERT_TRUE(run_until(io, [&] { return tried > 0; }, 10s));
    downloader.service.hidden_lost(id, kSeederAddress);
    (void)run_until(io, [] { return false; }, 4s); // libtorrent tries it again by itself
    linked = true;
    link(id);
    EXPECT_TRUE(downloader.complete(id));
}

TEST_F(HiddenTorrentsTest, WhoseLinkIsOfAnotherTorrentIsRefusedThere)
{
    const std::string id = seeded_and_wanted(make_torrent(100'000));
    // The seeder has a link to it, but for another swarm: it does not say that it has this torrent too.
    downloader.service.hidden_linked(id, kSeederAddress, true);
    ASSERT_TRUE(run_until(io, [&] { return carried > 40; }, 30s)) << "it tried";
    EXPECT_FALSE(said_by_seeder.told_something());
    EXPECT_EQ(downloader.service.show(id)->bytes_total, 0U) << "not even the description";
    // To the downloader each try is a peer from the uTP handshake on, until it is shut out.
    EXPECT_TRUE(run_until(io, [&] { return downloader.service.show(id)->peers == 0; }, 30s));
    seeder.service.hidden_linked(id, kDownloaderAddress, false);
    EXPECT_TRUE(downloader.complete(id)) << "and then it may";
    EXPECT_TRUE(said_by_seeder.told_something());
}

TEST_F(HiddenTorrentsTest, ThePortOfTheDhtTellsNothingOfTheSession)
{
#ifdef CEPA_THREAD_SANITIZER
    GTEST_SKIP() << "ThreadSanitizer allows no threads after the fork that the network namespace needs";
#endif
    const pid_t child = ::fork(); // the containment may change who the process is
    if (child == 0) {
        Containment real(Containment::prepare());
        real.start();
        if (!real.status().on) ::_exit(77);
        TorrentServiceOptions with_dht = options("127.0.0.1");
        with_dht.dht_nodes = {Endpoint::parse("203.0.113.1:6881").value()};
        TorrentNode one(io, real, with_dht);
        TorrentNode other(io, real, with_dht);
        one.sink.divert = carry(other.sink, kDownloaderAddress, kSeederAddress);
        other.sink.divert = carry(one.sink, kSeederAddress, kDownloaderAddress);
        const CreatedTorrent torrent = make_torrent(100'000);
        const auto id = one.add(hidden_seed(torrent, PeerMode::both));
        EXPECT_EQ(other.add(hidden_get(torrent.magnet, PeerMode::both)), id);
        ready(one);
        ready(other);
        const auto asks = [](TorrentNode& node) { return node.service.sessions().at(0).dht; };
        EXPECT_TRUE(run_until(io, [&] { return asks(one) && asks(other) && !strangers.empty(); }, 30s));
        one.service.hidden_linked(*id, kDownloaderAddress, false);
        other.service.hidden_linked(*id, kSeederAddress, true);
        EXPECT_TRUE(other.complete(*id));
        EXPECT_EQ(said_by_seeder.dht_ports, std::set<std::uint16_t>{6881}) << "what most clients say";
        std::set<std::uint16_t> known{6881};
        for (std::uint16_t next = 6882; next < 6892; ++next)
            known.insert(next);
        for (const std::uint16_t port : said_by_downloader.dht_ports)
            EXPECT_TRUE(known.contains(port)) << "a second session of one namespace: " << port;
        ::_exit(HasFailure() ? 1 : 0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) GTEST_SKIP() << "no network namespaces here";
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

TEST_F(HiddenTorrentsTest, ATorrentWithHiddenPeersOnlyRefusesOpenOnes)
{
    const CreatedTorrent torrent = make_torrent(100'000);
    const auto id = seeder.add(hidden_seed(torrent));
    ASSERT_TRUE(id) << id.error();
    // As a stranger who calls in through an exit of ours would appear.
    const Endpoint stranger = Endpoint::parse("203.0.113.9:4000").value();
    const Endpoint seeder_seen = Endpoint::parse("203.0.113.7:4000").value();
    downloader.sink.divert = carry(seeder.sink, seeder_seen, stranger);
    seeder.sink.divert = carry(downloader.sink, stranger, seeder_seen);
    AddTorrent open = hidden_get(torrent.magnet, PeerMode::open);
    open.peers = {seeder_seen};
    ASSERT_EQ(downloader.add(open), id);
    ready(seeder);
    ready(downloader);
    ASSERT_TRUE(run_until(io, [&] { return carried > 40; }, 30s)) << "it tried";
    EXPECT_EQ(downloader.service.show(*id)->bytes_total, 0U);
}

TEST_F(HiddenTorrentsTest, HiddenOnlyHasNoOtherWayToPeers)
{
    CreatedTorrent torrent = make_torrent(100'000);
    AddTorrent request = hidden_get(torrent.magnet + "&tr=udp%3A%2F%2F203.0.113.5%3A80&x.pe=203.0.113.6:6881");
    const auto id = downloader.add(request);
    ASSERT_TRUE(id) << id.error();
    const std::vector<std::string> notes = downloader.service.show(*id)->notes;
    ASSERT_EQ(notes.size(), 2U) << "its user is told";
    EXPECT_NE(notes[0].find("1 tracker of torrent"), std::string::npos) << notes[0];
    EXPECT_NE(notes[1].find("1 peer named by the link"), std::string::npos) << notes[1];
    ready(downloader);
    EXPECT_FALSE(downloader.wait_for([&](auto done) { downloader.service.connect_peer(*id, kSeederAddress, done); }));
    (void)run_until(io, [] { return false; }, 2s);
    EXPECT_TRUE(downloader.sink.destinations.empty());
    EXPECT_TRUE(strangers.empty()) << strangers.begin()->to_string();
    request.peers = {kSeederAddress};
    EXPECT_FALSE(downloader.add(request)) << "nor a named one";
}

TEST_F(HiddenTorrentsTest, HopsOutOfRangeAreRefused)
{
    const CreatedTorrent torrent = make_torrent(100'000);
    for (const unsigned hops : {0U, 5U}) {
        AddTorrent request = hidden_get(torrent.magnet);
        request.route.hops = hops;
        EXPECT_FALSE(downloader.add(request)) << hops;
    }
}

TEST_F(HiddenTorrentsTest, ThatTooManyHopsLeaveHiddenPeersOutIsSaidUnlessPublicOnesWereAskedFor)
{
    TorrentServiceOptions far = options("127.0.0.1");
    far.max_hops = 5;
    TorrentNode node(io, containment, far);
    AddTorrent request = hidden_get(make_torrent(100'000).magnet, default_peer_mode(5));
    request.route.hops = 5;
    request.peer_mode_chosen = false;
    const auto id = node.add(request);
    ASSERT_TRUE(id) << id.error();
    ASSERT_EQ(node.service.show(*id)->notes.size(), 1U);
    EXPECT_NE(node.service.show(*id)->notes[0].find("they need 1 to 4 hops"), std::string::npos);
    ASSERT_TRUE(node.wait_for([&](auto done) { node.service.remove(*id, false, done); }));
    request.peer_mode_chosen = true;
    ASSERT_TRUE(node.add(request));
    EXPECT_TRUE(node.service.show(*id)->notes.empty());
}

TEST_F(HiddenTorrentsTest, APlainLifeIsHiddenOnlyAfterAWarning)
{
    const CreatedTorrent torrent = make_torrent(100'000);
    {
        TorrentNode before(io, containment, options("127.0.0.1", "state"));
        ASSERT_TRUE(before.add(seed(torrent)));
        ASSERT_TRUE(before.wait_for([&](auto done) { before.service.stop(5s, done); }));
    }
    TorrentNode node(io, containment, options("127.0.0.1", "state"));
    AddTorrent request = hidden_seed(torrent);
    request.go_on = true;
    const auto refused = node.add(request);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().find("--although-seen"), std::string::npos);
    request.peer_mode_chosen = false;
    request.peer_mode = PeerMode::both;
    const auto fallen_back = node.add(request);
    ASSERT_TRUE(fallen_back) << fallen_back.error();
    EXPECT_EQ(node.service.show(*fallen_back)->peer_mode, PeerMode::open);
    ASSERT_EQ(node.service.show(*fallen_back)->notes.size(), 1U);
    EXPECT_NE(node.service.show(*fallen_back)->notes[0].find("--although-seen"), std::string::npos);
    EXPECT_NE(node.service.show(*fallen_back)->notes[0].find(torrent.id.substr(0, 10)), std::string::npos);
    EXPECT_TRUE(node.service.show(*fallen_back)->seen_plainly);
    ASSERT_TRUE(node.wait_for([&](auto done) { node.service.stop(5s, done); }));

    TorrentNode warned(io, containment, options("127.0.0.1", "state"));
    request.peer_mode = PeerMode::hidden;
    request.peer_mode_chosen = true;
    request.although_seen = true;
    const auto taken = warned.add(request);
    ASSERT_TRUE(taken) << taken.error();
    EXPECT_EQ(warned.service.show(*taken)->peer_mode, PeerMode::hidden);
    EXPECT_TRUE(warned.service.show(*taken)->notes.empty());
    EXPECT_FALSE(warned.service.show(*taken)->seen_plainly);
    ASSERT_TRUE(warned.wait_for([&](auto done) { warned.service.stop(5s, done); }));

    TorrentNode again(io, containment, options("127.0.0.1", "state"));
    EXPECT_TRUE(again.load().empty());
    ASSERT_TRUE(again.service.show(*taken)) << "it was said once";
    EXPECT_EQ(again.service.show(*taken)->peer_mode, PeerMode::hidden);
}

std::string v2_link(const CreatedTorrent& torrent)
{
    const auto from = torrent.magnet.find("urn:btmh:");
    if (from == std::string::npos) return {};
    return "magnet:?xt=" + torrent.magnet.substr(from, std::string("urn:btmh:1220").size() + 64);
}

TEST_F(HiddenTorrentsTest, APlainLifeUnderOneOfTwoHashesIsKnownUnderTheOther)
{
    const CreatedTorrent torrent = make_torrent(100'000);
    ASSERT_FALSE(v2_link(torrent).empty()) << torrent.magnet;
    TorrentNode plain(io, containment, options("127.0.5.1"));
    ASSERT_TRUE(plain.add(seed(torrent)));
    TorrentServiceOptions kept = options("127.0.5.2");
    kept.plain_marks = folder.path() / "marks";
    {
        TorrentNode before(io, containment, kept);
        AddTorrent request;
        request.source = v2_link(torrent);
        request.save_path = folder.path() / "got";
        request.route.hops = 0;
        request.peers = {plain.plain_endpoint()};
        const auto id = before.add(request);
        ASSERT_TRUE(id) << id.error();
        EXPECT_NE(*id, torrent.id) << "named by the other hash";
        ASSERT_TRUE(before.complete(*id));
        EXPECT_EQ(before.service.show(*id)->lookup_id, torrent.id) << "the description tells the first";
        ASSERT_TRUE(before.wait_for([&](auto done) { before.service.stop(5s, done); }));
    }
    TorrentNode node(io, containment, kept);
    const auto refused = node.add(hidden_seed(torrent));
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().find("--although-seen"), std::string::npos) << refused.error();
    AddTorrent by_v1 = hidden_get("magnet:?xt=urn:btih:" + torrent.id);
    EXPECT_FALSE(node.add(by_v1));
}

} // namespace
} // namespace cepa::main
