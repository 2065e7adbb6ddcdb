#include "main/log_forwarder.hpp"

#include "proto/pipe.hpp"
#include "support/fake_clock.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace cepa::main {
namespace {

struct LogForwarderTest : testing::Test {
    boost::asio::io_context io;
    test::FakeClock clock;
    proto::PipeEnds pipe = std::move(*proto::make_pipe());
    std::vector<std::string> lines;
    LogForwarder forwarder{io, clock, std::move(pipe.read), "worker3", [this](const std::string& source, const std::string& line) {
        EXPECT_EQ(source, "worker3");
        lines.push_back(line);
    }};

    void SetUp() override { forwarder.start(); }
    void write(const std::string& text)
    {
        ASSERT_EQ(::write(pipe.write.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
        io.restart();
        io.run_one_for(std::chrono::seconds(5));
        io.poll();
    }
};

TEST_F(LogForwarderTest, ForwardsWholeLines)
{
    write("one\ntw");
    EXPECT_EQ(lines, std::vector<std::string>{"one"});
    write("o\n\nthree\n");
    EXPECT_EQ(lines, (std::vector<std::string>{"one", "two", "three"}));
}

TEST_F(LogForwarderTest, CutsLongLinesAndCleansThem)
{
    write("\x1b[2Ja\tb\x7f\n" + std::string(3000, 'x') + "\nafter\n");
    ASSERT_EQ(lines.size(), 3U);
    EXPECT_EQ(lines[0], " [2Ja b ");
    EXPECT_EQ(lines[1].size(), LogForwarder::kMaxLine);
    EXPECT_EQ(lines[2], "after");
}

TEST_F(LogForwarderTest, LimitsTheirNumber)
{
    for (int i = 0; i < 50; ++i) write(std::string("a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n"));
    EXPECT_EQ(lines.size(), LogForwarder::kBurst);
    EXPECT_EQ(forwarder.suppressed(), 500U - LogForwarder::kBurst);
    clock.advance(std::chrono::seconds(1));
    for (int i = 0; i < 5; ++i) write(std::string("a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n"));
    EXPECT_EQ(lines.size(), LogForwarder::kBurst + LogForwarder::kLinesPerSecond);
}

TEST_F(LogForwarderTest, TheLastWordsOfADeadWorker)
{
    const std::string text = "terminate called\nno line break";
    ASSERT_GT(::write(pipe.write.get(), text.data(), text.size()), 0);
    pipe.write.reset();
    forwarder.drain();
    EXPECT_EQ(lines, (std::vector<std::string>{"terminate called", "no line break"}));
}

} // namespace
} // namespace cepa::main
