#include "main/host_resolver.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace cepa::main {
namespace {

struct HostResolverTest : testing::Test {
    boost::asio::io_context io;
    std::vector<proto::Answer> answers;

    void ask(HostResolver& resolver, const std::string& host)
    {
        proto::Resolve call;
        call.set_host(host);
        resolver.resolve(WorkerId(1), call, [this](proto::Answer answer) { answers.push_back(std::move(answer)); });
    }
};

TEST_F(HostResolverTest, ResolvesWhereItIsAllowed)
{
    HostResolver resolver(io, true);
    ask(resolver, "127.0.0.7"); // a literal: no server is asked
    EXPECT_TRUE(answers.empty()) << "never from inside the call";
    io.run_for(std::chrono::seconds(20));
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_EQ(answers[0].error(), "");
    ASSERT_GE(answers[0].addresses_size(), 1);
    EXPECT_EQ(answers[0].addresses(0).ip(), std::string("\x7f\0\0\7", 4));
}

TEST_F(HostResolverTest, RefusesWhereItIsNot)
{
    HostResolver resolver(io, false);
    ask(resolver, "127.0.0.7");
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_NE(answers[0].error(), "");
}

TEST_F(HostResolverTest, AWorkerHasALimitOfItsOwn)
{
    HostResolver resolver(io, true);
    for (std::size_t i = 0; i <= HostResolver::kMaxPerWorker; ++i) ask(resolver, "127.0.0.7");
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_EQ(answers[0].error(), "too many lookups");
    io.run_for(std::chrono::seconds(20));
    EXPECT_EQ(answers.size(), HostResolver::kMaxPerWorker + 1);
    ask(resolver, "127.0.0.7");
    io.restart();
    io.run_for(std::chrono::seconds(20));
    EXPECT_EQ(answers.back().error(), "");
}

TEST_F(HostResolverTest, WhatIsNoHostNameIsNotLookedUp)
{
    EXPECT_TRUE(is_host_name("tracker.example.org"));
    EXPECT_TRUE(is_host_name("a_b-c.9"));
    EXPECT_FALSE(is_host_name(""));
    EXPECT_FALSE(is_host_name("-option"));
    EXPECT_FALSE(is_host_name("a b"));
    EXPECT_FALSE(is_host_name(std::string_view("a\0b", 3)));
    EXPECT_FALSE(is_host_name("fe80::1%eth0"));
    EXPECT_FALSE(is_host_name(std::string(254, 'a')));
    HostResolver resolver(io, true);
    ask(resolver, "../etc");
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_EQ(answers[0].error(), "not a host name");
}

} // namespace
} // namespace cepa::main
