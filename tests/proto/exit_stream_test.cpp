#include "proto/exit_stream.hpp"

#include "proto/message_stream.hpp"
#include "proto/pipe.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include <chrono>
#include <string>

namespace cepa::proto {
namespace {

TEST(ExitStream, MainsMessageStreamAndTheWorkersBlockingSideUnderstandEachOther)
{
    boost::asio::io_context io;
    PipeEnds down = std::move(*make_pipe());
    PipeEnds up = std::move(*make_pipe());
    MessageStream main(io, std::move(up.read), std::move(down.write));
    ExitAnswer answer;
    main.start([&](ByteSpan m) { answer.ParseFromArray(m.data(), static_cast<int>(m.size())); main.close(); }, [](ErrorCode) {});
    ExitRequest request;
    request.set_grace_ms(250);
    ASSERT_TRUE(main.send(request));

    const auto got = read_exit_request(down.read.get());
    ASSERT_TRUE(got);
    EXPECT_EQ(got->grace_ms(), 250U);
    ExitAnswer reply;
    reply.set_error(std::string(100000, 'e'));
    ASSERT_TRUE(write_exit_answer(up.write.get(), reply));
    io.run_for(std::chrono::seconds(5));
    EXPECT_FALSE(answer.clean());
    EXPECT_EQ(answer.error().size(), kMaxExitMessage / 2);
}

TEST(ExitStream, EndOfFileAtEveryLengthIsNoRequest)
{
    ExitRequest request;
    request.set_grace_ms(1000);
    const std::string body = request.SerializeAsString();
    const std::string whole = std::string("\0\0\0", 3) + static_cast<char>(body.size()) + body;
    for (std::size_t size = 0; size <= whole.size(); ++size) {
        PipeEnds pipe = std::move(*make_pipe());
        ASSERT_EQ(::write(pipe.write.get(), whole.data(), size), static_cast<ssize_t>(size));
        pipe.write.reset();
        EXPECT_EQ(read_exit_request(pipe.read.get()).has_value(), size == whole.size());
    }
}

TEST(ExitStream, AnImpossibleLengthIsNoRequest)
{
    PipeEnds pipe = std::move(*make_pipe());
    ASSERT_EQ(::write(pipe.write.get(), "\xff\xff\xff\xff", 4), 4);
    EXPECT_FALSE(read_exit_request(pipe.read.get()));
}

TEST(ExitStream, WritingToNobodyFails)
{
    ignore_broken_pipes();
    PipeEnds pipe = std::move(*make_pipe());
    pipe.read.reset();
    EXPECT_FALSE(write_exit_answer(pipe.write.get(), {}));
}

} // namespace
} // namespace cepa::proto
