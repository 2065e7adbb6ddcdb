#include "main/state_folder.hpp"
#include "main/user_error.hpp"

#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>
#include <optional>
#include <sys/stat.h>

using namespace cepa::main;
using testing::HasSubstr;

namespace {

class StateFolderTest : public testing::Test {
protected:
    void SetUp() override
    {
        std::string made = testing::TempDir() + "cepa-state-XXXXXX";
        ASSERT_NE(::mkdtemp(made.data()), nullptr);
        parent = made;
        path = parent / "a" / "state";
    }
    void TearDown() override { std::filesystem::remove_all(parent); }

    std::string complaint() const
    {
        try {
            (void)StateFolder::open(path);
        } catch (const UserError& error) {
            return error.what();
        }
        return {};
    }

    std::filesystem::path parent;
    std::filesystem::path path;
};

unsigned mode_of(const std::filesystem::path& path)
{
    struct stat info{};
    return ::stat(path.c_str(), &info) == 0 ? info.st_mode & 0777U : 0;
}

} // namespace

TEST_F(StateFolderTest, IsMadePrivateAndCanBeOpenedAgain)
{
    {
        const StateFolder folder = StateFolder::open(path);
    }
    EXPECT_EQ(mode_of(path), 0700u);
    EXPECT_EQ(complaint(), "");
}

TEST_F(StateFolderTest, ASecondInstanceIsAnError)
{
    std::optional<StateFolder> first = StateFolder::open(path);
    EXPECT_THAT(complaint(), HasSubstr("in use by another cepa"));
    first.reset();
    EXPECT_EQ(complaint(), "");
}

TEST_F(StateFolderTest, NewerStateIsRefusedAndUntouched)
{
    {
        const StateFolder folder = StateFolder::open(path);
    }
    std::ofstream(path / "schema") << kStateSchema + 1 << "\n";
    EXPECT_THAT(complaint(), HasSubstr("written by a newer cepa"));
    std::ofstream(path / "schema") << "banana\n";
    EXPECT_THAT(complaint(), HasSubstr("does not hold a schema number"));
}

TEST_F(StateFolderTest, AFolderOfOtherThingsIsLeftAlone)
{
    std::filesystem::create_directories(path);
    ASSERT_EQ(::chmod(path.c_str(), 0755), 0);
    std::ofstream(path / "thesis.tex") << "x";
    EXPECT_THAT(complaint(), HasSubstr("holds other files"));
    EXPECT_EQ(mode_of(path), 0755u);
}

TEST_F(StateFolderTest, AFileInTheWayIsAnError)
{
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << "x";
    EXPECT_THAT(complaint(), HasSubstr(path.string()));
}

TEST_F(StateFolderTest, OpenToOthersIsCorrected)
{
    {
        const StateFolder folder = StateFolder::open(path);
    }
    ASSERT_EQ(::chmod(path.c_str(), 0755), 0);
    {
        const StateFolder folder = StateFolder::open(path);
    }
    EXPECT_EQ(mode_of(path), 0700u);
}

TEST_F(StateFolderTest, TheIdentityIsKept)
{
    std::string first;
    {
        StateFolder folder = StateFolder::open(path);
        first = folder.persistent_identity().public_form();
    }
    EXPECT_EQ(mode_of(path / "identity.key"), 0600u);
    StateFolder folder = StateFolder::open(path);
    EXPECT_EQ(folder.persistent_identity().public_form(), first);
    std::ofstream(path / "identity.key") << "broken";
    EXPECT_THROW((void)folder.persistent_identity(), UserError);
}

TEST_F(StateFolderTest, GuardsAndExitsAreKept)
{
    StateFolder folder = StateFolder::open(path);
    EXPECT_EQ(folder.load_network("ab").guards_size(), 0);
    cepa::proto::Share share;
    const auto name = [](auto& entry) {
        entry.set_public_key(std::string(74, 'k'));
        entry.mutable_address()->set_ip("\x01\x02\x03\x04");
    };
    share.add_guards()->set_chosen_unix_s(6); // without a key: one such would stop every worker
    share.add_guards()->set_chosen_unix_s(7);
    share.mutable_guards(1)->set_second_hop(true);
    share.mutable_guards(1)->set_kept_until_unix_s(8);
    name(*share.mutable_guards(1));
    share.add_candidates()->set_flags(3);
    name(*share.mutable_candidates(0));
    ASSERT_TRUE(folder.save_network("ab", share).has_value());
    ASSERT_EQ(folder.load_network("ab").guards_size(), 1);
    EXPECT_EQ(folder.load_network("ab").guards(0).chosen_unix_s(), 7);
    EXPECT_TRUE(folder.load_network("ab").guards(0).second_hop());
    EXPECT_EQ(folder.load_network("ab").guards(0).kept_until_unix_s(), 8);
    EXPECT_EQ(folder.load_network("ab").candidates(0).flags(), 3u);
    EXPECT_EQ(folder.load_network("cd").guards_size(), 0); // another overlay
    std::ofstream(path / "network-ab.pb") << "\xff\xff\xff";
    EXPECT_EQ(folder.load_network("ab").guards_size(), 0);
}

TEST_F(StateFolderTest, TrafficCountsForItsMonthOnly)
{
    StateFolder folder = StateFolder::open(path);
    EXPECT_EQ(folder.load_traffic("2026-11"), 0u);
    ASSERT_TRUE(folder.save_traffic("2026-11", 12345).has_value());
    EXPECT_EQ(folder.load_traffic("2026-11"), 12345u);
    EXPECT_EQ(folder.load_traffic("2026-12"), 0u);
    for (const char* damaged : {"", "{", "[]", R"({"month":3,"bytes":1})", R"({"month":"2026-11","bytes":"x"})",
                                R"({"month":"2026-11","bytes":-1})"}) {
        std::ofstream(path / "traffic.json") << damaged;
        EXPECT_EQ(folder.load_traffic("2026-11"), 0u) << damaged;
    }
}
