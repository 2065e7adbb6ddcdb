// The process started is this test program itself, asked to list its tests or to run one of them.
#include "main/commands/node_process.hpp"
#include "main/user_error.hpp"

#include <gmock/gmock.h>

#include <csignal>
#include <cstdlib>
#include <sys/prctl.h>
#include <unistd.h>

using namespace cepa;
using namespace cepa::main;
using testing::HasSubstr;

namespace {

class NodeProcessTest : public testing::Test {
protected:
    void SetUp() override
    {
        std::string made = testing::TempDir() + "cepa-node-XXXXXX";
        ASSERT_NE(::mkdtemp(made.data()), nullptr);
        folder = made;
    }
    void TearDown() override { std::filesystem::remove_all(folder); }

    NodeStart start(std::string argument, std::string second = "--gtest_color=no") const
    {
        return {"relay", "127.1.2.3", {std::move(argument), std::move(second)}, folder / "node"};
    }

    static bool ended(NodeProcess& node)
    {
        for (int tries = 0; tries < 3000 && node.running(); ++tries)
            ::usleep(10'000);
        return !node.running();
    }

    std::filesystem::path folder;
};

} // namespace

TEST_F(NodeProcessTest, RunsThisProgramWithItsArgumentsAndKeepsWhatItWrites)
{
    NodeProcess node(start("--gtest_list_tests", "--gtest_filter=NodeProcess*"));
    EXPECT_GT(node.pid(), 0);
    EXPECT_TRUE(ended(node));
    EXPECT_THAT(node.log_tail(), HasSubstr("NodeProcessTest"));
    EXPECT_FALSE(node.connect());
    EXPECT_EQ(node.role(), "relay");
    EXPECT_EQ(node.address(), "127.1.2.3");
}

TEST_F(NodeProcessTest, TheUsersOwnVariablesStayOutside)
{
    ::setenv("CEPA_NETWORK_JOIN", "public", 1);
    NodeProcess node(start("--gtest_filter=NodeProcessChild.SeesNoVariableOfOurs"));
    EXPECT_TRUE(ended(node));
    ::unsetenv("CEPA_NETWORK_JOIN");
    EXPECT_THAT(node.log_tail(), HasSubstr("[  PASSED  ] 1 test"));
}

TEST_F(NodeProcessTest, SaysWhereItCannotStart)
{
    NodeStart wrong = start("--gtest_list_tests", "--gtest_filter=NodeProcess*");
    wrong.folder = "/proc/nowhere";
    EXPECT_THROW(NodeProcess{wrong}, UserError);
}

TEST_F(NodeProcessTest, IsKilledWithItsOwner)
{
    pid_t pid = -1;
    {
        NodeProcess node(start("--gtest_filter=NodeProcessChild.Sleeps"));
        pid = node.pid();
        EXPECT_EQ(::kill(pid, 0), 0);
    }
    EXPECT_EQ(::kill(pid, 0), -1); // killed and waited for
}

TEST_F(NodeProcessTest, MovedFromItOwnsNothing)
{
    NodeProcess first(start("--gtest_filter=NodeProcessChild.Sleeps"));
    NodeProcess second(std::move(first));
    EXPECT_FALSE(first.running()); // NOLINT: that is what is tested
    EXPECT_TRUE(second.running());
    second.kill();
    EXPECT_TRUE(ended(second));
}

// What the children of the tests above run.
TEST(NodeProcessChild, SeesNoVariableOfOurs)
{
    EXPECT_EQ(std::getenv("CEPA_NETWORK_JOIN"), nullptr);
}

TEST(NodeProcessChild, Sleeps)
{
    int parent_death = 0;
    ::prctl(PR_GET_PDEATHSIG, &parent_death);
    if (parent_death == SIGKILL)
        ::sleep(60); // as a child: until it is killed
    else
        EXPECT_EQ(parent_death, 0); // in the ordinary run: the starter itself is bound to nobody
}

TEST(NodeProcessCpu, CountsOfAProcess)
{
    volatile std::uint64_t work = 0;
    for (std::uint64_t i = 0; i < 400'000'000 && cpu_seconds_of(::getpid()) < 0.05; i += 1'000'000)
        for (std::uint64_t j = 0; j < 1'000'000; ++j)
            work = work + j;
    EXPECT_GT(cpu_seconds_of(::getpid()), 0.0);
    EXPECT_EQ(cpu_seconds_of(-1), 0.0);
    EXPECT_EQ(cpu_seconds_of(0x7ffffff0), 0.0);
}
