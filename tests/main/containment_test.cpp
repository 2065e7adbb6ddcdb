#include "main/containment.hpp"

#include "base/file_descriptor.hpp"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <stdexcept>
#include <thread>

namespace cepa::main {
namespace {

constexpr int kSkipped = 77;

/// Runs `body` in a forked child, as `uid` when that is not 0, and returns its exit status: prepare() changes a process.
int in_child(unsigned uid, const std::function<int()>& body)
{
    const pid_t child = ::fork();
    if (child == 0) {
        int status = 99;
        // A change of uid takes the dumpable mark away, and with it the files below /proc/self; an exec would set it again.
        const bool dropped = uid == 0 || (::setgroups(0, nullptr) == 0 && ::setgid(uid) == 0 && ::setuid(uid) == 0
                                          && ::prctl(PR_SET_DUMPABLE, 1) == 0);
        try {
            status = dropped ? body() : kSkipped;
        } catch (...) {
        }
        ::_exit(status);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}

sockaddr_in address(const char* ip, std::uint16_t port)
{
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    ::inet_pton(AF_INET, ip, &to.sin_addr);
    return to;
}

/// Error of one datagram to `ip` from a fresh socket; 0 when it was sent.
int udp_error(const char* ip)
{
    const FileDescriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const sockaddr_in to = address(ip, 9);
    return ::sendto(socket.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 1 ? 0 : errno;
}

int tcp_error(const char* ip)
{
    const FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const sockaddr_in to = address(ip, 9);
    return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0 ? 0 : errno;
}

FileDescriptor bound_udp(std::uint16_t& port)
{
    FileDescriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in here = address("127.0.0.1", 0);
    socklen_t size = sizeof here;
    if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&here), size) != 0) throw std::runtime_error("bind");
    ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&here), &size);
    port = ntohs(here.sin_port);
    return socket;
}

/// What is true inside: an outside address is unreachable, loopback works, and there is no other interface.
int check_inside(Containment& containment)
{
    int wrong = 0;
    containment.run_inside([&] {
        if (udp_error("192.0.2.1") != ENETUNREACH) wrong |= 1;
        if (tcp_error("192.0.2.1") != ENETUNREACH) wrong |= 2;
        if (udp_error("127.0.0.1") != 0) wrong |= 4;
        if (::if_nametoindex("lo") == 0 || ::if_nametoindex("eth0") != 0) wrong |= 8;
        // A thread made inside stays inside, which is what libtorrent's threads rely on.
        std::thread([&] {
            if (udp_error("192.0.2.1") != ENETUNREACH) wrong |= 16;
        }).join();
    });
    return wrong;
}

/// A socket made inside can be used from outside, and the two networks do not see each other.
int check_border(Containment& containment)
{
    std::uint16_t inside_port = 0;
    std::uint16_t outside_port = 0;
    FileDescriptor inside;
    containment.run_inside([&] { inside = bound_udp(inside_port); });
    const FileDescriptor outside = bound_udp(outside_port);
    const FileDescriptor sender(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const sockaddr_in to_inside = address("127.0.0.1", inside_port);
    const sockaddr_in to_outside = address("127.0.0.1", outside_port);
    char byte = 0;
    // The host's loopback has its own port of that number, or none: nothing arrives inside.
    ::sendto(sender.get(), "a", 1, 0, reinterpret_cast<const sockaddr*>(&to_inside), sizeof to_inside);
    if (::recv(inside.get(), &byte, 1, MSG_DONTWAIT) >= 0) return 32;
    ::sendto(sender.get(), "b", 1, 0, reinterpret_cast<const sockaddr*>(&to_outside), sizeof to_outside);
    if (::recv(outside.get(), &byte, 1, MSG_DONTWAIT) != 1) return 64;
    // From outside, through a descriptor made inside: it reaches the inside only.
    ::sendto(inside.get(), "c", 1, 0, reinterpret_cast<const sockaddr*>(&to_inside), sizeof to_inside);
    return ::recv(inside.get(), &byte, 1, MSG_DONTWAIT) == 1 && byte == 'c' ? 0 : 33;
}

int contained_process()
{
    const unsigned uid = ::getuid();
    Containment containment(Containment::prepare());
    containment.start();
    if (!containment.status().on) return containment.status().why_off.empty() ? 97 : kSkipped;
    if (::getuid() != uid) return 96;
    if (const int wrong = check_inside(containment)) return wrong;
    return check_border(containment);
}

class ContainmentAs : public testing::TestWithParam<unsigned> {};

TEST_P(ContainmentAs, NothingLeavesAndTheRestWorks)
{
    const int status = in_child(GetParam(), contained_process);
    if (status == kSkipped) GTEST_SKIP() << "the system refuses namespaces to this user";
    EXPECT_EQ(status, 0);
}

INSTANTIATE_TEST_SUITE_P(Users, ContainmentAs, testing::Values(0U, 65534U),
                         [](const auto& about) { return about.param == 0 ? "ThisUser" : "Nobody"; });

TEST(Containment, ChildrenOfTheProcessStayOutside)
{
    const int status = in_child(0, [] {
        Containment containment(Containment::prepare());
        containment.start();
        if (!containment.status().on) return kSkipped;
        char inside[64]{};
        char outside[64]{};
        containment.run_inside([&] { (void)!::readlink("/proc/thread-self/ns/net", inside, sizeof inside - 1); });
        const pid_t child = ::fork(); // as a spawn from the io thread does
        if (child == 0) {
            char own[64]{};
            (void)!::readlink("/proc/thread-self/ns/net", own, sizeof own - 1);
            ::_exit(std::string(own) == inside ? 1 : 0);
        }
        int wrong = 1;
        ::waitpid(child, &wrong, 0);
        (void)!::readlink("/proc/thread-self/ns/net", outside, sizeof outside - 1);
        return std::string(inside) != outside && wrong == 0 ? 0 : 1;
    });
    if (status == kSkipped) GTEST_SKIP() << "the system refuses namespaces to this user";
    EXPECT_EQ(status, 0);
}

TEST(Containment, OffRunsOnTheCallingThreadAndSaysWhy)
{
    Containment containment({false, "switched off by the settings"});
    containment.start();
    EXPECT_FALSE(containment.status().on);
    EXPECT_EQ(containment.status().why_off, "switched off by the settings");
    std::thread::id ran;
    containment.run_inside([&] { ran = std::this_thread::get_id(); });
    EXPECT_EQ(ran, std::this_thread::get_id());
}

TEST(Containment, AnExceptionOfTheWorkComesOut)
{
    const int status = in_child(0, [] {
        Containment containment(Containment::prepare());
        containment.start();
        if (!containment.status().on) return kSkipped;
        try {
            containment.run_inside([] { throw std::runtime_error("bind"); });
        } catch (const std::runtime_error& error) {
            int again = 1; // and the thread goes on
            containment.run_inside([&] { again = 0; });
            return std::string(error.what()) == "bind" ? again : 2;
        }
        return 3;
    });
    if (status == kSkipped) GTEST_SKIP() << "the system refuses namespaces to this user";
    EXPECT_EQ(status, 0);
}

} // namespace
} // namespace cepa::main
