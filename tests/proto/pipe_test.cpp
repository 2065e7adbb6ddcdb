#include "proto/pipe.hpp"

#include "proto/error.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <deque>
#include <optional>
#include <string>

namespace cepa::proto {
namespace {

const Address kTo = *Endpoint::parse("1.2.3.4:80");

struct Recorder final : FrameReceiver {
    std::vector<std::string> payloads;
    int batches = 0;
    std::optional<ErrorCode> end;

    void on_frame(const FrameView& frame) override
    {
        auto parsed = parse_data(frame);
        ASSERT_TRUE(parsed);
        const ByteSpan bytes = parsed->payload.bytes();
        payloads.emplace_back(bytes.begin(), bytes.end());
    }
    void on_frame_batch_end() override { ++batches; }
    void on_pipe_end(ErrorCode why) override { end = why; }
};

/// One side under test; the test holds the other ends.
struct PipeTest : testing::Test {
    boost::asio::io_context io;
    Recorder recorder;
    FileDescriptor far_write;
    FileDescriptor far_read;
    std::unique_ptr<Pipe> pipe;
    std::deque<std::vector<std::uint8_t>> memory;

    void make(int capacity = kPipeCapacity)
    {
        PipeEnds in = std::move(*make_pipe(capacity));
        PipeEnds out = std::move(*make_pipe(capacity));
        far_write = std::move(in.write);
        far_read = std::move(out.read);
        ::fcntl(far_read.get(), F_SETFL, O_NONBLOCK);
        pipe = std::make_unique<Pipe>(io, std::move(in.read), std::move(out.write), recorder);
        pipe->start();
    }

    ByteSpan frame(const std::string& payload)
    {
        auto& bytes = memory.emplace_back(64 + payload.size());
        PacketBuffer buffer(bytes, 64, payload.size());
        std::copy(payload.begin(), payload.end(), buffer.data());
        EXPECT_TRUE(wrap_data(buffer, CircuitId(1), kTo));
        return buffer.bytes();
    }

    void feed(ByteSpan bytes) { ASSERT_EQ(::write(far_write.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size())); }

    /// Runs what is ready now, and at least one thing.
    void run_once()
    {
        io.restart();
        io.run_one_for(std::chrono::seconds(5));
        io.poll();
    }

