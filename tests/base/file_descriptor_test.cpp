#include "base/file_descriptor.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>

#include <array>

namespace cepa {
namespace {

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) != -1; }

class FileDescriptorTest : public ::testing::Test {
protected:
    void SetUp() override { ASSERT_EQ(::pipe2(ends_.data(), O_CLOEXEC), 0); }
    void TearDown() override
    {
        for (const int fd : ends_)
            if (is_open(fd)) ::close(fd);
    }

    std::array<int, 2> ends_{-1, -1};
};

TEST_F(FileDescriptorTest, ClosesWhenDestroyed)
{
    {
        const FileDescriptor fd(ends_[0]);
        EXPECT_TRUE(fd.valid());
        EXPECT_EQ(fd.get(), ends_[0]);
    }
    EXPECT_FALSE(is_open(ends_[0]));
}

TEST_F(FileDescriptorTest, MovingHandsItOver)
{
    FileDescriptor from(ends_[0]);
    FileDescriptor to(std::move(from));
    EXPECT_FALSE(from.valid()); // NOLINT: what is left is the point
    EXPECT_TRUE(is_open(ends_[0]));
    FileDescriptor other(ends_[1]);
    other = std::move(to);
    EXPECT_FALSE(is_open(ends_[1]));
    EXPECT_EQ(other.get(), ends_[0]);
    FileDescriptor& itself = other;
    other = std::move(itself);
    EXPECT_TRUE(is_open(ends_[0]));
}

TEST_F(FileDescriptorTest, ReleaseGivesItUp)
{
    FileDescriptor fd(ends_[0]);
    EXPECT_EQ(fd.release(), ends_[0]);
    EXPECT_FALSE(fd.valid());
    fd.reset();
    EXPECT_TRUE(is_open(ends_[0]));
}

} // namespace
} // namespace cepa
