// One node's torrents in a test: a service, and for anonymous routes a SOCKS5 server with sockets behind it in the place of
// circuits. Seeder and downloader are two of them in one process.
#pragma once

#include "main/atomic_file.hpp"
#include "main/engine_buffer.hpp"
#include "main/torrent_creator.hpp"
#include "main/torrent_service.hpp"
#include "socks5/server.hpp"

#include "support/direct_sink.hpp"
#include "support/loop.hpp"
#include "support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <random>

namespace cepa::main {

namespace fs = std::filesystem;
using test::run_until;
using namespace std::chrono_literals;

struct TorrentNode {
    TorrentNode(boost::asio::io_context& loop, Containment& containment, TorrentServiceOptions options)
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

class TorrentNodesTest : public testing::Test {
protected:
    TorrentNodesTest() { containment.start(); }

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

} // namespace cepa::main
