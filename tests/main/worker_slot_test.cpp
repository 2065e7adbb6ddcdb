#include "main/worker_slot.hpp"
#include "proto/build_id.hpp"
#include "proto/slot_table.hpp"
#include "support/loop.hpp"

#include <gtest/gtest.h>

#include <signal.h>

namespace cepa::main {
namespace {

using namespace std::chrono_literals;

struct WorkerSlotTest : testing::Test, WorkerSlotOwner {
    boost::asio::io_context io;
    BootClock clock;
    std::unique_ptr<WorkerSlot> slot;
    bool too_large = false; ///< CREATE
    int created = 0;
    int gone = 0;
    int stopped = 0;
    int syncs = 0;

    proto::Create create_message(WorkerId worker) override
    {
        ++created;
        proto::Create create;
        create.set_build_id(proto::build_id());
        create.set_worker_id(worker.value);
        create.set_max_workers(1);
        create.set_front_process(true);
        create.set_sync_interval_ms(20);
        *create.mutable_steer() = proto::SlotTable().to_message();
        if (too_large) create.set_identity_public(std::string(proto::kMaxMessage, 'x'));
        return create;
    }
    void on_call(WorkerId, const proto::Envelope&, proto::Rpc::Respond) override { ++syncs; }
    void on_frame(WorkerId, const proto::FrameView&) override {}
    void on_frame_batch_end(WorkerId) override {}
    void on_worker_gone(WorkerId) override
    {
        EXPECT_EQ(slot->process(), nullptr);
        ++gone;
    }
    void on_slot_stopped(WorkerId) override { ++stopped; }

    void make(std::vector<std::string> scripts = {})
    {
        scripts.insert(scripts.begin(), "worker");
        WorkerSlotOwner& owner = *this;
        slot = std::make_unique<WorkerSlot>(io, clock,
                                            WorkerLaunch{WorkerId(0), "/proc/self/exe", std::move(scripts), {}}, owner);
    }
    bool wait(const std::function<bool()>& happened) { return test::run_until(io, happened); }
};

TEST_F(WorkerSlotTest, ReplacesADeadProcessAtOnce)
{
    make();
    ASSERT_TRUE(slot->start());
    ASSERT_TRUE(wait([this] { return syncs > 0; }));
    const pid_t first = slot->process()->pid();
    ::kill(first, SIGKILL);
    ASSERT_TRUE(wait([this] { return gone == 1; }));
    ASSERT_NE(slot->process(), nullptr) << "in the same turn of the loop";
    EXPECT_NE(slot->process()->pid(), first);
    EXPECT_EQ(created, 2);
    EXPECT_EQ(slot->restarts(), 1U);
}

TEST_F(WorkerSlotTest, OneThatServedIsReplacedAtOnceHoweverOftenItIsKilled)
{
    make();
    ASSERT_TRUE(slot->start());
    for (int i = 1; i <= 6; ++i) {
        const int before = syncs;
        ASSERT_TRUE(wait([&] { return syncs > before; }));
        ::kill(slot->process()->pid(), SIGKILL);
        ASSERT_TRUE(wait([&] { return gone == i; }));
        ASSERT_NE(slot->process(), nullptr) << "in the same turn of the loop, the " << i << "th time too";
    }
}

TEST_F(WorkerSlotTest, ACreateThatCannotBeSentIsNotForgotten)
{
    too_large = true;
    make();
    ASSERT_TRUE(slot->start());
    ASSERT_TRUE(wait([this] { return gone >= 2; })) << "killed and tried again, not left idle";
}

TEST_F(WorkerSlotTest, StoppedItStaysDown)
{
    make();
    ASSERT_TRUE(slot->start());
    slot->stop(5s);
    EXPECT_EQ(slot->process(), nullptr) << "no work for one that is ending";
    ASSERT_TRUE(wait([this] { return stopped == 1; }));
    EXPECT_TRUE(slot->stopped());
    EXPECT_EQ(gone, 1);
    EXPECT_EQ(slot->restarts(), 0U);
}

TEST_F(WorkerSlotTest, MayBeStartedAgainWhileItEnds)
{
    make();
    ASSERT_TRUE(slot->start());
    slot->stop(5s);
    ASSERT_TRUE(slot->start());
    ASSERT_TRUE(wait([this] { return created == 2; }));
    EXPECT_NE(slot->process(), nullptr);
    EXPECT_EQ(stopped, 0);
}

TEST_F(WorkerSlotTest, StopWhileARestartIsDue)
{
    make({"crash"});
    ASSERT_TRUE(slot->start());
    ASSERT_TRUE(wait([this] { return gone >= 3; }));
    const int before = created;
    slot->stop(5s);
    ASSERT_TRUE(wait([this] { return stopped == 1; }));
    EXPECT_EQ(created, before);
}

TEST_F(WorkerSlotTest, SilenceIsCountedInTicksAndEndedByAnyMessage)
{
    make();
    ASSERT_TRUE(slot->start());
    for (int i = 0; i < 3; ++i)
        slot->tick(3);
    ASSERT_TRUE(wait([this] { return syncs > 0; }));
    for (int i = 0; i < 3; ++i)
        slot->tick(3);
    EXPECT_NE(slot->process(), nullptr);
    slot->tick(3);
    EXPECT_EQ(slot->process(), nullptr);
    ASSERT_TRUE(wait([this] { return gone == 1; }));
}

TEST_F(WorkerSlotTest, AProgramThatCannotBeStartedIsAnError)
{
    WorkerSlotOwner& owner = *this;
    slot = std::make_unique<WorkerSlot>(io, clock, WorkerLaunch{WorkerId(0), "/nonexistent", {}, {}}, owner);
    EXPECT_FALSE(slot->start());
    EXPECT_TRUE(slot->stopped());
}

} // namespace
} // namespace cepa::main
