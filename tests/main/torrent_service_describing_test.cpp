// A magnet link names one hash of a hybrid torrent; what is known of the other one shows with its description.
#include "main/plain_marks.hpp"
#include "main/resume_store.hpp"
#include "main/torrent_cleaning.hpp"
#include "support/torrent_node.hpp"

#include <gmock/gmock.h>
#include <libtorrent/torrent_info.hpp>

namespace cepa::main {
namespace {

class TorrentDescribingTest : public TorrentNodesTest {
protected:
    TorrentServiceOptions marked_options() const
    {
        TorrentServiceOptions out = options("127.0.5.2");
        out.plain_marks = folder.path() / "marks";
        return out;
    }
    AddTorrent hidden(const std::string& source, const std::string& group = "default") const
    {
        AddTorrent out;
        out.source = source;
        out.save_path = folder.path() / "got";
        out.route = {1, group};
        out.peer_mode = PeerMode::hidden;
        out.peer_mode_chosen = true;
        return out;
    }
    AddTorrent description(const std::string& group = "default") const
    {
        AddTorrent out = hidden({}, group);
        out.content = torrent.content;
        return out;
    }
    bool is_held(TorrentNode& node, const std::string& why)
    {
        return run_until(io, [&] {
            const auto info = node.service.show(torrent.id);
            return info && info->state == TorrentState::failed && info->error.find(why) != std::string::npos;
        });
    }

