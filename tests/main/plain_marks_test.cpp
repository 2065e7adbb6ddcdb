#include "main/atomic_file.hpp"
#include "main/plain_marks.hpp"
#include "support/temporary_folder.hpp"

#include <gtest/gtest.h>

namespace cepa::main {
namespace {

const std::string kMarkedId(40, 'a');

TEST(PlainMarksTest, WhatWasMarkedIsKnownToTheNext)
{
    const cepa::test::TemporaryFolder folder;
    const auto file = folder.path() / "plain-lives";
    EXPECT_FALSE(PlainMarks(file).has(kMarkedId));
    ASSERT_TRUE(PlainMarks(file).add(kMarkedId));
    ASSERT_TRUE(PlainMarks(file).add(kMarkedId));
    EXPECT_TRUE(PlainMarks(file).has(kMarkedId));
    EXPECT_FALSE(PlainMarks(file).has(std::string(40, 'b')));
    EXPECT_EQ(std::filesystem::file_size(file), 33U) << "once, and not the id itself";
}

TEST(PlainMarksTest, WithoutAFileNothingIsKept)
{
    EXPECT_TRUE(PlainMarks("").add(kMarkedId));
    EXPECT_FALSE(PlainMarks("").has(kMarkedId));
}

TEST(PlainMarksTest, WhenInDoubtItWasMarked)
{
    const cepa::test::TemporaryFolder folder; // a folder is no file that could be read
    EXPECT_TRUE(PlainMarks(folder.path()).has(kMarkedId));
    EXPECT_FALSE(PlainMarks(folder.path()).add(kMarkedId));
}

TEST(PlainMarksTest, TheOldestIsForgotten)
{
    const cepa::test::TemporaryFolder folder;
    const auto file = folder.path() / "plain-lives";
    ASSERT_TRUE(PlainMarks(file).add(kMarkedId));
    Bytes content = read_file(file).value();
    const Bytes other(33, 'x');
    while (content.size() < PlainMarks::kMost * 33)
        content.insert(content.end(), other.begin(), other.end());
    ASSERT_TRUE(write_file_atomically(file, content));
    EXPECT_TRUE(PlainMarks(file).has(kMarkedId));
    ASSERT_TRUE(PlainMarks(file).add(std::string(40, 'b')));
    EXPECT_FALSE(PlainMarks(file).has(kMarkedId));
    EXPECT_TRUE(PlainMarks(file).has(std::string(40, 'b')));
}

} // namespace
} // namespace cepa::main
