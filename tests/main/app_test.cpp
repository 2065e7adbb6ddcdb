// A node without tunnels: what it builds, answers and takes down again. Nodes with tunnels run as processes in
// tests/integration.
#include "main/app.hpp"
#include "main/control_client.hpp"
#include "main/user_error.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <thread>

using namespace cepa;
using namespace cepa::main;

namespace {

class AppTest : public testing::Test {
protected:
    void SetUp() override
    {
        std::string made = testing::TempDir() + "cepa-app-XXXXXX";
        ASSERT_NE(::mkdtemp(made.data()), nullptr);
        folder = made;
    }
    void TearDown() override { std::filesystem::remove_all(folder); }

    AppOptions options(bool torrents)
    {
        AppOptions out;
        out.command = "seed";
        out.tunnels = false;
        out.torrents = torrents;
        out.settings.torrent_listen = *Endpoint::parse("127.0.0.1:0");
        out.settings.download_folder = folder / "downloads";
        return out;
    }

    std::filesystem::path folder;
    boost::asio::io_context io{1};
    const InProcessFactory no_factory =
        [](boost::asio::io_context&, InProcessRequest) -> std::unique_ptr<proto::TunnelService> { return nullptr; };
};

} // namespace

TEST_F(AppTest, AnswersOnItsControlSocketAndStopsInOrder)
{
    App app(io, StateFolder::open(folder / "state"), options(true), no_factory);
    app.start();
    EXPECT_EQ(app.tunnels(), nullptr);
    bool asked_to_stop = false;
    app.on_stop_request([&] {
        asked_to_stop = true;
        app.stop([&] { io.stop(); });
    });
    Json status;
    Json list;
    Json swarms;
    std::thread client([&] { // the client blocks; the node's loop runs here
        auto control = ControlClient::connect(folder / "state");
        status = control->call("status");
        list = control->call("list");
        swarms = control->call("swarms");
        (void)control->call("stop");
    });
    io.run_for(std::chrono::seconds(30));
    client.join();
    EXPECT_TRUE(asked_to_stop);
    EXPECT_EQ(status["command"], "seed");
    EXPECT_EQ(list["torrents"], Json::array());
    EXPECT_EQ(swarms["swarms"], Json::array());
    EXPECT_FALSE(std::filesystem::exists(control_socket_path(folder / "state")));
}

TEST_F(AppTest, WithoutTunnelsOnlyPlainTorrentsAreTaken)
{
    App app(io, StateFolder::open(folder / "state"), options(true), no_factory);
    app.start();
    std::string error;
    std::thread client([&] {
        auto control = ControlClient::connect(folder / "state");
        try {
            (void)control->call(
                "add", {{"source", "magnet:?xt=urn:btih:0123456789012345678901234567890123456789"}, {"hops", 3}});
        } catch (const UserError& e) {
            error = e.what();
        }
        (void)control->call("stop");
    });
    app.on_stop_request([&] { app.stop([&] { io.stop(); }); });
    io.run_for(std::chrono::seconds(30));
    client.join();
    EXPECT_EQ(error, "this node has no tunnels: only hops 0 (plain) is possible");
}

TEST_F(AppTest, DestroyedWithoutStopItLeavesNoThreads)
{
    App app(io, StateFolder::open(folder / "state"), options(false), no_factory);
    app.start();
}
