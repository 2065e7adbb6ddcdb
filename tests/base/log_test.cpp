#include "base/log.hpp"

#include <gtest/gtest.h>

namespace cepa {
namespace {

class LogTest : public ::testing::Test {
protected:
    ~LogTest() override { log::set_level(log::Level::info); }

    /// What `write` puts on stderr.
    template <class Write>
    std::string captured(Write write)
    {
        ::testing::internal::CaptureStderr();
        write();
        return ::testing::internal::GetCapturedStderr();
    }
};

TEST_F(LogTest, OneEventIsOneLine)
{
    const std::string line =
        captured([] { log::warn("circuit ready", {log::field("id", 41), log::field("why", "all is well")}); });
    EXPECT_TRUE(line.ends_with(" circuit ready id=41 why=\"all is well\"\n")) << line;
    EXPECT_NE(line.find("warn"), std::string::npos);
}

TEST_F(LogTest, ValuesCannotForgeALine)
{
    const std::string line =
        captured([] { log::warn("event", {log::field("name", "a\n2026 error fake=1 \"quoted\\")}); });
    EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1) << line;
    EXPECT_NE(line.find("\\\"quoted\\\\\""), std::string::npos) << line;
    EXPECT_NE(captured([] { log::warn("event", {log::field("empty", "")}); }).find("empty=\"\""), std::string::npos);
}

TEST_F(LogTest, LevelsHideWhatIsBelow)
{
    log::set_level(log::Level::warn);
    EXPECT_FALSE(log::enabled(log::Level::info));
    EXPECT_TRUE(captured([] { log::info("event"); }).empty());
    EXPECT_FALSE(captured([] { log::error("event"); }).empty());
    log::set_level(log::Level::debug);
    EXPECT_FALSE(captured([] { log::debug("event"); }).empty());
}

TEST_F(LogTest, SensitiveValuesShowOnlyBelowInfo)
{
    const Sensitive peer("203.0.113.7:6881");
    log::set_level(log::Level::trace);
    for (const log::Level level : {log::Level::info, log::Level::warn, log::Level::error}) {
        const std::string line = captured([&] { log::write(level, "event", {log::field("peer", peer)}); });
        EXPECT_EQ(line.find("203.0.113.7"), std::string::npos) << line;
        EXPECT_NE(line.find("peer=[redacted]"), std::string::npos) << line;
    }
    for (const log::Level level : {log::Level::trace, log::Level::debug}) {
        const std::string line = captured([&] { log::write(level, "event", {log::field("peer", peer)}); });
        EXPECT_NE(line.find("peer=203.0.113.7:6881"), std::string::npos) << line;
    }
}

TEST_F(LogTest, LevelNames)
{
    EXPECT_EQ(log::parse_level("trace"), log::Level::trace);
    EXPECT_EQ(log::parse_level("error"), log::Level::error);
    EXPECT_FALSE(log::parse_level("ERROR"));
    EXPECT_FALSE(log::parse_level(""));
    EXPECT_FALSE(log::parse_level("verbose"));
}

TEST_F(LogTest, ForwardNamesTheSource)
{
    const std::string line = captured([] { log::forward("worker-2", "warn event=1"); });
    EXPECT_NE(line.find("worker-2"), std::string::npos);
    EXPECT_NE(line.find("warn event=1"), std::string::npos);
}

TEST_F(LogTest, ForwardedLinesKeepTheirLevel)
{
    for (const auto level : {log::Level::info, log::Level::warn, log::Level::error}) {
        const std::string said = captured([level] { log::write(level, "event", {log::field("a", 1)}); });
        const std::string line = said.substr(0, said.find('\n'));
        const std::string forwarded = captured([&] { log::forward("worker1", line); });
        EXPECT_NE(forwarded.find("worker1 event a=1"), std::string::npos) << forwarded;
        EXPECT_EQ(forwarded.substr(23, forwarded.find("worker1") - 23), line.substr(23, line.find("event") - 23));
        log::set_level(log::Level::error);
        EXPECT_EQ(captured([&] { log::forward("worker1", line); }).empty(), level != log::Level::error);
        log::set_level(log::Level::info);
    }
}

TEST_F(LogTest, WhatIsNotInOurFormIsAWarning)
{
    for (const std::string line : {"assertion failed", "", "2026-11-20T11:23:45.678 loud event",
                                   "2026-11-20T11:23:45.678 ", "2026-11-20T11:23:45.678 errors", "error event"}) {
        const std::string forwarded = captured([&] { log::forward("worker1", line); });
        EXPECT_NE(forwarded.find(" warning worker1 " + line), std::string::npos) << forwarded;
    }
}

} // namespace
} // namespace cepa
