// The whole service against itself, over loopback: a seeder and a downloader as two services of one process, plainly or
// through a SOCKS5 server with sockets behind it in the place of circuits.
#include "main/torrent_service.hpp"

#include "main/atomic_file.hpp"
#include "main/engine_buffer.hpp"
#include "main/torrent_creator.hpp"
#include "socks5/server.hpp"

#include "support/direct_sink.hpp"
#include "support/loop.hpp"
#include "support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <random>

namespace cepa::main {
namespace {

namespace fs = std::filesystem;
using test::run_until;
using namespace std::chrono_literals;

/// One node's torrents: a service, and for anonymous routes a SOCKS5 server with a DirectSink behind it.
struct Node {
    Node(boost::asio::io_context& loop, Containment& containment, TorrentServiceOptions options)
        : io(loop), sink(loop), service(loop, containment, std::move(options),
                                        {[this, &containment](const TorrentRoute& route) { return open_proxy(route, containment); },
                                         [this](const TorrentRoute&, const std::string& why) { guard_text = why; }})
    {
    }
    Answer<std::uint16_t> open_proxy(const TorrentRoute&, Containment& containment)
    {
        ++proxies;
        Result<FileDescriptor> listener = fail({});
        containment.run_inside([&] { listener = socks5::open_listener(0); });
        if (!listener) return std::unexpected(listener.error().message());
        socks5::ServerOptions options;
        options.policy.route = socks5::Route{1, GroupId(1)};
        options.open_udp = [&containment] {
            Result<FileDescriptor> socket = fail({});
            containment.run_inside([&] { socket = socks5::open_udp_socket(); });
            return socket;
        };
        options.make_pacer = [this](const Endpoint& client, int relay) {
            auto found = EngineBuffer::find(client, relay);
            engine_found = found != nullptr;
            return found;
        };
        server = std::make_unique<socks5::Server>(io, std::move(*listener), std::move(options), sink, ids, clock);
        server->start();
        return server->port();
    }

    /// Adds and waits for the answer.
    Answer<std::string> add(const AddTorrent& request)
    {
        std::optional<Answer<std::string>> answer;
        service.add(request, [&](Answer<std::string> id) { answer = std::move(id); });
        EXPECT_TRUE(run_until(io, [&] { return answer.has_value(); }));
        return answer.value_or(std::unexpected(std::string("no answer")));
    }
    template <class Call>
    Answer<void> wait_for(Call call)
    {
        std::optional<Answer<void>> answer;
        call([&](Answer<void> given) { answer = std::move(given); });
        EXPECT_TRUE(run_until(io, [&] { return answer.has_value(); }));
        return answer.value_or(std::unexpected(std::string("no answer")));
    }
    std::vector<std::string> load()
    {
        std::optional<std::vector<std::string>> messages;
        service.load([&](std::vector<std::string> given) { messages = std::move(given); });
        EXPECT_TRUE(run_until(io, [&] { return messages.has_value(); }));
        return messages.value_or(std::vector<std::string>{"no answer"});
    }
    bool complete(const std::string& id)
    {
        return run_until(io, [&] { const auto info = service.show(id); return info && info->complete; }, 30s);
    }
    /// Where the plain session listens, once it does.
    Endpoint plain_endpoint()
    {
        std::optional<Endpoint> at;
        EXPECT_TRUE(run_until(io, [&] {
            for (const TorrentSessionInfo& session : service.sessions())
                if (session.route.hops == 0 && !session.listen.empty()) at = Endpoint::parse(session.listen);
            return at.has_value();
        }));
        return at.value_or(Endpoint{});
    }

    boost::asio::io_context& io;
    BootClock clock;
    socks5::AssociationIds ids;
    test::DirectSink sink;
    std::unique_ptr<socks5::Server> server;
    std::string guard_text;
    int proxies = 0;
    bool engine_found = false;
    TorrentService service;
};

class TorrentServiceTest : public testing::Test {
protected:
    TorrentServiceTest() { containment.start(); }

