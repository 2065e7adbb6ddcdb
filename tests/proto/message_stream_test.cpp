#include "proto/control.pb.h"
#include "proto/error.hpp"
#include "proto/message_stream.hpp"
#include "proto/pipe.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <fcntl.h>
#include <optional>
#include <string>
#include <unistd.h>

namespace cepa::proto {
namespace {

Envelope notice(const std::string& text)
{
    Envelope out;
    out.mutable_notify()->set_text(text);
    return out;
}

struct MessageStreamTest : testing::Test {
    boost::asio::io_context io;
    std::unique_ptr<MessageStream> stream;
    FileDescriptor far_write;
    FileDescriptor far_read;
    std::vector<std::string> texts;
    std::optional<ErrorCode> end;

    void SetUp() override
    {
        PipeEnds in = std::move(*make_pipe());
        PipeEnds out = std::move(*make_pipe());
        far_write = std::move(in.write);
        far_read = std::move(out.read);
        ::fcntl(far_read.get(), F_SETFL, O_NONBLOCK);
        stream = std::make_unique<MessageStream>(io, std::move(in.read), std::move(out.write));
        stream->start([this](ByteSpan bytes) { take(bytes); }, [this](ErrorCode why) { end = why; });
    }

    void take(ByteSpan bytes)
    {
        Envelope envelope;
        ASSERT_TRUE(envelope.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
        texts.push_back(envelope.notify().text());
    }

    static std::string encoded(const Envelope& envelope)
    {
        std::string body = envelope.SerializeAsString();
        std::string head(4, '\0');
        for (unsigned i = 0; i < 4; ++i)
            head[i] = static_cast<char>(body.size() >> (24 - 8 * i));
        return head + body;
    }
    void feed(const std::string& bytes)
    {
        ASSERT_EQ(::write(far_write.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    }
    void run_once()
    {
        io.restart();
        io.run_one_for(std::chrono::seconds(5));
        io.poll();
    }
    std::string drain()
    {
        std::string all(1 << 20, '\0');
        const ssize_t got = ::read(far_read.get(), all.data(), all.size());
        all.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
        return all;
    }
};

TEST_F(MessageStreamTest, SeveralMessagesInOneRead)
{
    feed(encoded(notice("a")) + encoded(notice("b")));
    run_once();
    EXPECT_EQ(texts, (std::vector<std::string>{"a", "b"}));
}

TEST_F(MessageStreamTest, AMessageMayArriveByteByByte)
{
    for (const char byte : encoded(notice("slow"))) {
        EXPECT_TRUE(texts.empty());
        feed(std::string(1, byte));
        run_once();
    }
    EXPECT_EQ(texts, std::vector<std::string>{"slow"});
}

TEST_F(MessageStreamTest, SendsLengthAndMessage)
{
    ASSERT_TRUE(stream->send(notice("x")));
    EXPECT_EQ(drain(), encoded(notice("x")));
}

TEST_F(MessageStreamTest, WhatThePipeDoesNotTakeFollowsInOrder)
{
    std::string expected;
    for (int i = 0; i < 40; ++i) {
        const Envelope envelope = notice(std::to_string(i) + std::string(30000, 'x'));
        ASSERT_TRUE(stream->send(envelope));
        expected += encoded(envelope);
    }
    std::string got;
    for (int round = 0; round < 1000 && got.size() < expected.size(); ++round) {
        got += drain();
        io.restart();
        if (got.size() < expected.size()) io.run_one_for(std::chrono::milliseconds(10));
    }
    EXPECT_TRUE(got == expected);
}

TEST_F(MessageStreamTest, RefusesToQueueWithoutBound)
{
    const Envelope large = notice(std::string(900000, 'x'));
    Result<void> sent;
    int count = 0;
    for (; sent && count < 20; ++count)
        sent = stream->send(large);
    ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error(), make_error_code(ProtoError::queue_full));
    EXPECT_LE(count, 6);
}

TEST_F(MessageStreamTest, RefusesToSendWhatTheOtherSideWouldNotTake)
{
    const auto sent = stream->send(notice(std::string(kMaxMessage + 1, 'x')));
    ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error(), make_error_code(ProtoError::too_large));
}

TEST_F(MessageStreamTest, EndsOnAnImpossibleLength)
{
    feed(encoded(notice("good")) + std::string("\x00\x10\x00\x01", 4));
    run_once();
    EXPECT_EQ(texts, std::vector<std::string>{"good"});
    ASSERT_TRUE(end);
    EXPECT_EQ(*end, make_error_code(ProtoError::broken_stream));
}

TEST_F(MessageStreamTest, EndsWhenTheOtherSideCloses)
{
    far_write.reset();
    run_once();
    ASSERT_TRUE(end);
    EXPECT_EQ(*end, make_error_code(ProtoError::stream_ended));
    const auto sent = stream->send(notice("late"));
    ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error(), make_error_code(ProtoError::stream_ended));
}

TEST_F(MessageStreamTest, DrainDeliversWhatIsThereAndEnds)
{
    feed(encoded(notice("one")) + encoded(notice("two")) + std::string(2, 0));
    far_write.reset();
    stream->drain();
    EXPECT_EQ(texts, (std::vector<std::string>{"one", "two"}));
    EXPECT_EQ(end, make_error_code(ProtoError::stream_ended));
    end.reset();
    stream->drain();
    EXPECT_FALSE(end) << "said once";
}

TEST_F(MessageStreamTest, DrainEndsThoughSomebodyStillHoldsThePipe)
{
    feed(encoded(notice("one")));
    stream->drain();
    EXPECT_EQ(texts.size(), 1U);
    EXPECT_TRUE(end);
}

TEST_F(MessageStreamTest, MayBeDestroyedByItsCallbacks)
{
    PipeEnds in = std::move(*make_pipe());
    PipeEnds out = std::move(*make_pipe());
    auto mortal = std::make_unique<MessageStream>(io, std::move(in.read), std::move(out.write));
    int calls = 0;
    mortal->start(
        [&](ByteSpan) {
            ++calls;
            mortal.reset();
        },
        [](ErrorCode) { FAIL(); });
    const std::string bytes = encoded(notice("a")) + encoded(notice("b"));
    ASSERT_GT(::write(in.write.get(), bytes.data(), bytes.size()), 0);
    run_once();
    EXPECT_EQ(calls, 1);
    EXPECT_FALSE(mortal);
}

} // namespace
} // namespace cepa::proto
