#include "main/commands/seen_choice.hpp"
#include "main/plain_marks.hpp"
#include "main/state_folder.hpp"
#include "main/user_error.hpp"
#include "support/temporary_folder.hpp"

#include <gtest/gtest.h>

namespace cepa::main {
namespace {

class SeenChoiceTest : public testing::Test {
protected:
    bool choose()
    {
        CommandContext context{options, settings, folder.path(), {}, {false, "a unit test"}, none, console};
        return choose_although_seen(context, id);
    }
    const std::string id = std::string(40, 'a');
    cepa::test::TemporaryFolder folder;
    Options options;
    Settings settings;
    InProcessFactory none;
    Console console{true};

    void SetUp() override { options.json = true; } // nobody is asked
};

TEST_F(SeenChoiceTest, ATorrentThatWasNeverSeenNeedsNoChoice)
{
    EXPECT_FALSE(choose());
}

TEST_F(SeenChoiceTest, OneThatWasSeenIsRefusedWithTheFlagThatGoesOn)
{
    ASSERT_TRUE(PlainMarks(plain_marks_file(folder.path())).add(id));
    try {
        (void)choose();
        FAIL();
    } catch (const Misuse& refusal) {
        EXPECT_NE(std::string(refusal.what()).find("--although-seen"), std::string::npos);
    }
    options.torrent.although_seen = true;
    EXPECT_TRUE(choose());
}

} // namespace
} // namespace cepa::main
