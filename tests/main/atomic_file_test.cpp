#include "main/atomic_file.hpp"

#include "support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <sys/stat.h>

#include <fstream>

namespace cepa::main {
namespace {

using cepa::test::TemporaryFolder;

std::size_t entries(const std::filesystem::path& folder)
{
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

TEST(AtomicFile, WritesAndReadsBack)
{
    const TemporaryFolder folder;
    const Bytes big(300'000, 7);
    ASSERT_TRUE(write_file_atomically(folder.path() / "state", big));
    EXPECT_EQ(read_file(folder.path() / "state").value(), big);
    ASSERT_TRUE(write_file_atomically(folder.path() / "state", as_bytes("short")));
    EXPECT_EQ(read_file(folder.path() / "state").value(), Bytes({'s', 'h', 'o', 'r', 't'}));
    EXPECT_EQ(entries(folder.path()), 1U) << "no temporary file stays behind";
    struct stat about{};
    ASSERT_EQ(::stat((folder.path() / "state").c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 0777U, 0600U);
}

TEST(AtomicFile, AFailureLeavesTheOldFile)
{
    const TemporaryFolder folder;
    std::filesystem::create_directory(folder.path() / "state"); // a rename over a folder fails
    const auto done = write_file_atomically(folder.path() / "state", as_bytes("x"));
    ASSERT_FALSE(done);
    EXPECT_TRUE(std::filesystem::is_directory(folder.path() / "state"));
    EXPECT_EQ(entries(folder.path()), 1U);
    EXPECT_EQ(write_file_atomically(folder.path() / "no" / "state", as_bytes("x")).error(),
              boost::system::errc::no_such_file_or_directory);
}

TEST(AtomicFile, FullDiskIsAnErrorAndKeepsTheOldFile)
{
    if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
    const TemporaryFolder folder;
    ASSERT_TRUE(write_file_atomically(folder.path() / "state", as_bytes("old")));
    // The temporary file's name is taken by a link to a device that is always full; links are not followed.
    const auto temporary = folder.path() / ("state.new." + std::to_string(::getpid()));
    std::filesystem::create_symlink("/dev/full", temporary);
    EXPECT_FALSE(write_file_atomically(folder.path() / "state", as_bytes("new")));
    EXPECT_EQ(read_file(folder.path() / "state").value(), Bytes({'o', 'l', 'd'}));
}

TEST(AtomicFile, ReadingIsBoundedAndNamesWhatFailed)
{
    const TemporaryFolder folder;
    ASSERT_TRUE(write_file_atomically(folder.path() / "state", Bytes(100, 1)));
    EXPECT_TRUE(read_file(folder.path() / "state", 100));
    EXPECT_EQ(read_file(folder.path() / "state", 99).error(), boost::system::errc::file_too_large);
    EXPECT_EQ(read_file(folder.path()).error(), boost::system::errc::is_a_directory);
    EXPECT_EQ(read_file(folder.path() / "none").error(), boost::system::errc::no_such_file_or_directory);
}

TEST(AtomicFile, MakesPrivateFolders)
{
    const TemporaryFolder folder;
    ASSERT_TRUE(make_private_folder(folder.path() / "a" / "b"));
    ASSERT_TRUE(make_private_folder(folder.path() / "a" / "b")) << "a second time is fine";
    struct stat about{};
    ASSERT_EQ(::stat((folder.path() / "a").c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 0777U, 0700U);
    ASSERT_TRUE(write_file_atomically(folder.path() / "file", as_bytes("x")));
    EXPECT_FALSE(make_private_folder(folder.path() / "file"));
    EXPECT_FALSE(make_private_folder(folder.path() / "file" / "below"));
}

} // namespace
} // namespace cepa::main