    const CreatedTorrent torrent = make_torrent(100'000);
    const std::vector<std::string> ids = torrent_ids(
        libtorrent::torrent_info(libtorrent::span<const char>(reinterpret_cast<const char*>(torrent.content.data()),
                                                              static_cast<std::ptrdiff_t>(torrent.content.size())),
                                 libtorrent::from_span)
            .info_hashes());
    const std::string v1_link = "magnet:?xt=urn:btih:" + torrent.id;
    const std::string v2_link =
        torrent.magnet.substr(0, 8) + torrent.magnet.substr(torrent.magnet.find("xt=urn:btmh:"), 80);
};

TEST_F(TorrentDescribingTest, APlainMarkThatOnlyTheDescriptionShowsPausesIt)
{
    ASSERT_EQ(ids.size(), 2U);
    ASSERT_TRUE(PlainMarks(folder.path() / "marks").add(ids[1]));
    TorrentNode node(io, containment, marked_options());
    ASSERT_EQ(node.add(hidden(v1_link)), torrent.id); // nothing is known of that hash
    ASSERT_EQ(node.add(description()), torrent.id);
    ASSERT_TRUE(is_held(node, "cepa resume"));
    ASSERT_TRUE(node.wait_for([&](auto done) { node.service.resume(torrent.id, done); }));
    EXPECT_TRUE(run_until(io, [&] { return node.service.show(torrent.id)->state == TorrentState::downloading; }))
        << node.service.show(torrent.id)->error;
}

TEST_F(TorrentDescribingTest, WhoseUserKnowsGoesOn)
{
    ASSERT_TRUE(PlainMarks(folder.path() / "marks").add(ids[1]));
    TorrentNode node(io, containment, marked_options());
    AddTorrent request = hidden(v1_link);
    request.although_seen = true;
    ASSERT_EQ(node.add(request), torrent.id);
    ASSERT_EQ(node.add(description()), torrent.id);
    EXPECT_TRUE(run_until(io, [&] { return node.service.show(torrent.id)->state == TorrentState::downloading; }));
}

TEST_F(TorrentDescribingTest, OneHiddenSwarmHasOneTorrent)
{
    TorrentNode node(io, containment, marked_options());
    const auto other = node.add(hidden(v2_link, "other"));
    ASSERT_TRUE(other) << other.error();
    ASSERT_NE(*other, torrent.id);
    ASSERT_EQ(node.add(hidden(v1_link)), torrent.id); // that they are one shows later
    ASSERT_EQ(node.add(description()), torrent.id);
    ASSERT_TRUE(is_held(node, "is the same as torrent"));
    EXPECT_FALSE(node.wait_for([&](auto done) { node.service.resume(torrent.id, done); }));
    ASSERT_TRUE(node.wait_for([&](auto done) { node.service.remove(*other, false, done); }));
    EXPECT_TRUE(node.wait_for([&](auto done) { node.service.resume(torrent.id, done); }));
    const auto refused = node.add(hidden(v2_link, "other"));
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().find("already here as " + torrent.id), std::string::npos) << refused.error();
}

TEST_F(TorrentDescribingTest, WhichOfTwoIsHeldAndWhyOutlivesARestart)
{
    TorrentServiceOptions kept = marked_options();
    kept.state_folder = folder.path() / "state";
    std::string other;
    {
        TorrentNode node(io, containment, kept);
        EXPECT_TRUE(node.load().empty());
        const auto added = node.add(hidden(v2_link, "other"));
        ASSERT_TRUE(added) << added.error();
        other = *added;
        ASSERT_EQ(node.add(hidden(v1_link)), torrent.id);
        ASSERT_EQ(node.add(description()), torrent.id);
        ASSERT_TRUE(is_held(node, "is the same as torrent"));
        ASSERT_TRUE(node.wait_for([&](auto done) { node.service.stop(10s, done); }));
    }
    TorrentNode again(io, containment, kept);
    EXPECT_THAT(again.load(), testing::IsEmpty());
    ASSERT_TRUE(again.service.show(other));
    EXPECT_TRUE(run_until(io, [&] { return again.service.show(other)->state == TorrentState::metadata; }));
    ASSERT_TRUE(is_held(again, "is the same as torrent"));
    (void)run_until(io, [] { return false; }, 200ms); // libtorrent's word comes later and changes nothing
    ASSERT_TRUE(is_held(again, "is the same as torrent"));
    EXPECT_FALSE(again.wait_for([&](auto done) { again.service.resume(torrent.id, done); }));
    ASSERT_TRUE(again.wait_for([&](auto done) { again.service.remove(other, false, done); }));
    EXPECT_TRUE(again.wait_for([&](auto done) { again.service.resume(torrent.id, done); }));
}

TEST_F(TorrentDescribingTest, OfTwoThatAreOneHiddenSwarmOneRunsAtATime)
{
    TorrentServiceOptions kept = marked_options();
    kept.state_folder = folder.path() / "state";
    std::string other;
    {
        TorrentNode node(io, containment, kept);
        EXPECT_TRUE(node.load().empty());
        const auto added = node.add(hidden(v2_link, "other"));
        ASSERT_TRUE(added) << added.error();
        other = *added;
        ASSERT_EQ(node.add(hidden(v1_link)), torrent.id);
        ASSERT_EQ(node.add(description()), torrent.id);
        ASSERT_TRUE(is_held(node, "is the same as torrent"));
        ASSERT_TRUE(node.wait_for([&](auto done) { node.service.pause(other, done); }));
        EXPECT_TRUE(node.wait_for([&](auto done) { node.service.resume(other, done); }));
        ASSERT_TRUE(node.wait_for([&](auto done) { node.service.stop(10s, done); }));
    }
    const ResumeStore store(folder.path() / "state" / "torrents");
    for (StoredTorrent& stored : store.load().torrents) {
        EXPECT_EQ(stored.held.empty(), stored.id == other);
        stored.held.clear(); // as a former version left it
        ASSERT_TRUE(store.save(stored));
    }
    TorrentNode again(io, containment, kept);
    EXPECT_THAT(again.load(), testing::IsEmpty());
    ASSERT_TRUE(run_until(io, [&] {
        return again.service.show(other)->state == TorrentState::metadata &&
               again.service.show(torrent.id)->state == TorrentState::paused;
    }));
    EXPECT_FALSE(again.wait_for([&](auto done) { again.service.resume(torrent.id, done); }));
    ASSERT_TRUE(again.wait_for([&](auto done) { again.service.pause(other, done); }));
    EXPECT_TRUE(again.wait_for([&](auto done) { again.service.resume(torrent.id, done); }));
    EXPECT_FALSE(again.wait_for([&](auto done) { again.service.resume(other, done); }));
}

} // namespace
} // namespace cepa::main