    std::vector<std::uint8_t> drain()
    {
        std::vector<std::uint8_t> all;
        std::array<std::uint8_t, 65536> part{};
        for (ssize_t got = 0; (got = ::read(far_read.get(), part.data(), part.size())) > 0;)
            all.insert(all.end(), part.begin(), part.begin() + got);
        return all;
    }
};

/// Payload sizes of the complete frames in `bytes`; fails the test when anything else is left over.
std::vector<std::string> parse_all(std::vector<std::uint8_t>& bytes)
{
    std::vector<std::string> out;
    MutableByteSpan rest(bytes);
    FrameView view;
    while (next_frame(rest, view) == FrameScan::frame) {
        auto parsed = parse_data(view);
        if (!parsed) break;
        const ByteSpan payload = parsed->payload.bytes();
        out.emplace_back(payload.begin(), payload.end());
        rest = rest.subspan(view.whole.size());
    }
    EXPECT_TRUE(rest.empty());
    return out;
}

TEST_F(PipeTest, FramesOfOneReadComeAsOneBatch)
{
    make();
    for (const char* payload : {"a", "bb", ""}) feed(frame(payload));
    run_once();
    EXPECT_EQ(recorder.payloads, (std::vector<std::string>{"a", "bb", ""}));
    EXPECT_EQ(recorder.batches, 1);
    EXPECT_EQ(pipe->counters().frames_in, 3U);
}

TEST_F(PipeTest, AFrameMayArriveByteByByte)
{
    make();
    for (const std::uint8_t& byte : frame("slow")) {
        EXPECT_TRUE(recorder.payloads.empty());
        feed({&byte, 1});
        run_once();
    }
    EXPECT_EQ(recorder.payloads, std::vector<std::string>{"slow"});
}

TEST_F(PipeTest, ARestStaysForTheNextRead)
{
    make();
    std::vector<std::uint8_t> both;
    for (const char* payload : {"first", "second"})
        for (const std::uint8_t byte : frame(payload)) both.push_back(byte);
    feed(ByteSpan(both).first(both.size() - 3));
    run_once();
    EXPECT_EQ(recorder.payloads, std::vector<std::string>{"first"});
    feed(ByteSpan(both).last(3));
    run_once();
    EXPECT_EQ(recorder.payloads.back(), "second");
}

TEST_F(PipeTest, SendsInOrderAndOnlyOnFlush)
{
    make();
    pipe->send(frame("one"));
    pipe->send(frame("two"));
    EXPECT_TRUE(drain().empty());
    pipe->flush();
    auto bytes = drain();
    EXPECT_EQ(parse_all(bytes), (std::vector<std::string>{"one", "two"}));
    EXPECT_EQ(pipe->counters().frames_out, 2U);
}

TEST_F(PipeTest, AFullBatchIsWrittenAtOnce)
{
    make();
    for (std::size_t i = 0; i <= kPipeWriteBatch; ++i) pipe->send(frame("x"));
    auto bytes = drain();
    EXPECT_EQ(parse_all(bytes).size(), kPipeWriteBatch);
    pipe->flush();
    bytes = drain();
    EXPECT_EQ(parse_all(bytes).size(), 1U);
}

TEST_F(PipeTest, AFullPipeDropsAndCountsAndNeverTearsAFrame)
{
    make(64 * 1024);
    const std::string large(1400, 'x');
    for (int i = 0; i < 200; ++i) pipe->send(frame(large));
    pipe->flush();
    EXPECT_GT(pipe->counters().drops, 100U);
    EXPECT_EQ(pipe->counters().drops + pipe->counters().frames_out, 200U);
    auto bytes = drain();
    run_once(); // the rest of the frame that was cut follows when there is room
    for (const std::uint8_t byte : drain()) bytes.push_back(byte);
    EXPECT_EQ(parse_all(bytes).size(), pipe->counters().frames_out);
    pipe->send(frame("after"));
    pipe->flush();
    bytes = drain();
    EXPECT_EQ(parse_all(bytes), std::vector<std::string>{"after"});
}

TEST_F(PipeTest, ACutFrameIsFinishedBeforeTheNextBatch)
{
    make(64 * 1024);
    const std::string large(1400, 'x');
    for (int i = 0; i < 60; ++i) pipe->send(frame(large));
    pipe->flush();
    auto bytes = drain();
    pipe->send(frame("next")); // without the io loop having run
    pipe->flush();
    for (const std::uint8_t byte : drain()) bytes.push_back(byte);
    const auto payloads = parse_all(bytes);
    EXPECT_EQ(payloads.back(), "next");
    EXPECT_EQ(payloads.size(), pipe->counters().frames_out);
}

TEST_F(PipeTest, AFullOutPipeDoesNotHoldUpTheOtherDirection)
{
    make(64 * 1024);
    for (int i = 0; i < 200; ++i) pipe->send(frame(std::string(1400, 'x')));
    pipe->flush();
    feed(frame("in"));
    run_once();
    EXPECT_EQ(recorder.payloads, std::vector<std::string>{"in"});
}

TEST_F(PipeTest, EndsWhenTheOtherSideCloses)
{
    make();
    feed(frame("last"));
    far_write.reset();
    run_once();
    EXPECT_EQ(recorder.payloads, std::vector<std::string>{"last"});
    while (!recorder.end) run_once();
    EXPECT_EQ(*recorder.end, make_error_code(ProtoError::stream_ended));
}

TEST_F(PipeTest, EndsOnAnImpossibleLength)
{
    make();
    feed(frame("good"));
    feed(std::array<std::uint8_t, 4>{0xff, 0, 0, 0});
    run_once();
    EXPECT_EQ(recorder.payloads, std::vector<std::string>{"good"});
    ASSERT_TRUE(recorder.end);
    EXPECT_EQ(*recorder.end, make_error_code(ProtoError::broken_stream));
}

TEST_F(PipeTest, WritingToNobodyDropsAndLives)
{
    make();
    far_read.reset();
    pipe->send(frame("x"));
    pipe->flush();
    EXPECT_EQ(pipe->counters().drops, 1U);
}

TEST_F(PipeTest, ManyBatchesKeepTheirOrder)
{
    make();
    std::uint32_t next = 0;
    for (int round = 0; round < 200; ++round) {
        std::vector<std::uint8_t> bytes;
        for (int i = 0; i < 50; ++i)
            for (const std::uint8_t byte : frame(std::to_string(next++) + std::string(1000, '.'))) bytes.push_back(byte);
        memory.clear();
        feed(bytes);
        run_once();
    }
    ASSERT_EQ(recorder.payloads.size(), 10000U);
    for (std::uint32_t i = 0; i < 10000; ++i) ASSERT_EQ(std::stoul(recorder.payloads[i]), i);
}

TEST_F(PipeTest, NothingIsCalledAfterItsDestruction)
{
    make();
    feed(frame("x"));
    pipe.reset();
    io.poll();
    EXPECT_TRUE(recorder.payloads.empty());
    EXPECT_FALSE(recorder.end);
}

} // namespace
} // namespace cepa::proto
