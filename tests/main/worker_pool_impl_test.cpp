// Circuits and datagrams: what the pool carries, and what it does not let a worker do.
#include "main/pool_error.hpp"
#include "main/worker_pool_impl.hpp"
#include "support/loopback.hpp"
#include "support/pool_fixture.hpp"

#include <gtest/gtest.h>

namespace cepa::main {
namespace {

using namespace std::chrono_literals;
using PoolDataTest = test::PoolFixture;

std::string four_bytes(CircuitId circuit)
{
    std::string out(4, '\0');
    for (unsigned i = 0; i < 4; ++i)
        out[i] = static_cast<char>(circuit.value >> (24U - 8U * i));
    return out;
}

Bytes cell(const std::string& overlay, std::uint32_t circuit)
{
    Bytes out(64, 0);
    std::ranges::copy(overlay_prefix(as_bytes(overlay)), out.begin());
    for (unsigned i = 0; i < 4; ++i)
        out[23 + i] = static_cast<std::uint8_t>(circuit >> (24U - 8U * i));
    return out;
}

TEST_F(PoolDataTest, CircuitsAreSpreadOverTheWorkers)
{
    start_and_wait();
    for (int i = 0; i < 6; ++i)
        (void)good_circuit();
    ASSERT_TRUE(wait([&] { return report(0, "circuit_calls") + report(1, "circuit_calls") == 6; }));
    EXPECT_EQ(report(0, "circuit_calls"), 3U);
}

TEST_F(PoolDataTest, CallsMadeTogetherAreSpreadToo)
{
    start_and_wait();
    int made = 0;
    for (int i = 0; i < 6; ++i)
        pool->create_circuit({1, GroupId(0)}, [&](Result<CircuitId> c) { made += c ? 1 : 0; });
    ASSERT_TRUE(wait([&] { return made == 6 && report(0, "circuit_calls") + report(1, "circuit_calls") == 6; }));
    EXPECT_EQ(report(0, "circuit_calls"), 3U);
}

TEST_F(PoolDataTest, DatagramsGoThroughTheRightWorkerAndComeBack)
{
    start_and_wait();
    const CircuitId first = good_circuit();
    const CircuitId second = good_circuit();
    send(first, "one");
    send(second, "two");
    ASSERT_TRUE(wait([&] { return observer.datagrams.size() == 2; }));
    for (const auto& datagram : observer.datagrams) {
        EXPECT_EQ(datagram.payload, datagram.circuit == first ? "one" : "two");
        EXPECT_EQ(datagram.origin, Address(*Endpoint::parse("9.8.7.6:54")));
        EXPECT_GE(datagram.headroom, 10U);
    }
    EXPECT_GE(observer.batches, 1);
}

TEST_F(PoolDataTest, DatagramsForACircuitThatIsGoneAreDropped)
{
    start_and_wait();
    const CircuitId closed = good_circuit();
    const CircuitId open = good_circuit();
    pool->close_circuit(closed);
    send(closed, "lost");
    send(CircuitId(77), "never was");
    send(open, "kept");
    ASSERT_TRUE(wait([&] { return !observer.datagrams.empty(); }));
    ASSERT_TRUE(wait([&] { return report(0, "closed") + report(1, "closed") == 1; }));
    EXPECT_EQ(observer.datagrams.size(), 1U);
    EXPECT_TRUE(observer.dead.contains(closed)) << "said once, whoever closed it";
}

TEST_F(PoolDataTest, AWorkerThatNamesAnothersCircuitAsItsOwnIsReplaced)
{
    start_and_wait({"steal@1"});
    const CircuitId good = good_circuit();
    const auto old_pid = pid(1);
    const auto stolen = circuit();
    ASSERT_TRUE(stolen && !*stolen);
    EXPECT_EQ(stolen->error(), make_error_code(PoolError::worker_misbehaved));
    ASSERT_TRUE(wait([&] { return pid(1) != 0 && pid(1) != old_pid; }));
    EXPECT_FALSE(observer.dead.contains(good));
}

TEST_F(PoolDataTest, AWorkerCannotEndOrUseAnothersCircuit)
{
    start_and_wait({"foreign@1"});
    const CircuitId victim = good_circuit(); // worker 0's
    const CircuitId evil = good_circuit();   // worker 1's
    send(evil, four_bytes(victim));
    ASSERT_TRUE(wait([&] { return !observer.datagrams.empty(); }));
    send(victim, "still there");
    ASSERT_TRUE(wait([&] { return observer.datagrams.size() == 2; }));
    EXPECT_TRUE(observer.dead.empty());
    for (const auto& datagram : observer.datagrams)
        EXPECT_NE(datagram.origin, Address(*Endpoint::parse("6.6.6.6:6")));
}

TEST_F(PoolDataTest, AFrameOfAReservedKindEndsTheWorkerThatSentIt)
{
    start_and_wait({"badframe@1"});
    (void)good_circuit();
    const CircuitId evil = good_circuit();
    send(evil, "x");
    ASSERT_TRUE(wait([&] { return observer.dead.contains(evil); }));
    EXPECT_EQ(observer.dead.size(), 1U);
    EXPECT_TRUE(observer.datagrams.empty()) << "nothing of it counts after that";
}

TEST_F(PoolDataTest, AnOriginThatIsAHostNameCostsTheDatagramAndNotTheWorker)
{
    start_and_wait({"hostname"});
    const CircuitId through = good_circuit();
    send(through, "x");
    ASSERT_TRUE(wait([&] { return observer.datagrams.size() == 1; }));
    EXPECT_FALSE(observer.datagrams[0].origin.is_host());
    EXPECT_TRUE(observer.dead.empty());
    EXPECT_EQ(pool->info().restarts, 0U);
    EXPECT_TRUE(circuit()->has_value()) << "the worker serves on";
}

TEST_F(PoolDataTest, GarbageOnTheControlStreamEndsTheWorkerAndNothingElse)
{
    start_and_wait({"garbage@1"});
    const CircuitId good = good_circuit();
    const auto old_pid = pid(1);
    EXPECT_FALSE(*circuit());
    ASSERT_TRUE(wait([&] { return pid(1) != 0 && pid(1) != old_pid; }));
    send(good, "alive");
    ASSERT_TRUE(wait([&] { return observer.datagrams.size() == 1; }));
}

TEST_F(PoolDataTest, AWorkerThatClosesItsDataPipeIsReplaced)
{
    start_and_wait({"hangup@1"});
    (void)good_circuit();
    const auto old_pid = pid(1);
    (void)circuit();
    ASSERT_TRUE(wait([&] { return pid(1) != 0 && pid(1) != old_pid; }));
}

TEST_F(PoolDataTest, WithoutAWorkerACircuitFailsLater)
{
    config.workers = 1;
    start({"crash"});
    ASSERT_TRUE(wait([&] { return pool->info().restarts >= 3; }));
    const auto made = circuit();
    ASSERT_TRUE(made);
    EXPECT_FALSE(*made);
}

TEST_F(PoolDataTest, TheNodesPortReachesTheWorkersByCircuitId)
{
    start_and_wait();
    const test::UdpClient peer;
    for (std::uint32_t i = 0; i < 200; ++i)
        peer.send(pool->info().listen, cell(config.settings.overlay_id(), i * 2654435761U));
    ASSERT_TRUE(wait([&] { return report(0, "cells") + report(1, "cells") == 200; }));
    EXPECT_EQ(report(0, "wrong_cells") + report(1, "wrong_cells"), 0U);
    EXPECT_GT(report(0, "cells"), 50U);
    EXPECT_GT(report(1, "cells"), 50U);
}

TEST_F(PoolDataTest, WhatArrivesWhileAWorkerIsDeadReachesItsReplacement)
{
    config.workers = 1;
    start_and_wait();
    const auto old_pid = pid(0);
    ::kill(static_cast<pid_t>(old_pid), SIGSTOP);
    const test::UdpClient peer;
    for (std::uint32_t i = 0; i < 50; ++i)
        peer.send(pool->info().listen, cell(config.settings.overlay_id(), i));
    ::kill(static_cast<pid_t>(old_pid), SIGKILL);
    ASSERT_TRUE(wait([&] { return pid(0) != 0 && pid(0) != old_pid; }));
    ASSERT_TRUE(wait([&] { return report(0, "cells") == 50; })) << report(0, "cells");
}

TEST_F(PoolDataTest, FrontProcessHandsCellsOutAndSendsForTheWorkers)
{
    config.force_front_process = true;
    start_and_wait();
    EXPECT_EQ(pool->info().steering, "front process: forced by a setting");
    EXPECT_EQ(report(0, "descriptors") & (1U << 9U), 0U) << "no socket of its own";
    const test::UdpClient peer;
    const Endpoint port = pool->info().listen;
    for (std::uint32_t i = 0; i < 100; ++i)
        peer.send(port, cell(config.settings.overlay_id(), i * 2654435761U));
    ASSERT_TRUE(wait([&] { return report(0, "cells") + report(1, "cells") == 100; }));
    EXPECT_EQ(report(0, "wrong_cells") + report(1, "wrong_cells"), 0U);
    EXPECT_GT(report(1, "cells"), 20U);
    int echoes = 0;
    ASSERT_TRUE(wait([&] {
        while (peer.readable(0ms))
            echoes += peer.receive()->size() == 64 ? 1 : 0;
        return echoes == 100;
    })) << echoes;
}

TEST_F(PoolDataTest, AStoppedWorkerHoldsNobodyUp)
{
    start_and_wait();
    const CircuitId first = good_circuit();
    const CircuitId second = good_circuit();
    ::kill(static_cast<pid_t>(pid(0)), SIGSTOP);
    for (int i = 0; i < 5000; ++i)
        send(first, std::string(1400, 'x')); // 7 MB into a pipe of one
    send(second, "goes on");
    ASSERT_TRUE(wait([&] { return observer.datagrams.size() == 1; }));
    EXPECT_EQ(observer.datagrams[0].payload, "goes on");
    ::kill(static_cast<pid_t>(pid(0)), SIGCONT);
    ASSERT_TRUE(wait([&] { return observer.datagrams.size() > 300; })) << "what the pipe held";
    EXPECT_TRUE(observer.dead.empty());
}

} // namespace
} // namespace cepa::main