    TorrentServiceOptions options(const char* listen, const char* state = nullptr) const
    {
        TorrentServiceOptions options;
        options.plain_listen = std::string(listen) + ":0";
        options.refresh = 20ms;
        if (state != nullptr) options.state_folder = folder.path() / state;
        return options;
    }
    fs::path make_file(std::size_t size)
    {
        std::mt19937_64 random(1);
        std::string bytes(size, 0);
        for (char& byte : bytes) byte = static_cast<char>(random());
        fs::create_directories(folder.path() / "seed");
        std::ofstream(folder.path() / "seed" / "file", std::ios::binary) << bytes;
        return folder.path() / "seed" / "file";
    }
    CreatedTorrent make_torrent(std::size_t size, TorrentFormat format = TorrentFormat::hybrid)
    {
        return create_torrent({.path = make_file(size), .format = format, .piece_bytes = 16384, .trackers = {}}).value();
    }
    AddTorrent seed(const CreatedTorrent& torrent) const
    {
        AddTorrent request;
        request.content = torrent.content;
        request.save_path = folder.path() / "seed";
        request.route.hops = 0;
        request.seed_mode = true;
        return request;
    }
    AddTorrent get(const CreatedTorrent& torrent, unsigned hops, const Endpoint& peer) const
    {
        AddTorrent request;
        request.content = torrent.content;
        request.save_path = folder.path() / "got";
        request.route.hops = hops;
        request.peers = {peer};
        return request;
    }
    bool same_file() const { return read_file(folder.path() / "seed" / "file") == read_file(folder.path() / "got" / "file"); }

