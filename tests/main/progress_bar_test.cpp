#include "main/progress_bar.hpp"

#include <gmock/gmock.h>

using namespace cepa;
using namespace cepa::main;
using namespace std::chrono_literals;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

namespace {

Progress half()
{
    Progress p;
    p.what = "downloading";
    p.done = 50 << 20;
    p.total = 100 << 20;
    p.rate_bytes_per_s = 12.0 * 1024 * 1024;
    p.left = 130s;
    p.detail = "6 peers";
    return p;
}

const TimePoint kStart{};

} // namespace

TEST(ProgressBar, TextSaysHowFarHowFastAndHowLong)
{
    EXPECT_EQ(progress_text(half()), "downloading   50 %  50.0 MiB of 100.0 MiB  12.0 MiB/s  2min 10s left  6 peers");
    Progress waiting;
    waiting.what = "metadata";
    waiting.detail = "waits for: no exits known";
    EXPECT_EQ(progress_text(waiting), "metadata  waits for: no exits known");
}

TEST(ProgressBar, HundredPercentIsSaidWhenAllIsThere)
{
    Progress p = half();
    p.done = p.total - 1;
    EXPECT_THAT(progress_text(p), HasSubstr(" 99 %"));
    p.done = p.total;
    EXPECT_THAT(progress_text(p), HasSubstr("100 %"));
}

TEST(ProgressBar, PipedItPrintsPlainLinesNowAndThen)
{
    ProgressBar bar({.terminal = false, .color = false, .width = 80, .line_every = 2s});
    Progress p = half();
    EXPECT_EQ(bar.update(p, kStart), progress_text(p) + "\n");
    p.done += 1 << 20;
    EXPECT_EQ(bar.update(p, kStart + 1s), "");
    EXPECT_THAT(bar.update(p, kStart + 2s), EndsWith("\n"));
    EXPECT_EQ(bar.update(p, kStart + 9s), ""); // nothing new to say
    p.done = p.total;
    EXPECT_THAT(bar.update(p, kStart + 9100ms), HasSubstr("100 %")); // the end is said at once
    EXPECT_EQ(bar.end_line(), "");
}

TEST(ProgressBar, OnATerminalItRedrawsInPlace)
{
    ProgressBar bar({.terminal = true, .color = false, .width = 120});
    const std::string first = bar.update(half(), kStart);
    EXPECT_THAT(first, StartsWith("\r\x1b[K["));
    EXPECT_THAT(first, HasSubstr("###"));
    EXPECT_THAT(first, Not(HasSubstr("\n")));
    EXPECT_THAT(first, Not(HasSubstr("\x1b[32m")));
    EXPECT_EQ(bar.end_line(), "\n");
    EXPECT_EQ(bar.end_line(), "");
}

TEST(ProgressBar, ColorOnlyWhenWanted)
{
    ProgressBar bar({.terminal = true, .color = true, .width = 120});
    EXPECT_THAT(bar.update(half(), kStart), HasSubstr("\x1b[32m#"));
}

TEST(ProgressBar, NeverWiderThanTheTerminal)
{
    for (unsigned width = 1; width < 200; ++width) {
        ProgressBar bar({.terminal = true, .color = false, .width = width});
        const std::string drawn = bar.update(half(), kStart);
        EXPECT_LT(drawn.size() - std::string("\r\x1b[K").size(), std::max(width, 2U)) << width;
    }
}

TEST(ProgressBar, ControlCharactersOfStrangersDoNotReachTheTerminal)
{
    Progress p;
    p.what = "a\x1b]0;owned\x07";
    EXPECT_EQ(progress_text(p), "a?]0;owned?");
}
