#include "main/torrent_sessions.hpp"
#include "support/fake_clock.hpp"
#include "support/loop.hpp"

#include <gtest/gtest.h>

namespace cepa::main {
namespace {

using test::run_until;
using namespace std::chrono_literals;

class TorrentSessionsTest : public testing::Test {
protected:
    TorrentSessionsTest()
        : sessions(io, containment, options, clock,
                   {[this](const TorrentRoute& route) -> Answer<std::uint16_t> {
                        opened.push_back(route);
                        if (refuse.empty()) return std::uint16_t{9};
                        return std::unexpected(refuse);
                    },
                    [](const TorrentRoute&, const libtorrent::alert&) {},
                    [this](const TorrentRoute&, const std::string& why) { guards.push_back(why); }})
    {
        options.plain_listen = "127.0.6.2:0";
    }

    boost::asio::io_context io;
    Containment containment{{false, "a unit test"}};
    TorrentServiceOptions options;
    test::FakeClock clock;
    std::vector<TorrentRoute> opened;
    std::vector<std::string> guards;
    std::string refuse;
    TorrentSessions sessions;
};

TEST_F(TorrentSessionsTest, OnePerRouteOnFirstUse)
{
    const TorrentRoute one{1, "a"};
    EXPECT_EQ(sessions.find(one), nullptr);
    TorrentSession* first = sessions.open(one).value();
    EXPECT_EQ(sessions.open(one).value(), first);
    EXPECT_NE(sessions.open({1, "b"}).value(), first);
    EXPECT_NE(sessions.open({2, "a"}).value(), first);
    EXPECT_EQ(opened.size(), 3U);
    EXPECT_EQ(TorrentSessions::normal({0, "a"}), TorrentSessions::normal({0, "b"})) << "plain torrents have no group";
    EXPECT_EQ(TorrentSessions::normal(one), one);
    ASSERT_TRUE(sessions.open(TorrentSessions::normal({0, "a"})));
    EXPECT_EQ(opened.size(), 3U) << "a plain session has no proxy";
}

TEST_F(TorrentSessionsTest, ARouteThatCannotBeOpenedIsAnErrorAndCanBeTriedAgain)
{
    refuse = "socks5: bind: address already in use";
    EXPECT_EQ(sessions.open({1, "a"}).error(), refuse);
    EXPECT_EQ(sessions.find({1, "a"}), nullptr);
    refuse.clear();
    EXPECT_TRUE(sessions.open({1, "a"}));
}

TEST_F(TorrentSessionsTest, WhatTheTunnelsSayIsKeptAlsoBeforeTheSession)
{
    sessions.set_route({2, "a"}, false, "no exits known");
    EXPECT_EQ(sessions.state({2, "a"}).waiting_for, "no exits known");
    EXPECT_FALSE(sessions.state({2, "a"}).ready);
    clock.advance(5s);
    sessions.set_route({2, "a"}, true, "");
    EXPECT_TRUE(sessions.state({2, "a"}).ready);
    EXPECT_EQ(sessions.state({2, "a"}).since, clock.now());
    ASSERT_TRUE(sessions.open({2, "a"}));
    EXPECT_TRUE(sessions.list().at(0).ready);
    ASSERT_TRUE(sessions.open({0, ""}));
    EXPECT_TRUE(sessions.state({0, ""}).ready) << "a plain route needs no tunnels";
}

TEST_F(TorrentSessionsTest, AnAnonymousSessionHasADhtOnlyForTorrentsThatTakeOpenPeers)
{
    options.dht_nodes = {Endpoint::parse("127.0.6.9:9").value()};
    sessions.set_route({1, "a"}, true, "");
    ASSERT_TRUE(sessions.open({1, "a"}));
    clock.advance(TorrentSessions::kDhtAfter + 1s);
    sessions.refresh();
    EXPECT_FALSE(sessions.list().at(0).dht) << "hidden peers only";
    sessions.set_open({{1, "b"}});
    sessions.refresh();
    EXPECT_FALSE(sessions.list().at(0).dht) << "of another route";
    sessions.set_open({{1, "a"}});
    sessions.refresh();
    EXPECT_TRUE(sessions.list().at(0).dht);
    sessions.set_open({});
    sessions.refresh();
    EXPECT_FALSE(sessions.list().at(0).dht) << "the last of them is gone";
}

TEST_F(TorrentSessionsTest, AnEndedSessionOpensNoMore)
{
    TorrentSession* session = sessions.open({1, "a"}).value();
    (void)session;
    sessions.end();
    EXPECT_EQ(sessions.find({1, "a"}), nullptr);
    EXPECT_TRUE(run_until(io, [&] { return sessions.ended(); }));
}

} // namespace
} // namespace cepa::main
