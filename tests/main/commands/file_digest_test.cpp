#include "main/commands/file_digest.hpp"
#include "main/user_error.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

using namespace cepa::main;

namespace {

const KeepGoing kAlways = [] { return true; };
const KeepGoing kNever = [] { return false; };

class FileDigest : public testing::Test {
protected:
    void SetUp() override
    {
        std::string made = testing::TempDir() + "cepa-digest-XXXXXX";
        ASSERT_NE(::mkdtemp(made.data()), nullptr);
        folder = made;
    }
    void TearDown() override { std::filesystem::remove_all(folder); }
    std::filesystem::path folder;
};

} // namespace

TEST_F(FileDigest, KnownAnswer)
{
    std::ofstream(folder / "abc") << "abc"; // FIPS 180-2, appendix B.1
    EXPECT_EQ(sha256_of_file(folder / "abc", kAlways),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    std::ofstream(folder / "empty") << "";
    EXPECT_EQ(sha256_of_file(folder / "empty", kAlways),
              "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST_F(FileDigest, RandomFilesHaveTheSizeAndTheDigest)
{
    const std::uint64_t size = (std::uint64_t{9} << 20U) + 17;
    const std::string a = write_random_file(folder / "a", size, kAlways);
    EXPECT_EQ(std::filesystem::file_size(folder / "a"), size);
    EXPECT_EQ(sha256_of_file(folder / "a", kAlways), a);
    EXPECT_NE(write_random_file(folder / "b", size, kAlways), a);
}

TEST_F(FileDigest, Refusals)
{
    EXPECT_THROW((void)sha256_of_file(folder / "absent", kAlways), UserError);
    EXPECT_THROW((void)sha256_of_file(folder, kAlways), UserError);
    EXPECT_THROW((void)write_random_file(folder / "absent" / "x", 1, kAlways), UserError);
    std::ofstream(folder / "there") << "x";
    EXPECT_THROW((void)write_random_file(folder / "there", 1, kAlways), UserError);
    EXPECT_THROW((void)sha256_of_file(folder / "there", kNever), UserError);
}
