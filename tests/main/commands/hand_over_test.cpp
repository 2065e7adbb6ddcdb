#include "main/commands/hand_over.hpp"
#include "main/user_error.hpp"

#include <gmock/gmock.h>

namespace cepa::main {
namespace {

class HandOverTest : public testing::Test {
protected:
    std::string complaint(const char* flag)
    {
        options.overrides = {{"some.setting", flag, {"x"}}};
        CommandContext context{options, settings, "/nonexistent/state", {}, {false, "a unit test"}, none, console};
        try {
            refuse_network_flags(context);
        } catch (const Misuse& refusal) {
            return refusal.what();
        }
        return "";
    }
    Options options;
    Settings settings;
    InProcessFactory none;
    Console console{true};
};

TEST_F(HandOverTest, FlagsThatNameANetworkAreRefused)
{
    for (const char* flag : {"--overlay", "--peer", "--listen"})
        EXPECT_THAT(complaint(flag), testing::AllOf(testing::StartsWith(flag), testing::HasSubstr("--state")));
    EXPECT_EQ(complaint("--log-level"), "");
}

TEST_F(HandOverTest, WhereNothingRunsNothingIsRefused)
{
    options.overrides = {{"network.overlay", "--overlay", {"ab"}}};
    const CommandContext context{options, settings, "/nonexistent/state", {}, {false, "a unit test"}, none, console};
    EXPECT_FALSE(service_to_hand_to(context).has_value());
}

} // namespace
} // namespace cepa::main
