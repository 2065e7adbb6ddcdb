// Files that are changed or taken away while they are seeded.
#include "support/torrent_node.hpp"

#include <gmock/gmock.h>

namespace cepa::main {
namespace {

class TorrentServiceFilesTest : public TorrentNodesTest {
protected:
    TorrentServiceOptions looking() const
    {
        TorrentServiceOptions out = options("127.0.0.1");
        out.look_at_files = 20ms;
        return out;
    }
    bool reaches(TorrentNode& node, const std::string& id, TorrentState state)
    {
        return run_until(io, [&] { return node.service.show(id)->state == state; }, 20s);
    }
};

TEST_F(TorrentServiceFilesTest, AChangedFileIsNotSeededOnAndResumeChecksItAnew)
{
    const CreatedTorrent torrent = make_torrent(100'000);
    TorrentNode seeder(io, containment, looking());
    const auto id = seeder.add(seed(torrent));
    ASSERT_TRUE(id);
    ASSERT_TRUE(reaches(seeder, *id, TorrentState::seeding));
    (void)run_until(io, [] { return false; }, 200ms); // seen several times as it is
    ASSERT_EQ(seeder.service.show(*id)->state, TorrentState::seeding);

    const fs::path file = folder.path() / "seed" / "file";
    const fs::path kept = folder.path() / "kept";
    fs::copy_file(file, kept);
    std::ofstream(file, std::ios::binary) << std::string(100'000, 'x');
    fs::last_write_time(file, fs::last_write_time(kept) + 5s);
    ASSERT_TRUE(reaches(seeder, *id, TorrentState::failed));
    EXPECT_THAT(seeder.service.show(*id)->error,
                testing::HasSubstr(file.string() + ": was changed while it was seeded"));
    EXPECT_FALSE(seeder.service.show(*id)->complete);

    fs::copy_file(kept, file, fs::copy_options::overwrite_existing);
    ASSERT_TRUE(seeder.wait_for([&](auto done) { seeder.service.resume(*id, done); }));
    ASSERT_TRUE(reaches(seeder, *id, TorrentState::seeding)) << seeder.service.show(*id)->error;
    EXPECT_TRUE(seeder.service.show(*id)->complete);
}

TEST_F(TorrentServiceFilesTest, WhatIsNotWhatItWasIsNotSeededAfterResumeEither)
{
    const CreatedTorrent torrent = make_torrent(100'000);
    TorrentNode seeder(io, containment, looking());
    const auto id = seeder.add(seed(torrent));
    ASSERT_TRUE(id);
    const fs::path file = folder.path() / "seed" / "file";
    std::ofstream(file, std::ios::binary) << std::string(100'000, 'x');
    fs::last_write_time(file, fs::last_write_time(file) + 5s);
    ASSERT_TRUE(reaches(seeder, *id, TorrentState::failed)) << to_string(seeder.service.show(*id)->state);
    ASSERT_TRUE(seeder.wait_for([&](auto done) { seeder.service.resume(*id, done); }));
    EXPECT_TRUE(reaches(seeder, *id, TorrentState::downloading)) << to_string(seeder.service.show(*id)->state);
    EXPECT_FALSE(seeder.service.show(*id)->complete);
}

TEST_F(TorrentServiceFilesTest, FilesOfAnotherContentAreNeitherSeededNorOverwritten)
{
    const CreatedTorrent torrent = make_torrent(100'000);
    const fs::path file = folder.path() / "seed" / "file";
    const fs::path right = folder.path() / "right" / "file";
    fs::create_directory(right.parent_path());
    fs::copy_file(file, right);
    std::fstream(file, std::ios::binary | std::ios::in | std::ios::out).seekp(50'000) << std::string(50'000, 'x');
    const auto wrong = read_file(file);

    TorrentNode unlike(io, containment, looking());
    TorrentNode whole(io, containment, options("127.0.0.1"));
    TorrentNode getter(io, containment, options("127.0.0.1"));
    const auto id = unlike.add(seed(torrent));
    AddTorrent request = seed(torrent);
    request.save_path = right.parent_path();
    ASSERT_TRUE(id && whole.add(request));
    AddTorrent asks = get(torrent, 0, unlike.plain_endpoint());
    ASSERT_TRUE(getter.add(asks));
    ASSERT_TRUE(reaches(unlike, *id, TorrentState::failed));
    EXPECT_THAT(unlike.service.show(*id)->error, testing::HasSubstr("only 49 % of its files is what the torrent says"));
    EXPECT_EQ(read_file(file), wrong);

    ASSERT_TRUE(unlike.wait_for([&](auto done) { unlike.service.resume(*id, done); }));
    ASSERT_TRUE(unlike.wait_for([&](auto done) { unlike.service.connect_peer(*id, whole.plain_endpoint(), done); }));
    EXPECT_TRUE(unlike.complete(*id)) << "its user said so";
    EXPECT_EQ(read_file(file), read_file(right));
}

TEST_F(TorrentServiceFilesTest, PausedAndResumedASeedStillDoesNotDownload)
{
    const CreatedTorrent torrent = make_torrent(100'000);
    TorrentNode unlike(io, containment, looking());
    TorrentNode getter(io, containment, options("127.0.0.1"));
    const fs::path file = folder.path() / "seed" / "file";
    std::ofstream(file, std::ios::binary) << std::string(100'000, 'x');
    const auto id = unlike.add(seed(torrent));
    ASSERT_TRUE(id);
    ASSERT_TRUE(unlike.wait_for([&](auto done) { unlike.service.pause(*id, done); }));
    ASSERT_TRUE(unlike.wait_for([&](auto done) { unlike.service.resume(*id, done); }));
    ASSERT_TRUE(getter.add(get(torrent, 0, unlike.plain_endpoint())));
    EXPECT_TRUE(reaches(unlike, *id, TorrentState::failed)) << to_string(unlike.service.show(*id)->state);
    EXPECT_THAT(unlike.service.show(*id)->error, testing::HasSubstr("only 0 %"));
}

} // namespace
} // namespace cepa::main
