#include "main/resume_store.hpp"
#include "main/torrent_cleaning.hpp"
#include "support/torrent_node.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <gmock/gmock.h>
#include <libtorrent/torrent_info.hpp>

#include <poll.h>

namespace cepa::main {
namespace {

namespace lt = libtorrent;

/// A peer that only listens, on TCP and UDP, and tells whether anybody ever spoke to it.
class Observer {
public:
    Observer(boost::asio::io_context& io, const char* address)
        : tcp_(io, {boost::asio::ip::make_address(address), 0}),
          udp_(io, {boost::asio::ip::make_address(address), tcp_.local_endpoint().port()})
    {
    }
    [[nodiscard]] lt::tcp::endpoint endpoint() { return tcp_.local_endpoint(); }
    [[nodiscard]] bool contacted()
    {
        pollfd both[] = {{tcp_.native_handle(), POLLIN, 0}, {udp_.native_handle(), POLLIN, 0}};
        return ::poll(both, 2, 0) > 0;
    }

private:
    boost::asio::ip::tcp::acceptor tcp_;
    boost::asio::ip::udp::socket udp_;
};

class TorrentServiceAddingTest : public TorrentNodesTest {
protected:
    /// What an interrupted plain download leaves: half of the pieces, and a peer it had met.
    void leave_plain_life(const CreatedTorrent& torrent, const lt::tcp::endpoint& met, const fs::path& state)
    {
        fs::create_directories(folder.path() / "got");
        fs::copy_file(folder.path() / "seed" / "file", folder.path() / "got" / "file",
                      fs::copy_options::overwrite_existing);
        StoredTorrent kept{torrent.id, {0, ""}, false, true, parse_torrent_file(torrent.content).value()};
        kept.params.info_hashes = kept.params.ti->info_hashes();
        kept.params.save_path = (folder.path() / "got").string();
        kept.params.peers = {met};
        kept.params.have_pieces.resize(kept.params.ti->num_pieces(), false);
        for (int piece = 0; piece < kept.params.ti->num_pieces() / 2; ++piece)
            kept.params.have_pieces.set_bit(lt::piece_index_t(piece));
        const ResumeStore store(state / "torrents");
        ASSERT_TRUE(store.prepare());
        ASSERT_TRUE(store.save(kept));
    }
};

TEST_F(TorrentServiceAddingTest, GroupsHaveSessionsOfTheirOwn)
{
    const CreatedTorrent one = make_torrent(100'000);
    const CreatedTorrent two = make_torrent(200'000);
    TorrentNode getter(io, containment, options("127.0.5.2"));
    AddTorrent request = get(one, 1, {});
    request.peers.clear();
    ASSERT_TRUE(getter.add(request));
    request.content = two.content;
    ASSERT_TRUE(getter.add(request));
    EXPECT_EQ(getter.service.sessions().size(), 1U) << "all torrents share one group unless asked otherwise";
    request.route.group = "other";
    const auto elsewhere = getter.add(request);
    ASSERT_FALSE(elsewhere) << "a torrent has one route";
    EXPECT_NE(elsewhere.error().find("already here with 1 hops"), std::string::npos);
    ASSERT_TRUE(getter.wait_for([&](auto done) { getter.service.remove(two.id, false, done); }));
    ASSERT_TRUE(getter.add(request));
    EXPECT_EQ(getter.service.sessions().size(), 2U);
    EXPECT_EQ(getter.proxies, 2);
}

TEST_F(TorrentServiceAddingTest, APlainLifeGoesOnAnonymouslyWithoutASingleContactInTheClear)
{
    const CreatedTorrent torrent = make_torrent(2'000'000);
    Observer met(io, "127.0.5.9");
    TorrentNode seeder(io, containment, options("127.0.5.1"));
    ASSERT_TRUE(seeder.add(seed(torrent)));
    leave_plain_life(torrent, met.endpoint(), folder.path() / "state");
    {
        TorrentNode getter(io, containment, options("127.0.5.2", "state"));
        getter.service.set_route({3, "default"}, true, "");
        AddTorrent request = get(torrent, 3, seeder.plain_endpoint());
        request.go_on = true;
        const auto id = getter.add(request);
        ASSERT_TRUE(id) << id.error();
        ASSERT_TRUE(getter.complete(*id));
        EXPECT_TRUE(same_file());
        const auto sessions = getter.service.sessions();
        ASSERT_EQ(sessions.size(), 1U) << "the plain session was opened";
        EXPECT_EQ(sessions[0].route.hops, 3U);
        EXPECT_FALSE(met.contacted()) << "in the clear";
        EXPECT_EQ(getter.sink.destinations, std::set<Endpoint>{seeder.plain_endpoint()})
            << "through a circuit it would link both lives";
        EXPECT_LT(getter.service.show(*id)->downloaded, 1'500'000U) << "the pieces were taken over";
        ASSERT_TRUE(getter.wait_for([&](auto done) { getter.service.stop(10s, done); }));
    }
    // The control: the same data in a plain session again, and the observer is met.
    leave_plain_life(torrent, met.endpoint(), folder.path() / "other");
    TorrentNode plain(io, containment, options("127.0.5.3", "other"));
    AddTorrent request = get(torrent, 0, seeder.plain_endpoint());
    request.peers.clear();
    request.go_on = true;
    ASSERT_TRUE(plain.add(request));
    EXPECT_TRUE(run_until(io, [&] { return met.contacted(); }));
}

TEST_F(TorrentServiceAddingTest, FewerHopsOrAnotherGroupGoOnToo)
{
    const CreatedTorrent torrent = make_torrent(1'000'000);
    TorrentNode seeder(io, containment, options("127.0.5.1"));
    ASSERT_TRUE(seeder.add(seed(torrent)));
    for (const TorrentRoute& route :
         {TorrentRoute{3, "default"}, TorrentRoute{2, "default"}, TorrentRoute{2, "other"}, TorrentRoute{0, ""}}) {
        TorrentNode getter(io, containment, options("127.0.5.2", "state"));
        getter.service.set_route(route, true, "");
        AddTorrent request = get(torrent, route.hops, seeder.plain_endpoint());
        request.route = route;
        request.go_on = true;
        const auto id = getter.add(request);
        ASSERT_TRUE(id) << id.error();
        ASSERT_TRUE(getter.complete(*id));
        EXPECT_EQ(getter.service.show(*id)->route, route);
        EXPECT_EQ(getter.service.sessions().size(), 1U);
        ASSERT_TRUE(getter.wait_for([&](auto done) { getter.service.stop(10s, done); }));
    }
}

TEST_F(TorrentServiceAddingTest, AnotherFolderIsHonouredAndTheFirstIsLeft)
{
    const CreatedTorrent torrent = make_torrent(1'000'000);
    Observer met(io, "127.0.5.9");
    TorrentNode seeder(io, containment, options("127.0.5.1"));
    ASSERT_TRUE(seeder.add(seed(torrent)));
    leave_plain_life(torrent, met.endpoint(), folder.path() / "state");
    TorrentNode getter(io, containment, options("127.0.5.2", "state"));
    AddTorrent request = get(torrent, 0, seeder.plain_endpoint());
    request.go_on = true;
    request.save_path = folder.path() / "other";
    const auto id = getter.add(request);
    ASSERT_TRUE(id) << id.error();
    ASSERT_TRUE(getter.complete(*id));
    EXPECT_EQ(read_file(folder.path() / "seed" / "file"), read_file(folder.path() / "other" / "file"));
    EXPECT_EQ(getter.service.show(*id)->save_path, folder.path() / "other");
    EXPECT_TRUE(fs::exists(folder.path() / "got" / "file"));
}

TEST_F(TorrentServiceAddingTest, ATorrentThatIsHereKeepsItsFolder)
{
    const CreatedTorrent torrent = make_torrent(100'000);
    TorrentNode getter(io, containment, options("127.0.5.2"));
    AddTorrent request = get(torrent, 0, *Endpoint::parse("127.0.5.9:9"));
    ASSERT_TRUE(getter.add(request));
    EXPECT_TRUE(getter.add(request)) << "the same again is no error";
    request.save_path = folder.path() / "other";
    const auto elsewhere = getter.add(request);
    ASSERT_FALSE(elsewhere) << "the folder would be ignored";
    EXPECT_NE(elsewhere.error().find("already here, in folder"), std::string::npos) << elsewhere.error();
    EXPECT_NE(elsewhere.error().find("cepa remove"), std::string::npos);
    request.any_folder = true;
    EXPECT_TRUE(getter.add(request)) << "nobody asked for that folder";
}

TEST_F(TorrentServiceAddingTest, ResumeDataOfANewerVersionIsNotOverwritten)
{
    const CreatedTorrent torrent = make_torrent(100'000);
    const fs::path file = folder.path() / "state" / "torrents" / (torrent.id + ".resume");
    fs::create_directories(file.parent_path());
    const std::string newer = "d4:cepad6:schemai999eee";
    ASSERT_TRUE(write_file_atomically(file, as_bytes(newer)));
    for (const bool go_on : {false, true}) {
        TorrentNode getter(io, containment, options("127.0.5.2", "state"));
        AddTorrent request = get(torrent, 0, *Endpoint::parse("127.0.5.9:9"));
        request.go_on = go_on;
        const auto id = getter.add(request);
        ASSERT_FALSE(id);
        EXPECT_NE(id.error().find("newer version"), std::string::npos) << id.error();
        EXPECT_EQ(read_file(file).value(), Bytes(newer.begin(), newer.end()));
    }
}

TEST_F(TorrentServiceAddingTest, WhatCannotFindPeersSaysSo)
{
    const std::string magnet = "magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef0123456";
    TorrentServiceOptions with_dht = options("127.0.5.3");
    with_dht.dht_nodes = {*Endpoint::parse("127.0.5.9:6881")};
    TorrentNode without(io, containment, options("127.0.5.2"));
    TorrentNode with(io, containment, std::move(with_dht));
    const auto stuck = [&](TorrentNode& node, const std::string& source, unsigned hops) {
        AddTorrent request;
        request.source = source;
        request.save_path = folder.path() / "got";
        request.route.hops = hops;
        const auto id = node.add(request);
        EXPECT_TRUE(id) << id.error();
        EXPECT_TRUE(run_until(io, [&] { return hops == 0 || node.sink.opened > 0; })) << "as while circuits are built";
        node.service.set_route({hops, "default"}, true, "");
        EXPECT_TRUE(
            run_until(io, [&] { return node.service.show(*id)->waiting_for.find("peers") != std::string::npos; }));
        return node.service.show(*id)->waiting_for.starts_with(
            "no way to find peers: no UDP tracker, DHT has no entry point");
    };
    EXPECT_TRUE(stuck(without, magnet + "0", 3));
    EXPECT_TRUE(stuck(without, magnet + "1&tr=http%3A%2F%2Ftracker.example%2Fannounce", 3))
        << "TCP does not go through yet";
    EXPECT_FALSE(stuck(without, magnet + "2&tr=http%3A%2F%2F127.0.5.9%3A1%2Fannounce", 0));
    EXPECT_FALSE(stuck(without, magnet + "3&tr=udp%3A%2F%2F127.0.5.9%3A1%2Fannounce", 3));
    EXPECT_FALSE(stuck(without, magnet + "4&x.pe=127.0.5.9:1", 3));
    EXPECT_FALSE(stuck(with, magnet + "5", 3));
    // And there the DHT asks its entry point, through the tunnel.
    EXPECT_TRUE(
        run_until(io, [&] { return with.sink.destinations.contains(*Endpoint::parse("127.0.5.9:6881")); }, 30s));
    EXPECT_TRUE(with.guard_text.empty()) << with.guard_text;
}

TEST_F(TorrentServiceAddingTest, BadRequestsAreAnsweredInWords)
{
    TorrentNode node(io, containment, options("127.0.5.1"));
    const auto error = [&](const std::string& source, unsigned hops = 0) {
        AddTorrent request;
        request.source = source;
        request.save_path = folder.path() / "got";
        request.route.hops = hops;
        const auto answer = node.add(request);
        return answer ? "no error" : answer.error();
    };
    EXPECT_NE(error("/no/such.torrent").find("/no/such.torrent: No such file"), std::string::npos);
    EXPECT_NE(error(folder.path().string()).find("directory"), std::string::npos);
    EXPECT_NE(error("magnet:?xt=urn:btih:12").find("expected magnet"), std::string::npos);
    EXPECT_NE(
        error("magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567", 4).find("4 hops are more than the 3"),
        std::string::npos);
    std::ofstream(folder.path() / "text.torrent") << "hello";
    EXPECT_NE(error((folder.path() / "text.torrent").string()).find("not a .torrent file"), std::string::npos);
    std::ofstream(folder.path() / "got") << "a file where the folder should be";
    EXPECT_NE(error("magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567").find("folder "), std::string::npos);
    EXPECT_TRUE(node.service.list().empty());
}

TEST_F(TorrentServiceAddingTest, AMagnetGetsItsDescriptionFromPeers)
{
    const CreatedTorrent torrent = make_torrent(500'000);
    TorrentNode seeder(io, containment, options("127.0.5.1"));
    TorrentNode getter(io, containment, options("127.0.5.2"));
    ASSERT_TRUE(seeder.add(seed(torrent)));
    AddTorrent request = get(torrent, 0, seeder.plain_endpoint());
    request.content.clear();
    request.source = torrent.magnet;
    ASSERT_EQ(getter.add(request), torrent.id);
    ASSERT_TRUE(getter.complete(torrent.id));
    EXPECT_TRUE(same_file());
}

TEST_F(TorrentServiceAddingTest, AMagnetGetsItsDescriptionFromALaterFile)
{
    CreateTorrent with_trackers{.path = make_file(500'000), .trackers = {"udp://127.0.5.9:1/announce"}};
    const CreatedTorrent torrent = create_torrent(with_trackers).value();
    TorrentNode getter(io, containment, options("127.0.5.2"));
    for (const bool at_once : {true, false}) { // before libtorrent has taken the magnet, and long after
        AddTorrent request = get(torrent, 3, *Endpoint::parse("127.0.5.9:9"));
        request.peers.clear();
        AddTorrent magnet = request;
        magnet.content.clear();
        magnet.source = torrent.magnet;
        if (at_once)
            getter.service.add(magnet, [](const Answer<std::string>&) {});
        else
            ASSERT_EQ(getter.add(magnet), torrent.id);
        EXPECT_EQ(getter.service.show(torrent.id)->bytes_total, 0U);
        EXPECT_FALSE(getter.service.show(torrent.id)->findable);
        ASSERT_EQ(getter.add(request), torrent.id);
        EXPECT_TRUE(getter.service.show(torrent.id)->findable) << "its trackers come along";
        EXPECT_TRUE(run_until(io, [&] { return getter.service.show(torrent.id)->bytes_total == 500'000; }))
            << to_string(getter.service.show(torrent.id)->state);
        EXPECT_EQ(getter.service.show(torrent.id)->name, "file");
        ASSERT_TRUE(getter.wait_for([&](auto done) { getter.service.remove(torrent.id, false, done); }));
    }
    EXPECT_TRUE(getter.guard_text.empty()) << getter.guard_text;
}

TEST_F(TorrentServiceAddingTest, AMagnetWithoutFilesIsRemovedInSilence)
{
    TorrentNode node(io, containment, options("127.0.5.2"));
    AddTorrent request;
    request.source = "magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567";
    request.save_path = folder.path() / "got";
    request.route.hops = 0;
    const auto id = node.add(request);
    ASSERT_TRUE(id) << id.error();
    testing::internal::CaptureStderr();
    const auto removed = node.wait_for([&](auto done) { node.service.remove(*id, true, done); });
    // The alert on the files comes with the one that the removal waits for, or with the next ones.
    request.source.back() = '8';
    EXPECT_TRUE(node.add(request));
    EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::Not(testing::HasSubstr("could not be deleted")));
    EXPECT_TRUE(removed);
}

} // namespace
} // namespace cepa::main
