#include "main/interrupt.hpp"

#include <gtest/gtest.h>

#include <signal.h>

using namespace cepa::main;
using namespace std::chrono_literals;

TEST(Interrupt, SeesASignalOnceAndForAll)
{
    Interrupt interrupt;
    EXPECT_FALSE(interrupt.interrupted());
    EXPECT_FALSE(interrupt.wait(1ms));
    ::raise(SIGTERM);
    EXPECT_TRUE(interrupt.wait(10s));
    EXPECT_TRUE(interrupt.interrupted());
}

TEST(Interrupt, GivesTheSignalsBack)
{
    sigset_t before;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &before);
    {
        const Interrupt interrupt;
        sigset_t during;
        ::pthread_sigmask(SIG_SETMASK, nullptr, &during);
        EXPECT_EQ(sigismember(&during, SIGINT), 1);
    }
    sigset_t after;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &after);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP})
        EXPECT_EQ(sigismember(&after, signal), sigismember(&before, signal));
}