    test::TemporaryFolder folder;
    boost::asio::io_context io;
    Containment containment{{false, "a unit test"}};
};

TEST_F(TorrentServiceTest, PlainDownloadOfBothFormats)
{
    for (const TorrentFormat format : {TorrentFormat::v1, TorrentFormat::hybrid}) {
        fs::remove_all(folder.path() / "got");
        const CreatedTorrent torrent = make_torrent(1'000'000, format);
        Node seeder(io, containment, options("127.0.5.1"));
        Node getter(io, containment, options("127.0.5.2"));
        ASSERT_EQ(seeder.add(seed(torrent)), torrent.id);
        const auto id = getter.add(get(torrent, 0, seeder.plain_endpoint()));
        ASSERT_EQ(id, torrent.id);
        ASSERT_TRUE(getter.complete(*id));
        EXPECT_TRUE(same_file());
        const TorrentInfo info = *getter.service.show(id->substr(0, 8));
        EXPECT_DOUBLE_EQ(info.progress, 1.0);
        EXPECT_EQ(info.bytes_total, 1'000'000U);
        EXPECT_EQ(info.pieces_done, info.pieces);
        EXPECT_EQ(info.pieces, torrent.pieces);
        EXPECT_EQ(info.name, "file");
        EXPECT_TRUE(info.peers_seen.contains(IpAddress::parse("127.0.5.1").value()));
        EXPECT_TRUE(seeder.service.show(*id)->peers_seen.contains(IpAddress::parse("127.0.5.2").value()));
    }
}

TEST_F(TorrentServiceTest, AnonymousDownloadGoesThroughTheProxyOnly)
{
    const CreatedTorrent torrent = make_torrent(2'000'000);
    Node seeder(io, containment, options("127.0.5.1"));
    Node getter(io, containment, options("127.0.5.2"));
    ASSERT_TRUE(seeder.add(seed(torrent)));
    const Endpoint peer = seeder.plain_endpoint();
    const auto id = getter.add(get(torrent, 2, peer));
    ASSERT_TRUE(id) << id.error();
    // Until the route is ready nothing leaves, and the torrent says why.
    getter.service.set_route({2, "default"}, false, "no exits known");
    ASSERT_TRUE(run_until(io, [&] { return getter.service.show(*id)->waiting_for == "no exits known"; }));
    EXPECT_TRUE(getter.sink.destinations.empty());
    EXPECT_EQ(getter.service.sessions()[0].waiting_for, "no exits known");

    getter.service.set_route({2, "default"}, true, "");
    ASSERT_TRUE(getter.complete(*id));
    EXPECT_TRUE(same_file());
    EXPECT_GE(getter.sink.bytes_in, 2'000'000U);
    EXPECT_EQ(getter.proxies, 1);
    EXPECT_EQ(getter.sink.opened, 1);
    EXPECT_TRUE(getter.engine_found) << "the engine's socket is found by the association's port";
    EXPECT_TRUE(getter.guard_text.empty()) << getter.guard_text;
    const std::vector<TorrentSessionInfo> sessions = getter.service.sessions();
    ASSERT_EQ(sessions.size(), 1U);
    EXPECT_EQ(sessions[0].proxy_port, getter.server->port());
    EXPECT_TRUE(getter.service.show(*id)->waiting_for.empty());
}

TEST_F(TorrentServiceTest, GroupsHaveSessionsOfTheirOwn)
{
    const CreatedTorrent one = make_torrent(100'000);
    const CreatedTorrent two = make_torrent(200'000);
    Node getter(io, containment, options("127.0.5.2"));
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

TEST_F(TorrentServiceTest, PauseResumeRemove)
{
    const CreatedTorrent torrent = make_torrent(300'000);
    Node seeder(io, containment, options("127.0.5.1"));
    ASSERT_TRUE(seeder.add(seed(torrent)));
    EXPECT_TRUE(seeder.wait_for([&](auto done) { seeder.service.pause(torrent.id, done); }));
    EXPECT_EQ(seeder.service.show(torrent.id)->state, TorrentState::paused);
    EXPECT_TRUE(seeder.wait_for([&](auto done) { seeder.service.resume(torrent.id, done); }));
    EXPECT_TRUE(run_until(io, [&] { return seeder.service.show(torrent.id)->state == TorrentState::seeding; }));
    EXPECT_TRUE(seeder.wait_for([&](auto done) { seeder.service.remove(torrent.id, false, done); }));
    EXPECT_TRUE(seeder.service.list().empty());
    EXPECT_TRUE(fs::exists(folder.path() / "seed" / "file"));
    ASSERT_TRUE(seeder.add(seed(torrent))) << "it can be added again";
    EXPECT_TRUE(seeder.wait_for([&](auto done) { seeder.service.remove(torrent.id, true, done); }));
    EXPECT_TRUE(run_until(io, [&] { return !fs::exists(folder.path() / "seed" / "file"); }));
    EXPECT_FALSE(seeder.wait_for([&](auto done) { seeder.service.remove(torrent.id, false, done); }));
}

TEST_F(TorrentServiceTest, ASecondStartResumesWithoutACheckAndKeepsThePause)
{
    const CreatedTorrent torrent = make_torrent(1'000'000);
    Node seeder(io, containment, options("127.0.5.1"));
    ASSERT_TRUE(seeder.add(seed(torrent)));
    const Endpoint peer = seeder.plain_endpoint();
    {
        Node getter(io, containment, options("127.0.5.2", "state"));
        EXPECT_TRUE(getter.load().empty());
        getter.service.set_route({2, "default"}, true, "");
        ASSERT_TRUE(getter.add(get(torrent, 2, peer)));
        ASSERT_TRUE(getter.complete(torrent.id));
        ASSERT_TRUE(getter.wait_for([&](auto done) { getter.service.pause(torrent.id, done); }));
        ASSERT_TRUE(getter.wait_for([&](auto done) { getter.service.stop(10s, done); }));
    }
    Node again(io, containment, options("127.0.5.2", "state"));
    EXPECT_TRUE(again.load().empty());
    ASSERT_TRUE(run_until(io, [&] { const auto info = again.service.show(torrent.id); return info && info->bytes_done > 0; }));
    const TorrentInfo info = *again.service.show(torrent.id);
    EXPECT_EQ(info.route.hops, 2U);
    EXPECT_EQ(info.state, TorrentState::paused);
    EXPECT_TRUE(info.complete);
    EXPECT_EQ(info.save_path, folder.path() / "got");
    ASSERT_TRUE(again.wait_for([&](auto done) { again.service.remove(torrent.id, false, done); }));
    ASSERT_TRUE(again.wait_for([&](auto done) { again.service.stop(10s, done); }));
    EXPECT_TRUE(fs::is_empty(folder.path() / "state" / "torrents"));
}

TEST_F(TorrentServiceTest, BadRequestsAreAnsweredInWords)
{
    Node node(io, containment, options("127.0.5.1"));
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
    EXPECT_NE(error("magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567", 4).find("4 hops are more than the 3"), std::string::npos);
    std::ofstream(folder.path() / "text.torrent") << "hello";
    EXPECT_NE(error((folder.path() / "text.torrent").string()).find("not a .torrent file"), std::string::npos);
    std::ofstream(folder.path() / "got") << "a file where the folder should be";
    EXPECT_NE(error("magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567").find("folder "), std::string::npos);
    EXPECT_TRUE(node.service.list().empty());
}

TEST_F(TorrentServiceTest, AMagnetGetsItsDescriptionFromPeers)
{
    const CreatedTorrent torrent = make_torrent(500'000);
    Node seeder(io, containment, options("127.0.5.1"));
    Node getter(io, containment, options("127.0.5.2"));
    ASSERT_TRUE(seeder.add(seed(torrent)));
    AddTorrent request = get(torrent, 0, seeder.plain_endpoint());
    request.content.clear();
    request.source = torrent.magnet;
    ASSERT_EQ(getter.add(request), torrent.id);
    ASSERT_TRUE(getter.complete(torrent.id));
    EXPECT_TRUE(same_file());
}

TEST_F(TorrentServiceTest, APortInUseIsSaid)
{
    Node first(io, containment, options("127.0.5.1"));
    const CreatedTorrent torrent = make_torrent(100'000);
    ASSERT_TRUE(first.add(seed(torrent)));
    TorrentServiceOptions taken = options("127.0.5.1");
    taken.plain_listen = first.plain_endpoint().to_string();
    Node second(io, containment, std::move(taken));
    ASSERT_TRUE(second.add(seed(torrent)));
    EXPECT_TRUE(run_until(io, [&] { return second.service.sessions()[0].listen_error.find("in use") != std::string::npos; }));
}

TEST_F(TorrentServiceTest, WhenCircuitsDieThePeersAreBackAtOnceAndTheAssociationStays)
{
    const CreatedTorrent torrent = make_torrent(6'000'000);
    TorrentServiceOptions slow = options("127.0.5.1");
    slow.upload_bytes_per_s = 0;
    Node seeder(io, containment, std::move(slow));
    Node getter(io, containment, options("127.0.5.2"));
    ASSERT_TRUE(seeder.add(seed(torrent)));
    getter.service.set_route({1, "default"}, true, "");
    ASSERT_TRUE(getter.add(get(torrent, 1, seeder.plain_endpoint())));
    // Five times in one download, which is more than libtorrent forgives a peer by itself.
    for (int round = 0; round < 5; ++round) {
        const std::uint64_t before = getter.sink.bytes_in;
        ASSERT_TRUE(run_until(io, [&] { return getter.sink.bytes_in > before + 200'000 || getter.service.show(torrent.id)->complete; }, 10s)) << round;
        const std::vector<Endpoint> moved = getter.sink.break_flows();
        getter.service.peers_lost({1, "default"}, moved);
    }
    ASSERT_TRUE(getter.complete(torrent.id));
    EXPECT_TRUE(same_file());
    EXPECT_EQ(getter.sink.opened, 1) << "the association never drops";
    EXPECT_EQ(getter.sink.closed, 0);
}

} // namespace
} // namespace cepa::main
