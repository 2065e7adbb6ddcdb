#include "main/worker_process.hpp"
#include "proto/build_id.hpp"
#include "proto/slot_table.hpp"
#include "support/loop.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <signal.h>
#include <sys/wait.h>

namespace cepa::main {
namespace {

using namespace std::chrono_literals;

struct WorkerProcessTest : testing::Test, WorkerProcessObserver {
    boost::asio::io_context io;
    BootClock clock;
    std::unique_ptr<WorkerProcess> process;
    int syncs = 0;
    std::optional<std::string> end;
    bool own_fault = false;

    void on_call(const proto::Envelope& call, proto::Rpc::Respond) override { syncs += call.has_sync() ? 1 : 0; }
    void on_frame(const proto::FrameView&) override {}
    void on_frame_batch_end() override {}
    void on_worker_end(const std::string& how) override
    {
        end = how;
        own_fault = process->own_fault();
        process.reset(); // allowed from here
    }

    void start(std::vector<std::string> arguments)
    {
        arguments.insert(arguments.begin(), "worker");
        auto started =
            WorkerProcess::start(io, clock, {WorkerId(0), "/proc/self/exe", std::move(arguments), {}}, *this);
        ASSERT_TRUE(started) << started.error().message();
        process = std::move(*started);
        proto::Envelope envelope;
        auto* create = envelope.mutable_create();
        create->set_build_id(proto::build_id());
        create->set_max_workers(1);
        create->set_front_process(true);
        create->set_sync_interval_ms(20);
        *create->mutable_steer() = proto::SlotTable().to_message();
        process->control().call(std::move(envelope), 10s, [](const Result<proto::Answer>&) {});
    }
    bool wait(const std::function<bool()>& happened) { return test::run_until(io, happened); }
};

TEST_F(WorkerProcessTest, SpeaksAndEndsWhenAsked)
{
    start({});
    ASSERT_TRUE(wait([this] { return syncs > 0; }));
    EXPECT_TRUE(process->usable());
    process->ask_to_exit(5s);
    ASSERT_TRUE(wait([this] { return end.has_value(); }));
    EXPECT_EQ(*end, "exit status 0");
}

TEST_F(WorkerProcessTest, KillSaysWhy)
{
    start({});
    process->kill("a reason");
    EXPECT_FALSE(process->usable());
    ASSERT_TRUE(wait([this] { return end.has_value(); }));
    EXPECT_EQ(*end, "a reason, killed by signal 9");
}

TEST_F(WorkerProcessTest, ItsOwnEndIsSeen)
{
    start({"crash"});
    ASSERT_TRUE(wait([this] { return end.has_value(); }));
    EXPECT_NE(end->find("exit status 3"), std::string::npos) << *end;
}

TEST_F(WorkerProcessTest, WhoEndedItIsKnown)
{
    start({"crash"});
    ASSERT_TRUE(wait([this] { return end.has_value(); }));
    EXPECT_TRUE(own_fault);
    end.reset();
    start({});
    process->kill("a reason");
    ASSERT_TRUE(wait([this] { return end.has_value(); }));
    EXPECT_TRUE(own_fault);
    end.reset();
    start({});
    ::kill(process->pid(), SIGKILL);
    ASSERT_TRUE(wait([this] { return end.has_value(); }));
    EXPECT_FALSE(own_fault);
}

TEST_F(WorkerProcessTest, CallsAreAnsweredOnceThoughItDiesWithItsPipeFull)
{
    start({"lastwords"});
    ASSERT_TRUE(wait([this] { return syncs > 0; }));
    int answers = 0;
    proto::Envelope envelope;
    envelope.mutable_circuit()->set_hops(1);
    process->control().call(std::move(envelope), 10s, [&](const Result<proto::Answer>& answer) {
        ++answers;
        EXPECT_FALSE(answer);
        EXPECT_FALSE(end) << "before its end is told";
    });
    siginfo_t info{};
    ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(process->pid()), &info, WEXITED | WNOWAIT), 0);
    ASSERT_TRUE(wait([this] { return end.has_value(); }));
    EXPECT_EQ(answers, 1);
    test::run_ready(io);
    EXPECT_EQ(answers, 1);
}

TEST_F(WorkerProcessTest, PastTheGraceItIsKilled)
{
    start({"deaf"});
    process->ask_to_exit(50ms);
    ASSERT_TRUE(wait([this] { return end.has_value(); }));
    EXPECT_EQ(*end, "did not exit when asked, killed by signal 9");
}

TEST_F(WorkerProcessTest, DestructionReapsIt)
{
    start({});
    const pid_t pid = process->pid();
    process.reset();
    EXPECT_NE(::kill(pid, 0), 0);
    test::run_ready(io);
    EXPECT_FALSE(end);
}

} // namespace
} // namespace cepa::main
