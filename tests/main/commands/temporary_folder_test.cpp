#include "main/commands/temporary_folder.hpp"
#include "main/user_error.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <sys/wait.h>
#include <unistd.h>

using namespace cepa::main;

TEST(TemporaryFolder, IsGoneWithItsOwner)
{
    std::filesystem::path path;
    {
        const TemporaryFolder folder(testing::TempDir(), "cepa-temporary-");
        path = folder.path();
        ASSERT_TRUE(std::filesystem::is_directory(path));
        std::filesystem::create_directories(path / "a" / "b");
        std::ofstream(path / "a" / "file") << "x";
        EXPECT_EQ(std::filesystem::status(path).permissions(), std::filesystem::perms::owner_all);
    }
    EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(TemporaryFolder, IsGoneWhenItsOwnerIsKilled)
{
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t owner = ::fork();
    if (owner == 0) {
        const TemporaryFolder folder(testing::TempDir(), "cepa-temporary-");
        const std::string path = folder.path();
        if (::write(ends[1], path.data(), path.size()) < 0) ::_exit(2);
        ::raise(SIGKILL);
    }
    char path[4096] = {};
    ASSERT_GT(::read(ends[0], path, sizeof path - 1), 0);
    ::waitpid(owner, nullptr, 0);
    for (int tries = 0; tries < 1000 && std::filesystem::exists(path); ++tries)
        ::usleep(10'000);
    EXPECT_FALSE(std::filesystem::exists(path)) << path;
    ::close(ends[0]);
    ::close(ends[1]);
}

TEST(TemporaryFolder, SaysWhereItCouldNot)
{
    EXPECT_THROW(TemporaryFolder("/nonexistent", "x"), UserError);
}
