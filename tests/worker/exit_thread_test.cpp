#include "worker/exit_thread.hpp"

#include "proto/pipe.hpp"
#include "worker/worker.hpp"

#include "proto/exit.pb.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <gtest/gtest.h>

#include <poll.h>
#include <unistd.h>

#include <optional>

namespace cepa::worker {
namespace {

/// Main's two ends, and the worker's.
struct ExitPipes {
    proto::PipeEnds request = proto::make_pipe().value();
    proto::PipeEnds answer = proto::make_pipe().value();

    void ask(std::uint32_t grace_ms) const
    {
        proto::ExitRequest message;
        message.set_grace_ms(grace_ms);
        const std::string body = message.SerializeAsString();
        std::string bytes(4, '\0');
        bytes[3] = static_cast<char>(body.size());
        bytes += body;
        ASSERT_EQ(::write(request.write.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    }
    /// Everything that the worker wrote before it closed its end or ended.
    std::optional<proto::ExitAnswer> read_answer()
    {
        answer.write.reset();
        std::string bytes;
        char chunk[512];
        pollfd wait{answer.read.get(), POLLIN, 0};
        const auto whole = [&] { return bytes.size() >= 4 && bytes.size() >= 4U + static_cast<unsigned char>(bytes[3]); };
        while (!whole() && ::poll(&wait, 1, 10'000) == 1) {
            const ssize_t got = ::read(answer.read.get(), chunk, sizeof chunk);
            if (got <= 0) break;
            bytes.append(chunk, static_cast<std::size_t>(got));
        }
        proto::ExitAnswer out;
        if (!whole() || !out.ParseFromString(bytes.substr(4))) return std::nullopt;
        return out;
    }
};

bool becomes_readable(int fd)
{
    pollfd wait{fd, POLLIN, 0};
    return ::poll(&wait, 1, 10'000) == 1;
}

TEST(ExitThread, AnswersCleanWhenTheLoopFinishes)
{
    ExitPipes pipes;
    ExitThread thread(std::move(pipes.request.read), std::move(pipes.answer.write));
    EXPECT_FALSE(thread.requested());
    pipes.ask(60'000);
    ASSERT_TRUE(becomes_readable(thread.wake_descriptor()));
    EXPECT_TRUE(thread.requested());
    thread.finish();
    const auto answer = pipes.read_answer();
    ASSERT_TRUE(answer);
    EXPECT_TRUE(answer->clean());
}

TEST(ExitThread, EndsWithoutAnAnswerWhenNobodyAsked)
{
    ExitPipes pipes;
    {
        ExitThread thread(std::move(pipes.request.read), std::move(pipes.answer.write));
    }
    EXPECT_FALSE(pipes.read_answer());
}

TEST(ExitThread, WakesAnAsioLoopThatSleeps)
{
    ExitPipes pipes;
    ExitThread thread(std::move(pipes.request.read), std::move(pipes.answer.write));
    boost::asio::io_context io;
    boost::asio::posix::stream_descriptor wake(io, ::dup(thread.wake_descriptor()));
    bool woken = false;
    wake.async_wait(boost::asio::posix::descriptor_base::wait_read, [&](ErrorCode) { woken = true; });
    pipes.ask(60'000);
    io.run_one_for(std::chrono::seconds(10));
    EXPECT_TRUE(woken);
}

/// The loop is this thread, and it is stuck: it reads a pipe that nobody writes to.
void be_stuck()
{
    proto::PipeEnds silence = proto::make_pipe().value();
    pollfd wait{silence.read.get(), POLLIN, 0};
    ::poll(&wait, 1, 20'000);
    ::_exit(99); // nobody ended us
}

void be_stuck_with(ExitPipes& pipes)
{
    ExitThread thread(std::move(pipes.request.read), std::move(pipes.answer.write));
    be_stuck();
}

TEST(ExitThreadDeath, PastTheGraceItAnswersAndEndsAStuckProcess)
{
    ExitPipes pipes;
    pipes.ask(10);
    EXPECT_EXIT(be_stuck_with(pipes), testing::ExitedWithCode(kExitGrace), ""); // a fork of us: it answers into our pipe
    const auto answer = pipes.read_answer();
    ASSERT_TRUE(answer);
    EXPECT_FALSE(answer->clean());
    EXPECT_EQ(answer->error(), "the control loop did not finish within 10 ms");
}

TEST(ExitThreadDeath, EndOfFileEndsAStuckProcessAtOnce)
{
    ExitPipes pipes;
    pipes.request.write.reset();
    EXPECT_EXIT(be_stuck_with(pipes), testing::ExitedWithCode(kExitLostPipe), "");
}

TEST(ExitThreadDeath, AnOutgoingPipeThatNobodyReadsEndsTheProcess)
{
    ExitPipes pipes;
    proto::PipeEnds data = proto::make_pipe().value();
    data.read.reset();
    EXPECT_EXIT(
        {
            ExitThread thread(std::move(pipes.request.read), std::move(pipes.answer.write), {data.write.get()});
            be_stuck();
        },
        testing::ExitedWithCode(kExitLostPipe), "");
}

TEST(ExitThreadDeath, NonsenseEndsTheProcess)
{
    ExitPipes pipes;
    const char nonsense[] = "\xff\xff\xff\xff";
    ASSERT_EQ(::write(pipes.request.write.get(), nonsense, 4), 4);
    EXPECT_EXIT(be_stuck_with(pipes), testing::ExitedWithCode(kExitLostPipe), "");
}

TEST(ExitThreadDeath, EndOfFileDuringTheGraceEndsTheProcess)
{
    ExitPipes pipes;
    pipes.ask(60'000);
    pipes.request.write.reset();
    EXPECT_EXIT(be_stuck_with(pipes), testing::ExitedWithCode(kExitLostPipe), "");
}

} // namespace
} // namespace cepa::worker
