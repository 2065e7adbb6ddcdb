#include "main/containment.hpp"

#include "base/file_descriptor.hpp"
#include "base/log.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <cstring>
#include <future>
#include <string_view>
#include <thread>

namespace cepa::main {
namespace {

namespace asio = boost::asio;

std::string because(std::string_view what, int error)
{
    return fmt::format("{}: {}", what, std::strerror(error));
}

bool has_sys_admin()
{
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3]{};
    if (::syscall(SYS_capget, &header, data) != 0) return false;
    return (data[CAP_TO_INDEX(CAP_SYS_ADMIN)].effective & CAP_TO_MASK(CAP_SYS_ADMIN)) != 0;
}

/// Writes a file below /proc/self; returns 0 or the error number.
int write_proc(const char* path, std::string_view text)
{
    const FileDescriptor file(::open(path, O_WRONLY | O_CLOEXEC));
    if (!file.valid()) return errno;
    return ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : errno;
}

/// Maps our own uid and gid onto themselves; the process keeps its name towards the file system.
std::string map_own_ids(unsigned uid, unsigned gid)
{
    // The kernel wants setgroups() given up before an ordinary user may map a group.
    if (const int error = write_proc("/proc/self/setgroups", "deny")) return because("setgroups of a user namespace", error);
    if (const int error = write_proc("/proc/self/uid_map", fmt::format("{0} {0} 1", uid)))
        return because("uid map of a user namespace", error);
    if (const int error = write_proc("/proc/self/gid_map", fmt::format("{0} {0} 1", gid)))
        return because("gid map of a user namespace", error);
    return {};
}

/// This and the next return what refused, or nothing.
std::string enter_user_namespace()
{
    const unsigned uid = ::getuid();
    const unsigned gid = ::getgid();
    if (::unshare(CLONE_NEWUSER) != 0) return because("user namespace", errno);
    return map_own_ids(uid, gid);
}

std::string bring_loopback_up()
{
    const FileDescriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    std::memcpy(request.ifr_name, "lo", 3);
    if (!socket.valid() || ::ioctl(socket.get(), SIOCGIFFLAGS, &request) != 0) return because("loopback interface", errno);
    request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
    if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) return because("loopback interface up", errno);
    return {};
}

std::string enter_network_namespace()
{
    if (::unshare(CLONE_NEWNET) != 0) return because("network namespace", errno);
    return bring_loopback_up();
}

/// Goes all the way in a child first: a process left half-way, without its own uid, could not go on.
std::string try_in_child()
{
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return because("pipe", errno);
    FileDescriptor reader(ends[0]);
    FileDescriptor writer(ends[1]);
    const pid_t child = ::fork();
    if (child < 0) return because("fork", errno);
    if (child == 0) {
        std::string refused = enter_user_namespace();
        if (refused.empty()) refused = enter_network_namespace();
        if (refused.empty()) refused = "+";
        const ssize_t written = ::write(writer.get(), refused.data(), refused.size());
        ::_exit(written > 0 ? 0 : 1);
    }
    writer.reset();
    char text[512];
    const ssize_t got = ::read(reader.get(), text, sizeof text); // one short write: whole or nothing
    ::waitpid(child, nullptr, 0);
    if (got <= 0) return "user namespace: the trial ended without an answer";
    const std::string answer(text, static_cast<std::size_t>(got));
    return answer == "+" ? std::string() : answer;
}

/// What a user can do about a refusal; the usual causes on Debian, Ubuntu and in containers.
std::string with_remedy(const std::string& refusal)
{
    return refusal + " (allowed with CAP_SYS_ADMIN, or for everyone by sysctl kernel.unprivileged_userns_clone=1, "
                     "user.max_user_namespaces > 0 and kernel.apparmor_restrict_unprivileged_userns=0)";
}

} // namespace

/// The contained thread and its queue. The thread only runs what run_inside() posts, one piece at a time.
struct Containment::Inside {
    asio::io_context queue{1};
    asio::executor_work_guard<asio::io_context::executor_type> work{queue.get_executor()};
    std::promise<std::string> entered; // empty: inside; else what refused
    std::thread thread;

    void run()
    {
        const std::string refused = enter_network_namespace();
        entered.set_value(refused);
        if (refused.empty()) queue.run();
    }
};

ContainmentPermit Containment::prepare()
{
    if (has_sys_admin()) return {true, {}};
    if (const std::string refused = try_in_child(); !refused.empty()) return {false, with_remedy(refused)};
    if (const std::string refused = enter_user_namespace(); !refused.empty()) return {false, with_remedy(refused)};
    return {true, {}};
}

Containment::Containment(ContainmentPermit permit) : permit_(std::move(permit))
{
    status_.why_off = permit_.allowed ? "not started" : permit_.refused;
}

Containment::~Containment()
{
    if (!inside_) return;
    inside_->work.reset();
    inside_->thread.join();
}

void Containment::start()
{
    assert(!inside_);
    if (!permit_.allowed) return;
    auto inside = std::make_unique<Inside>();
    std::future<std::string> entered = inside->entered.get_future();
    inside->thread = std::thread([raw = inside.get()] { raw->run(); });
    if (const std::string refused = entered.get(); !refused.empty()) {
        inside->thread.join();
        status_ = {false, with_remedy(refused)};
        return;
    }
    inside_ = std::move(inside);
    status_ = {true, {}};
    log::debug("containment on");
}

void Containment::run_inside(const std::function<void()>& work)
{
    if (!inside_) return work();
    assert(std::this_thread::get_id() != inside_->thread.get_id());
    std::promise<void> done;
    asio::post(inside_->queue, [&] {
        try {
            work();
            done.set_value();
        } catch (...) {
            done.set_exception(std::current_exception());
        }
    });
    done.get_future().get();
}

} // namespace cepa::main
