#include "main/port_group.hpp"

#include "main/node_socket.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <map>
#include <random>

namespace cepa::main {
namespace {

const Endpoint kAnyLoopback = *Endpoint::parse("127.0.0.1:0");
constexpr std::uint32_t kSlots = 4;

struct PortGroupTest : testing::Test {
    OverlayPrefix prefix = overlay_prefix(as_bytes("0123456789abcdefghij"));
    PortGroup group = std::move(*PortGroup::open(kAnyLoopback, kSlots, prefix));
    proto::SlotTable table = proto::SlotTable::make(0x12345678, 0x9e3779b1, kSlots);
    FileDescriptor sender{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    std::mt19937 random{3}; // NOLINT: the same ids every time

    void SetUp() override { ASSERT_TRUE(group.steer(table)); }

    Bytes cell(std::uint32_t circuit) const
    {
        Bytes out(100, 0);
        std::ranges::copy(prefix, out.begin());
        for (unsigned i = 0; i < 4; ++i) out[23 + i] = static_cast<std::uint8_t>(circuit >> (24U - 8U * i));
        return out;
    }
    void send(ByteSpan packet) const
    {
        sockaddr_storage to{};
        const socklen_t size = group.endpoint().to_sockaddr(to);
        ASSERT_EQ(::sendto(sender.get(), packet.data(), packet.size(), 0, reinterpret_cast<sockaddr*>(&to), size),
                  static_cast<ssize_t>(packet.size()));
    }
    std::uint32_t send_random_cell()
    {
        const auto id = static_cast<std::uint32_t>(random());
        send(cell(id));
        return id;
    }
    /// How many packets wait on `socket`; cells that are not `worker`'s by `by` are counted in `wrong`.
    int drain(int socket, std::uint16_t worker, const proto::SlotTable& by, int& wrong) const
    {
        int count = 0;
        std::array<std::uint8_t, 2048> packet{};
        for (;; ++count) {
            const ssize_t got = ::recv(socket, packet.data(), packet.size(), MSG_DONTWAIT);
            if (got < 0) return count;
            const ByteSpan bytes(packet.data(), static_cast<std::size_t>(got));
            if (steered_to(by, prefix, bytes) != WorkerId(worker)) ++wrong;
        }
    }
    struct Arrivals {
        std::array<int, kSlots> counts{};
        int wrong = 0;
        int total = 0;
    };
    Arrivals drain_all(const proto::SlotTable& by) const
    {
        Arrivals out;
        for (std::uint16_t w = 0; w < kSlots; ++w) {
            out.counts.at(w) = drain(group.socket(WorkerId(w)), w, by, out.wrong);
            out.total += out.counts.at(w);
        }
        return out;
    }
};

// T1 of the measurements that this design rests on.
TEST_F(PortGroupTest, EveryCellReachesItsWorker)
{
    Arrivals all;
    for (int round = 0; round < 20; ++round) {
        for (int i = 0; i < 200; ++i) (void)send_random_cell();
        const Arrivals now = drain_all(table);
        all.wrong += now.wrong;
        all.total += now.total;
        for (std::size_t w = 0; w < kSlots; ++w) all.counts.at(w) += now.counts.at(w);
    }
    EXPECT_EQ(all.wrong, 0);
    EXPECT_EQ(all.total, 4000);
    for (const int count : all.counts) EXPECT_NEAR(count, 1000, 200);
}

// T2
TEST_F(PortGroupTest, EverythingElseReachesWorkerZero)
{
    send({});
    send(as_bytes("short"));
    for (std::uint32_t id = 0; id < 50; ++id) {
        Bytes other_message = cell(id);
        other_message[22] = 8; // destroy
        send(other_message);
        Bytes other_overlay = cell(id);
        other_overlay[10] ^= 1U;
        send(other_overlay);
        send(ByteSpan(cell(id)).first(28));
    }
    EXPECT_EQ(drain_all(table).counts, (std::array<int, kSlots>{152, 0, 0, 0}));
}

// T5 and T6: a worker dies (its copy of the socket is closed), main's stays.
TEST_F(PortGroupTest, ADeadWorkersPacketsWaitForTheNextOne)
{
    FileDescriptor childs(::fcntl(group.socket(WorkerId(1)), F_DUPFD_CLOEXEC, 0));
    childs.reset();
    int mine = 0;
    for (int i = 0; i < 1000; ++i)
        if (table.owner(CircuitId(send_random_cell())) == WorkerId(1)) ++mine;
    const FileDescriptor replacement(::fcntl(group.socket(WorkerId(1)), F_DUPFD_CLOEXEC, 0));
    int wrong = 0;
    EXPECT_EQ(drain(replacement.get(), 1, table, wrong), mine);
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(drain_all(table).total, 1000 - mine);
}

TEST_F(PortGroupTest, AnotherTableHoldsFromTheNextPacketOn)
{
    const auto two = table.resized(2);
    ASSERT_TRUE(group.steer(two));
    for (int i = 0; i < 200; ++i) (void)send_random_cell();
    const Arrivals arrivals = drain_all(two);
    EXPECT_EQ(arrivals.wrong, 0);
    EXPECT_EQ(arrivals.counts[2] + arrivals.counts[3], 0);
    ASSERT_TRUE(group.steer(two.resized(4)));
    for (int i = 0; i < 200; ++i) (void)send_random_cell();
    EXPECT_EQ(drain_all(two.resized(4)).wrong, 0);
}

// T7: the kernel would fall back to a hash.
TEST_F(PortGroupTest, ATableThatNamesAMissingSlotIsRefused)
{
    EXPECT_FALSE(group.steer(proto::SlotTable::make(1, 1, kSlots + 1)));
    for (int i = 0; i < 100; ++i) (void)send_random_cell();
    EXPECT_EQ(drain_all(table).wrong, 0) << "the former table still holds";
}

// T9
TEST_F(PortGroupTest, AnotherUserCannotJoin)
{
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to become another user";
    const pid_t child = ::fork();
    if (child == 0) {
        const bool changed = ::setuid(65534) == 0;
        const auto joined = open_node_socket(group.endpoint(), PortSharing::shared);
        ::_exit(changed && !joined && joined.error() == boost::system::errc::address_in_use ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
}

// T10
TEST_F(PortGroupTest, AnotherSocketOfTheSameUserGetsNothing)
{
    const auto rogue = open_node_socket(group.endpoint(), PortSharing::shared);
    ASSERT_TRUE(rogue);
    for (int i = 0; i < 500; ++i) (void)send_random_cell();
    const Arrivals arrivals = drain_all(table);
    EXPECT_EQ(arrivals.wrong, 0);
    EXPECT_EQ(arrivals.total, 500);
}

// T11 and T12: locked on every member, not only on the first.
TEST_F(PortGroupTest, NoWorkersSocketTakesAnotherProgram)
{
    std::array<sock_filter, 1> all_to_zero{{{BPF_RET | BPF_K, 0, 0, 0}}};
    const sock_fprog program{1, all_to_zero.data()};
    for (std::uint16_t w = 0; w < kSlots; ++w) {
        const int socket = group.socket(WorkerId(w));
        for (const int option : {SO_ATTACH_REUSEPORT_CBPF, SO_ATTACH_FILTER}) {
            EXPECT_EQ(::setsockopt(socket, SOL_SOCKET, option, &program, sizeof program), -1) << w;
            EXPECT_EQ(errno, EPERM) << w;
        }
        const int off = 0;
        EXPECT_EQ(::setsockopt(socket, SOL_SOCKET, SO_LOCK_FILTER, &off, sizeof off), -1) << w;
    }
    for (int i = 0; i < 200; ++i) (void)send_random_cell();
    EXPECT_EQ(drain_all(table).wrong, 0);
    EXPECT_TRUE(group.steer(table.resized(3))) << "main's own way stays open";
}

// The kernel lets a locked member take the program away all the same. Until main steers again, as the pool does every few
// seconds, cells arrive anywhere and are handed over; none is lost.
TEST_F(PortGroupTest, AProgramThatWasTakenAwayIsPutBack)
{
    const int off = 0;
    if (::setsockopt(group.socket(WorkerId(1)), SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, &off, sizeof off) != 0)
        GTEST_SKIP() << "this kernel forbids it";
    for (int i = 0; i < 200; ++i) (void)send_random_cell();
    const Arrivals hashed = drain_all(table);
    // One sender, one hash: all of them at one member, which may be the spare one that nobody reads.
    EXPECT_LT(hashed.total - hashed.wrong, 200);
    ASSERT_TRUE(group.steer(table));
    for (int i = 0; i < 200; ++i) (void)send_random_cell();
    EXPECT_EQ(drain_all(table).wrong, 0);
}

TEST_F(PortGroupTest, TheProbeSeesAPortThatIsInUse)
{
    const auto second = PortGroup::open(group.endpoint(), 2, prefix);
    ASSERT_FALSE(second) << "another node of the same user must not join silently";
    EXPECT_EQ(second.error(), boost::system::errc::address_in_use);
}

TEST_F(PortGroupTest, BuffersAreLarge)
{
    std::array<int, 2> sizes{};
    socklen_t size = sizeof(int);
    ASSERT_EQ(::getsockopt(group.socket(WorkerId(1)), SOL_SOCKET, SO_RCVBUF, &sizes[0], &size), 0);
    const FileDescriptor plain(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::getsockopt(plain.get(), SOL_SOCKET, SO_RCVBUF, &sizes[1], &size), 0);
    EXPECT_GE(sizes[0], sizes[1]);
    if (::geteuid() == 0) {
        EXPECT_GE(sizes[0], kNodeSocketBuffer);
    }
}

} // namespace
} // namespace cepa::main
