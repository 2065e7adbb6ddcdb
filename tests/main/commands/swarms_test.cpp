#include "main/commands/commands.hpp"
#include "main/user_error.hpp"
#include "support/temporary_folder.hpp"

#include <gtest/gtest.h>

namespace cepa::main {
namespace {

TEST(SwarmsCommand, NeedsARunningNode) // what one answers: tests/integration/seed_hidden_test.py
{
    const cepa::test::TemporaryFolder folder;
    const Options options;
    Settings settings;
    const InProcessFactory none;
    Console console(true);
    CommandContext context{options, settings, folder.path(), {}, {false, "a unit test"}, none, console};
    EXPECT_THROW((void)swarms_command(context), UserError);
}

} // namespace
} // namespace cepa::main
