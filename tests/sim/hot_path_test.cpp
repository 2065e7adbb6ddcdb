// The way of a data cell through a node that does its daily work: nothing is allocated for it.
#include "support/sim_world.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

namespace {

std::size_t allocations = 0;

void* counted(std::size_t size)
{
    ++allocations;
    if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
    throw std::bad_alloc();
}

} // namespace

void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
// The standard library's temporary buffers use this form; every form must come from the same allocator.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept
{
    ++allocations;
    return std::malloc(size == 0 ? 1 : size);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace cepa::test {
namespace {

using namespace tunnel;
using namespace std::chrono_literals;

class HotPath : public testing::Test {
protected:
    HotPath() : client_(world_.add_client())
    {
        for (int i = 0; i < 4; ++i) world_.add_relay();
        for (int i = 0; i < 2; ++i) world_.add_exit();
        world_.share();
        circuit_ = world_.build(client_, 3);
        for (int i = 0; i < 2500; ++i) { // everything that grows with use has grown
            EXPECT_TRUE(client_.send(circuit_, world_.echo, utp_datagram(200)));
            if (i % 50 == 0) world_.network.run_for(100ms);
        }
        world_.network.run_for(1s);
        EXPECT_EQ(client_.data_count, 2500U);
    }
    SimNode& hop(std::size_t index) { return world_.node_of(world_.view(client_, circuit_).hops.at(index).mid); }

    /// Lets `count` datagrams go their way until they would reach `node`, and keeps them there.
    std::vector<SimPacket> catch_at(const Endpoint& node, const Endpoint& from, int count)
    {
        std::vector<SimPacket> caught;
        world_.network.tap = [&](SimPacket& packet) {
            if (packet.to != node || packet.from != from) return true;
            if (packet.bytes.size() < 1000) return true; // a ping, because nothing comes back
            caught.push_back(packet);
            return false;
        };
        for (int i = 0; i < count; ++i) EXPECT_TRUE(client_.send(circuit_, world_.echo, utp_datagram(1200)));
        world_.network.run_for(300ms);
        world_.network.tap = nullptr;
        return caught;
    }
    /// Allocations while `node` takes the packets, without the flush (which in a simulation copies).
    std::size_t cost(SimNode& node, const std::vector<SimPacket>& packets)
    {
        std::vector<std::unique_ptr<OwnedPacket>> owned;
        for (const SimPacket& packet : packets) owned.push_back(std::make_unique<OwnedPacket>(packet.bytes));
        EXPECT_GE(allocations, packets.size()); // the counting counts
        const std::size_t before = allocations;
        for (std::size_t i = 0; i < packets.size(); ++i) node.tunnel().on_packet(packets[i].from, owned[i]->buffer());
        const std::size_t out = allocations - before;
        node.tunnel().on_batch_end();
        return out;
    }

    SimWorld world_;
    SimNode& client_;
    CircuitId circuit_;
};

TEST_F(HotPath, ARelayAllocatesNothingForward)
{
    const auto cells = catch_at(hop(1).address(), hop(0).address(), 100);
    ASSERT_EQ(cells.size(), 100U);
    EXPECT_EQ(cost(hop(1), cells), 0U);
    world_.network.run_for(1s);
    EXPECT_EQ(client_.data_count, 2600U); // they did go on
}

TEST_F(HotPath, ARelayAllocatesNothingBackward)
{
    const auto cells = catch_at(hop(1).address(), hop(2).address(), 100);
    ASSERT_EQ(cells.size(), 100U);
    EXPECT_EQ(cost(hop(1), cells), 0U);
    world_.network.run_for(1s);
    EXPECT_EQ(client_.data_count, 2600U);
}

TEST_F(HotPath, AnExitAllocatesNothing)
{
    const auto cells = catch_at(hop(2).address(), hop(1).address(), 100);
    ASSERT_EQ(cells.size(), 100U);
    EXPECT_EQ(cost(hop(2), cells), 0U);
    world_.network.run_for(1s);
    EXPECT_EQ(client_.data_count, 2600U);
}

TEST_F(HotPath, TheClientAllocatesNothing)
{
    client_.keep_data = false;
    const auto cells = catch_at(client_.address(), hop(0).address(), 100);
    ASSERT_EQ(cells.size(), 100U);
    EXPECT_EQ(cost(client_, cells), 0U);
    EXPECT_EQ(client_.data_count, 2600U);
    OwnedPacket payload(utp_datagram(1200));
    const Address to(world_.echo);
    const std::size_t before = allocations;
    EXPECT_TRUE(client_.tunnel().send_data(circuit_, to, payload.buffer()));
    EXPECT_EQ(allocations, before);
    client_.tunnel().on_batch_end();
}

} // namespace
} // namespace cepa::test
