#include "main/api_torrents.hpp"

#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>

using namespace cepa;
using namespace cepa::main;
using testing::HasSubstr;
using testing::Not;

namespace {

class ApiTorrents : public testing::Test {
protected:
    ApiTorrents() { add_torrent_methods(api, torrents, {"/nonexistent/downloads", 2, 3}); }
    Json ask(const char* method, const Json& params = Json::object())
    {
        std::optional<Json> answer;
        api.handle(Json{{"method", method}, {"params", params}}.dump(),
                   [&](const std::string& text) { answer = Json::parse(text); });
        io.restart();
        while (!answer && io.run_one_for(std::chrono::seconds(5)) > 0) {
        }
        return answer.value_or(Json());
    }
    std::string error(const Json& params) { return ask("add", params)["error"].value("message", ""); }

    boost::asio::io_context io;
    Containment containment{ContainmentPermit{}};
    TorrentService torrents{io, containment, TorrentServiceOptions{}, TorrentServiceHooks{}};
    Api api;
};

} // namespace

TEST_F(ApiTorrents, AddChecksItsParameters)
{
    EXPECT_THAT(error(Json::object()), HasSubstr("parameter source"));
    EXPECT_THAT(error({{"source", 3}}), HasSubstr("parameter source"));
    EXPECT_THAT(error({{"source", "x"}, {"folder", "relative"}}),
                HasSubstr("parameter folder: expected an absolute path"));
    EXPECT_THAT(error({{"source", "x"}, {"hops", 6}}), HasSubstr("parameter hops"));
    EXPECT_THAT(error({{"source", "x"}, {"hops", 4}}), HasSubstr("at most 3"));
    EXPECT_THAT(error({{"source", "x"}, {"peers", {"localhost:1"}}}), HasSubstr("parameter peers: localhost:1"));
    EXPECT_THAT(error({{"source", "x"}, {"paused", "yes"}}), HasSubstr("parameter paused"));
}

TEST_F(ApiTorrents, WhatTheServiceRefusesIsAnAnswer)
{
    const Json answer = ask("add", {{"source", "/nonexistent/a.torrent"}, {"folder", testing::TempDir()}, {"hops", 0}});
    EXPECT_THAT(answer["error"].value("message", ""), HasSubstr("/nonexistent/a.torrent"));
    EXPECT_FALSE(answer["error"]["misuse"]);
}

TEST_F(ApiTorrents, UnknownTorrents)
{
    EXPECT_EQ(ask("list")["result"]["torrents"], Json::array());
    EXPECT_EQ(ask("peers-seen")["result"]["addresses"], Json::array());
    EXPECT_THAT(ask("show", {{"id", "abc"}})["error"].value("message", ""), HasSubstr("no torrent abc"));
    for (const char* method : {"pause", "resume", "remove"}) {
        EXPECT_TRUE(ask(method, {{"id", "abc"}}).contains("error")) << method;
        EXPECT_TRUE(ask(method)["error"]["misuse"]) << method;
    }
}

TEST(ApiTorrentsText, NotesAreReadFromAnswersOfAnyAge)
{
    TorrentInfo torrent;
    torrent.notes = {"one", "two"};
    EXPECT_EQ(notes_of(to_json(torrent)), torrent.notes);
    EXPECT_TRUE(notes_of({{"id", "a"}}).empty());
    EXPECT_TRUE(notes_of({{"notes", 7}}).empty());
}

TEST(ApiTorrentsText, OneLineSaysWhatMatters)
{
    TorrentInfo torrent;
    torrent.id = "0123456789abcdef";
    torrent.name = "film.mp4";
    torrent.state = TorrentState::downloading;
    torrent.progress = 0.425;
    torrent.download_bytes_per_s = 3 << 20;
    EXPECT_EQ(torrent_line(to_json(torrent)), "0123456789   42.5 %  downloading  film.mp4  3 hops  down 3.0 MiB/s");
    torrent.peer_mode = PeerMode::hidden;
    EXPECT_THAT(torrent_line(to_json(torrent)), HasSubstr("film.mp4  3 hops, hidden peers  "));
    torrent.peer_mode = PeerMode::both;
    torrent.route.hops = 1;
    EXPECT_THAT(torrent_line(to_json(torrent)), HasSubstr("film.mp4  1 hop, hidden and public peers  "));
    torrent.route.hops = 0;
    EXPECT_THAT(torrent_line(to_json(torrent)), HasSubstr("film.mp4  plain  "));
    torrent.complete = true;
    EXPECT_THAT(torrent_line(to_json(torrent)), Not(HasSubstr("down 3.0"))) << "nothing comes any more";
    torrent.complete = false;
    torrent.waiting_for = "no exits known";
    torrent.waiting = std::chrono::seconds(75);
    EXPECT_THAT(torrent_line(to_json(torrent)), HasSubstr("waits 1min 15s for: no exits known"));
    torrent.error = "disk full";
    EXPECT_THAT(torrent_line(to_json(torrent)), HasSubstr("error: disk full"));
    EXPECT_EQ(to_json(torrent)["eta_s"], nullptr);
    torrent.eta = std::chrono::seconds(9);
    EXPECT_EQ(to_json(torrent)["eta_s"], 9);
}
