#include "main/atomic_file.hpp"
#include "main/resume_store.hpp"
#include "main/torrent_cleaning.hpp"
#include "main/torrent_creator.hpp"
#include "support/temporary_folder.hpp"

#include <gtest/gtest.h>
#include <libtorrent/bdecode.hpp>
#include <libtorrent/bencode.hpp>
#include <libtorrent/entry.hpp>
#include <libtorrent/torrent_info.hpp>

#include <fstream>

namespace cepa::main {
namespace {

namespace fs = std::filesystem;
namespace lt = libtorrent;

StoredTorrent sample(const fs::path& folder, TorrentFormat format = TorrentFormat::hybrid)
{
    std::ofstream(folder / "file") << std::string(100'000, 'x');
    const auto made = create_torrent({.path = folder / "file", .format = format, .piece_bytes = 16384, .trackers = {}});
    StoredTorrent stored{made->id, {3, "work"}, true, true, parse_torrent_file(made->content).value()};
    stored.params.info_hashes = stored.params.ti->info_hashes();
    stored.params.save_path = "/somewhere";
    stored.params.have_pieces.resize(stored.params.ti->num_pieces(), true);
    return stored;
}

Bytes with_schema(const StoredTorrent& stored, int schema)
{
    const Bytes bytes = ResumeStore::encode(stored);
    lt::entry whole = lt::bdecode(
        lt::span<const char>(reinterpret_cast<const char*>(bytes.data()), static_cast<std::ptrdiff_t>(bytes.size())));
    whole["cepa"]["schema"] = schema;
    Bytes out;
    lt::bencode(std::back_inserter(out), whole);
    return out;
}

TEST(ResumeStore, RoundTripThroughTheDisk)
{
    const cepa::test::TemporaryFolder folder;
    for (const TorrentFormat format : {TorrentFormat::v1, TorrentFormat::hybrid}) {
        const StoredTorrent stored = sample(folder.path(), format);
        const ResumeStore store(folder.path() / "torrents");
        ASSERT_TRUE(store.prepare());
        ASSERT_TRUE(store.save(stored));
        const auto loaded = store.load();
        ASSERT_EQ(loaded.torrents.size(), 1U);
        EXPECT_TRUE(loaded.messages.empty());
        const StoredTorrent& back = loaded.torrents[0];
        EXPECT_EQ(back.id, stored.id);
        EXPECT_EQ(back.route, stored.route);
        EXPECT_TRUE(back.paused && back.plain_life);
        EXPECT_EQ(back.params.save_path, "/somewhere");
        ASSERT_TRUE(back.params.ti) << "the metadata is kept too";
        EXPECT_EQ(back.params.ti->info_hashes(), stored.params.ti->info_hashes());
        EXPECT_EQ(back.params.have_pieces.count(), stored.params.have_pieces.size());
        ASSERT_TRUE(store.remove(stored.id));
        ASSERT_TRUE(store.remove(stored.id)) << "a second time is fine";
        EXPECT_TRUE(store.load().torrents.empty());
    }
}

TEST(ResumeStore, ACorruptFileIsSetAsideAndTheOthersAreLoaded)
{
    const cepa::test::TemporaryFolder folder;
    const StoredTorrent stored = sample(folder.path());
    const ResumeStore store(folder.path() / "torrents");
    ASSERT_TRUE(store.prepare());
    ASSERT_TRUE(store.save(stored));
    const fs::path bad = folder.path() / "torrents" / (std::string(40, 'a') + ".resume");
    for (int round = 0; round < 2; ++round) {
        ASSERT_TRUE(write_file_atomically(bad, as_bytes("d4:cepa")));
        const auto loaded = store.load();
        EXPECT_EQ(loaded.torrents.size(), 1U);
        ASSERT_EQ(loaded.messages.size(), 1U);
        EXPECT_NE(loaded.messages[0].find("set aside as"), std::string::npos) << loaded.messages[0];
        EXPECT_FALSE(fs::exists(bad));
    }
    EXPECT_TRUE(fs::exists(bad.string() + ".corrupt"));
    EXPECT_TRUE(fs::exists(bad.string() + ".corrupt1")) << "an earlier one is kept";
}

TEST(ResumeStore, ANewerVersionsFileIsLeftAlone)
{
    const cepa::test::TemporaryFolder folder;
    const StoredTorrent stored = sample(folder.path());
    const ResumeStore store(folder.path());
    const fs::path file = folder.path() / (stored.id + ".resume");
    ASSERT_TRUE(write_file_atomically(file, with_schema(stored, kResumeSchema + 1)));
    const auto loaded = store.load();
    EXPECT_TRUE(loaded.torrents.empty());
    ASSERT_EQ(loaded.messages.size(), 1U);
    EXPECT_NE(loaded.messages[0].find("newer version"), std::string::npos);
    EXPECT_TRUE(fs::exists(file));
}

TEST(ResumeStore, OneTorrentIsFoundByItsId)
{
    const cepa::test::TemporaryFolder folder;
    const StoredTorrent stored = sample(folder.path());
    const ResumeStore store(folder.path());
    const fs::path file = folder.path() / (stored.id + ".resume");
    EXPECT_FALSE(store.find(stored.id).value());
    ASSERT_TRUE(store.save(stored));
    EXPECT_EQ(store.find(stored.id).value()->route, stored.route);
    ASSERT_TRUE(write_file_atomically(file, with_schema(stored, kResumeSchema + 1)));
    EXPECT_NE(store.find(stored.id).error().find("newer version"), std::string::npos);
    EXPECT_TRUE(fs::exists(file)) << "it is the newer version's";
    ASSERT_TRUE(write_file_atomically(file, as_bytes("d4:cepa")));
    EXPECT_FALSE(store.find(stored.id).value());
    EXPECT_TRUE(fs::exists(file.string() + ".corrupt"));
}

TEST(ResumeStore, AFileUnderAnotherTorrentsNameIsSetAside)
{
    const cepa::test::TemporaryFolder folder;
    const StoredTorrent stored = sample(folder.path());
    const ResumeStore store(folder.path());
    ASSERT_TRUE(write_file_atomically(folder.path() / (std::string(40, 'b') + ".resume"), ResumeStore::encode(stored)));
    const auto loaded = store.load();
    EXPECT_TRUE(loaded.torrents.empty());
    EXPECT_EQ(loaded.messages.size(), 1U);
}

TEST(ResumeStore, EveryTruncationIsAnError)
{
    const cepa::test::TemporaryFolder folder;
    const Bytes bytes = ResumeStore::encode(sample(folder.path()));
    ASSERT_TRUE(ResumeStore::decode(bytes));
    for (std::size_t size = 0; size < bytes.size(); ++size)
        EXPECT_FALSE(ResumeStore::decode(ByteSpan(bytes).first(size))) << size;
}

TEST(ResumeStore, FieldsOutOfRangeAreNotGuessed)
{
    const cepa::test::TemporaryFolder folder;
    StoredTorrent stored = sample(folder.path());
    stored.route.hops = 17;
    EXPECT_FALSE(ResumeStore::decode(ResumeStore::encode(stored)));
    stored.route.hops = 3;
    stored.id = "../../etc/passwd";
    EXPECT_FALSE(ResumeStore::decode(ResumeStore::encode(stored)));
    EXPECT_FALSE(ResumeStore::decode(with_schema(sample(folder.path()), 0)));
    EXPECT_FALSE(ResumeStore::decode(as_bytes("d4:cepad6:schemai1eee")));
}

TEST(ResumeStore, NoFolderKeepsNothing)
{
    const cepa::test::TemporaryFolder folder;
    const ResumeStore store("");
    EXPECT_TRUE(store.prepare());
    EXPECT_TRUE(store.save(sample(folder.path())));
    EXPECT_TRUE(store.load().torrents.empty());
}

TEST(ResumeStore, AFolderThatCannotBeMadeIsNamed)
{
    const cepa::test::TemporaryFolder folder;
    std::ofstream(folder.path() / "file") << "x";
    const ResumeStore store(folder.path() / "file" / "torrents");
    EXPECT_NE(store.prepare().error().find("file/torrents"), std::string::npos);
    EXPECT_FALSE(store.save(sample(folder.path())));
    EXPECT_EQ(ResumeStore(folder.path() / "none").load().messages.size(), 0U) << "a first start is no error";
}

} // namespace
} // namespace cepa::main
