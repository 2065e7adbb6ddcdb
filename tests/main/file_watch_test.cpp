#include "main/file_watch.hpp"
#include "support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <fstream>

namespace cepa::main {
namespace {

namespace fs = std::filesystem;

class FileWatchTest : public testing::Test {
protected:
    fs::path write(const char* name, const char* text)
    {
        std::ofstream(folder.path() / name) << text;
        return folder.path() / name;
    }
    cepa::test::TemporaryFolder folder;
};

TEST_F(FileWatchTest, WhatStaysIsNotSpokenOf)
{
    FileWatch watch({write("one", "1"), write("two", "2"), folder.path() / "never"});
    EXPECT_EQ(watch.look(), "");
    EXPECT_EQ(watch.look(), "");
    EXPECT_EQ(watch.files(), 3U);
}

TEST_F(FileWatchTest, AnotherSizeAnotherTimeAndNoFileAreSeen)
{
    const fs::path one = write("one", "1");
    FileWatch watch({one});
    EXPECT_EQ(watch.look(), "");
    const auto written = fs::last_write_time(one);
    write("one", "longer");
    fs::last_write_time(one, written);
    EXPECT_EQ(watch.look(), one.string() + ": was changed");
    write("one", "x");
    fs::last_write_time(one, written + std::chrono::seconds(1)); // as long as it was
    EXPECT_EQ(watch.look(), one.string() + ": was changed");
    fs::remove(one);
    EXPECT_EQ(watch.look(), one.string() + ": is not there any more");
}

} // namespace
} // namespace cepa::main
