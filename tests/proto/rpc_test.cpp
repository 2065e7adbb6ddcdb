#include "proto/pipe.hpp"
#include "proto/rpc.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <optional>

namespace cepa::proto {
namespace {

using namespace std::chrono_literals;

Envelope resolve(const std::string& host)
{
    Envelope out;
    out.mutable_resolve()->set_host(host);
    return out;
}

/// Two sides in one process.
struct RpcTest : testing::Test {
    boost::asio::io_context io;
    std::unique_ptr<Rpc> here;
    std::unique_ptr<Rpc> there;
    std::optional<ErrorCode> here_end;

    void SetUp() override
    {
        PipeEnds up = std::move(*make_pipe());
        PipeEnds down = std::move(*make_pipe());
        here = std::make_unique<Rpc>(io, std::move(down.read), std::move(up.write));
        there = std::make_unique<Rpc>(io, std::move(up.read), std::move(down.write));
    }
    void start()
    {
        here->start([this](ErrorCode why) { here_end = why; });
        there->start([](ErrorCode) {});
    }
    void run_until(const std::function<bool()>& done)
    {
        const auto limit = std::chrono::steady_clock::now() + 10s;
        while (!done() && std::chrono::steady_clock::now() < limit) {
            io.restart();
            io.run_one_for(1s);
        }
        ASSERT_TRUE(done());
    }
};

TEST_F(RpcTest, AnswersMayComeOutOfOrder)
{
    std::vector<Rpc::Respond> waiting;
    there->handle(Envelope::kResolve,
                  [&](const Envelope&, Rpc::Respond respond) { waiting.push_back(std::move(respond)); });
    start();
    std::vector<std::string> answers(2);
    for (std::size_t i = 0; i < 2; ++i)
        here->call(resolve("x"), 10s, [&answers, i](Result<Answer> a) { answers[i] = a->error(); });
    run_until([&] { return waiting.size() == 2; });
    Answer second;
    second.set_error("second");
    waiting[1](second);
    Answer first;
    first.set_error("first");
    waiting[0](first);
    run_until([&] { return !answers[0].empty() && !answers[1].empty(); });
    EXPECT_EQ(answers, (std::vector<std::string>{"first", "second"}));
    EXPECT_EQ(here->open_calls(), 0U);
}

TEST_F(RpcTest, BothSidesCallWithTheSameNumbers)
{
    const auto echo = [](const Envelope& call, const Rpc::Respond& respond) {
        Answer answer;
        answer.set_error(call.resolve().host());
        respond(answer);
    };
    here->handle(Envelope::kResolve, echo);
    there->handle(Envelope::kResolve, echo);
    start();
    std::string to_there;
    std::string to_here;
    here->call(resolve("a"), 10s, [&](Result<Answer> a) { to_there = a->error(); });
    there->call(resolve("b"), 10s, [&](Result<Answer> a) { to_here = a->error(); });
    run_until([&] { return !to_there.empty() && !to_here.empty(); });
    EXPECT_EQ(to_there, "a");
    EXPECT_EQ(to_here, "b");
}

TEST_F(RpcTest, NoAnswerInTimeFailsTheCallAndALateOneIsIgnored)
{
    std::optional<Rpc::Respond> waiting;
    there->handle(Envelope::kResolve, [&](const Envelope&, Rpc::Respond respond) { waiting = std::move(respond); });
    start();
    int calls = 0;
    ErrorCode error;
    here->call(resolve("x"), 1ms, [&](Result<Answer> a) {
        ++calls;
        error = a.error();
    });
    run_until([&] { return calls == 1 && waiting; });
    EXPECT_EQ(error, make_error_code(ProtoError::timed_out));
    (*waiting)(Answer());
    bool after = false;
    there->handle(Envelope::kNotify, [&](const Envelope&, const Rpc::Respond&) { after = true; });
    Envelope notice;
    notice.mutable_notify();
    ASSERT_TRUE(here->notify(notice));
    run_until([&] { return after; });
    EXPECT_EQ(calls, 1);
}

TEST_F(RpcTest, AllOpenCallsFailWhenTheStreamEnds)
{
    there->handle(Envelope::kResolve, [](const Envelope&, const Rpc::Respond&) {});
    start();
    int failed = 0;
    for (int i = 0; i < 3; ++i)
        here->call(resolve("x"), 10s, [&](Result<Answer> a) {
            EXPECT_EQ(a.error(), make_error_code(ProtoError::stream_ended));
            EXPECT_FALSE(here_end) << "calls fail first";
            ++failed;
        });
    there.reset();
    run_until([&] { return here_end.has_value(); });
    EXPECT_EQ(failed, 3);
    here->call(resolve("late"), 10s, [&](Result<Answer> a) {
        EXPECT_EQ(a.error(), make_error_code(ProtoError::stream_ended));
        ++failed;
    });
    EXPECT_EQ(failed, 3) << "never from inside the call";
    run_until([&] { return failed == 4; });
}

TEST_F(RpcTest, CallsWithoutAHandlerAreRefused)
{
    start();
    std::string error;
    here->call(resolve("x"), 10s, [&](Result<Answer> a) { error = a->error(); });
    run_until([&] { return !error.empty(); });
    EXPECT_EQ(error, "not served here");
}

TEST_F(RpcTest, TooManyOpenCallsAreRefused)
{
    start();
    for (std::size_t i = 0; i < kMaxOpenCalls; ++i)
        here->call(resolve("x"), 10s, [](const Result<Answer>&) {});
    std::optional<ErrorCode> error;
    here->call(resolve("one too many"), 10s, [&](Result<Answer> a) {
        if (!a) error = a.error();
    });
    run_until([&] { return error.has_value(); });
    EXPECT_EQ(*error, make_error_code(ProtoError::queue_full));
}

TEST_F(RpcTest, MayBeDestroyedFromAReply)
{
    there->handle(Envelope::kResolve, [](const Envelope&, const Rpc::Respond& respond) { respond(Answer()); });
    start();
    here->call(resolve("a"), 10s, [&](const Result<Answer>&) { here.reset(); });
    run_until([&] { return !here; });
}

TEST(Rpc, AMessageThatDoesNotParseEndsTheStream)
{
    boost::asio::io_context io;
    PipeEnds in = std::move(*make_pipe());
    PipeEnds out = std::move(*make_pipe());
    Rpc rpc(io, std::move(in.read), std::move(out.write));
    std::optional<ErrorCode> end;
    rpc.start([&](ErrorCode why) { end = why; });
    const std::string bytes("\0\0\0\2\xff\xff", 6);
    ASSERT_EQ(::write(in.write.get(), bytes.data(), bytes.size()), 6);
    io.run_for(5s);
    ASSERT_TRUE(end);
    EXPECT_EQ(*end, make_error_code(ProtoError::broken_stream));
}

TEST_F(RpcTest, TheSessionKeysOfALinkAreOverwritten)
{
    Envelope link;
    link.mutable_link()->mutable_half()->set_key(std::string(32, 'k'));
    wipe_secrets(link);
    EXPECT_EQ(link.link().half().key(), std::string(32, '\0'));
    Envelope answer;
    answer.mutable_answer()->mutable_half()->set_key(std::string(32, 'k'));
    wipe_secrets(answer);
    EXPECT_EQ(answer.answer().half().key(), std::string(32, '\0'));
}

TEST_F(RpcTest, AnAnswersKeysAreThereForTheReplyAndOverwrittenAfterIt)
{
    there->handle(Envelope::kLink, [&](const Envelope& call, const Rpc::Respond& respond) {
        EXPECT_EQ(call.link().half().key(), std::string(32, 'k'));
        Answer out;
        *out.mutable_half() = call.link().half();
        respond(std::move(out));
    });
    start();
    Envelope link;
    link.mutable_link()->mutable_half()->set_key(std::string(32, 'k'));
    bool answered = false;
    here->call(link, 10s, [&](const Result<Answer>& answer) {
        answered = true;
        ASSERT_TRUE(answer);
        EXPECT_EQ(answer->half().key(), std::string(32, 'k'));
    });
    run_until([&] { return answered; });
}

TEST_F(RpcTest, TheKeyInACreateIsOverwritten)
{
    Envelope envelope;
    envelope.mutable_create()->set_identity_key(std::string(74, 'k'));
    wipe_secrets(envelope);
    EXPECT_EQ(envelope.create().identity_key(), std::string(74, '\0'));
    Envelope other = resolve("x");
    wipe_secrets(other);
    EXPECT_FALSE(other.has_create()) << "none is made";
}

} // namespace
} // namespace cepa::proto
