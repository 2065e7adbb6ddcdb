#include "main/torrent_session.hpp"
#include "support/loop.hpp"

#include <gtest/gtest.h>
#include <libtorrent/alert_types.hpp>

#include <filesystem>
#include <sys/wait.h>
#include <unistd.h>

namespace cepa::main {
namespace {

namespace lt = libtorrent;
using test::run_until;
using namespace std::chrono_literals;

class TorrentSessionTest : public testing::Test {
protected:
    std::unique_ptr<TorrentSession> make(const TorrentRoute& route, lt::settings_pack settings)
    {
        return std::make_unique<TorrentSession>(
            io, containment, route, std::move(settings), false,
            TorrentSessionHooks{[this](const lt::alert& alert) { seen.push_back(alert.what()); },
                                [this](const std::string& why) { guards.push_back(why); }});
    }
    bool saw(const std::string& what) const { return std::ranges::find(seen, what) != seen.end(); }

    boost::asio::io_context io;
    Containment containment{{false, "a unit test"}};
    std::vector<std::string> seen;
    std::vector<std::string> guards;
};

/// A port where nobody answers: the session is alive, and alone.
constexpr std::uint16_t kNoProxy = 9;

TEST_F(TorrentSessionTest, AHardenedSessionPassesItsGuard)
{
    const auto session = make({3, "default"}, anonymous_settings(kNoProxy, {}));
    ASSERT_TRUE(run_until(io, [&] { return saw("listen_succeeded"); }));
    // The settings are read back on the network thread's first tick, within a second.
    EXPECT_FALSE(run_until(io, [&] { return !guards.empty(); }, 1200ms)) << guards.front();
}

TEST_F(TorrentSessionTest, PlantedFaultASessionWithoutItsProxyIsCaughtWithinASecond)
{
    lt::settings_pack bad = anonymous_settings(kNoProxy, {});
    bad.set_int(lt::settings_pack::proxy_type, lt::settings_pack::none);
    bad.set_bool(lt::settings_pack::enable_incoming_tcp, true);
    const auto session = make({3, "default"}, bad);
    EXPECT_TRUE(run_until(io, [&] { return !guards.empty(); }, 1s));
    EXPECT_NE(guards.at(0).find("listens"), std::string::npos) << guards.at(0);
}

TEST_F(TorrentSessionTest, APlainSessionHasNoGuard)
{
    const auto session = make({0, ""}, plain_settings("127.0.6.1:0", false, {}));
    ASSERT_TRUE(run_until(io, [&] { return saw("listen_succeeded"); }));
    EXPECT_TRUE(guards.empty());
}

TEST_F(TorrentSessionTest, AbortEndsItsThreadsAndItsHooks)
{
    const auto threads = [] {
        return std::distance(std::filesystem::directory_iterator("/proc/self/task"),
                             std::filesystem::directory_iterator());
    };
    const auto before = threads();
    auto session = make({0, ""}, plain_settings("127.0.6.1:0", false, {}));
    EXPECT_GT(threads(), before);
    const EndingSession ending = session->abort();
    const std::size_t alerts = seen.size();
    session.reset();
    EXPECT_TRUE(run_until(io, [&] { return ending.ended(); }));
    EXPECT_EQ(seen.size(), alerts);
}

TEST_F(TorrentSessionTest, ThePortAndTheAddressSurviveBothConversions)
{
    for (const char* text : {"1.2.3.4:5", "[2001:db8::7]:65535", "0.0.0.0:0"}) {
        const Endpoint endpoint = Endpoint::parse(text).value();
        EXPECT_EQ(from_libtorrent(to_libtorrent(endpoint)), endpoint);
    }
}

/// Every thread of a session made inside the containment is in the empty network, and none of ours is.
TEST_F(TorrentSessionTest, ItsThreadsStayInsideTheContainment)
{
#ifdef CEPA_THREAD_SANITIZER
    GTEST_SKIP() << "ThreadSanitizer brings a thread of its own, which cannot be told from a session's";
#endif
    const pid_t child = ::fork();
    if (child == 0) {
        Containment real(Containment::prepare());
        real.start();
        if (!real.status().on) ::_exit(77);
        TorrentSession session(io, real, {2, "default"}, anonymous_settings(kNoProxy, {}), false,
                               {[](const lt::alert&) {}, [](const std::string&) {}});
        const auto own = std::filesystem::read_symlink("/proc/thread-self/ns/net");
        int inside = 0;
        int outside = 0;
        for (const auto& task : std::filesystem::directory_iterator("/proc/self/task"))
            (std::filesystem::read_symlink(task.path() / "ns/net") == own ? outside : inside) += 1;
        ::_exit(outside == 1 && inside >= 2 ? 0 : 1); // main; the contained thread and libtorrent's
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) GTEST_SKIP() << "the system refuses namespaces";
    EXPECT_EQ(status, 0);
}

} // namespace
} // namespace cepa::main
