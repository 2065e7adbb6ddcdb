#include "main/commands/join_choice.hpp"
#include "main/user_error.hpp"

#include <gtest/gtest.h>

using namespace cepa::main;

TEST(JoinChoice, OnlyAClearYesJoins)
{
    for (const char* yes : {"yes", "Yes", " y ", "YES\r"})
        EXPECT_EQ(parse_join_answer(yes), JoinAnswer::join) << yes;
    for (const char* no : {"", "no", "N", "   "})
        EXPECT_EQ(parse_join_answer(no), JoinAnswer::decline) << no;
    for (const char* unclear : {"yep", "public", "yes please", "1"})
        EXPECT_EQ(parse_join_answer(unclear), JoinAnswer::unclear) << unclear;
}

TEST(JoinChoice, WithoutATerminalNobodyIsAsked)
{
    Options options;
    options.json = true; // never asks, wherever the tests run
    Settings settings;
    const InProcessFactory none;
    Console console(true);
    CommandContext context{options, settings, "/nonexistent", "/nonexistent/cepa.toml", {}, none, console};
    EXPECT_THROW(need_network(context), Misuse);
    EXPECT_EQ(settings.join, Join::private_network);
    settings.peers = {*cepa::Endpoint::parse("127.0.0.1:1")};
    EXPECT_NO_THROW(need_network(context));
}
