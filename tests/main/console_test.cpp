#include "main/console.hpp"

#include <gtest/gtest.h>

using namespace cepa::main;

TEST(Console, ForPeopleLinesGoToStdoutAndObjectsNowhere)
{
    Console console(false);
    testing::internal::CaptureStdout();
    console.line("hello");
    console.result({{"ok", true}});
    EXPECT_EQ(testing::internal::GetCapturedStdout(), "hello\n");
}

TEST(Console, WithJsonStdoutHoldsTheObjectOnly)
{
    Console console(true);
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    console.line("hello");
    console.note("remark");
    console.result({{"ok", true}, {"name", "a\xff"}});
    EXPECT_EQ(testing::internal::GetCapturedStdout(), "{\"name\":\"a\xef\xbf\xbd\",\"ok\":true}\n");
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "remark\n");
}

TEST(Console, NamesOfStrangersArePrintable)
{
    EXPECT_EQ(printable("a\x1b[2Jb\n"), "a?[2Jb?");
}
