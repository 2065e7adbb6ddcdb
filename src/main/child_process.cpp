#include "main/child_process.hpp"

#include <boost/process/args.hpp>
#include <boost/process/child.hpp>
#include <boost/process/error.hpp>
#include <boost/process/exe.hpp>
#include <boost/process/extend.hpp>

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern "C" { // the header of glibc 2.36 forgets to say so
#include <sys/pidfd.h>
}

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace cepa::main {
namespace {

/// Sources are moved here first: below, a dup2() onto one target could overwrite the source of the next.
constexpr int kSourceBase = 128;

std::unexpected<ErrorCode> last_error() { return fail(ErrorCode(errno, boost::system::system_category())); }

/// The child's side between fork and exec. Only calls that are safe there: other threads of main may have held any lock.
struct ChildSetup : boost::process::extend::handler {
    const char* executable = nullptr;
    std::vector<PassedDescriptor> descriptors; ///< sources at kSourceBase and above
    int first_unused = 3;

    template <class Executor>
    void on_setup(Executor& executor) const
    {
        executor.exe = executable; // argv[0] stays the name
    }

    template <class Executor>
    void on_exec_setup(Executor&) const
    {
        ::setpgid(0, 0); // Ctrl-C is main's alone
        for (const PassedDescriptor& d : descriptors)
            if (::dup2(d.source, d.target) < 0) ::_exit(127);
        for (int fd = 3; fd < first_unused; ++fd)
            if (!is_target(fd)) close_on_exec(fd);
        // Not closed but marked: Boost.Process still tells its parent through one of them that exec worked.
        if (::close_range(static_cast<unsigned>(first_unused), ~0U, CLOSE_RANGE_CLOEXEC) != 0) mark_one_by_one();
        sigset_t none;
        ::sigemptyset(&none);
        ::sigprocmask(SIG_SETMASK, &none, nullptr);
    }

private:
    bool is_target(int fd) const
    {
        return std::ranges::any_of(descriptors, [fd](const PassedDescriptor& d) { return d.target == fd; });
    }
    static void close_on_exec(int fd) { (void)::fcntl(fd, F_SETFD, FD_CLOEXEC); }
    /// For kernels before 5.11.
    void mark_one_by_one() const
    {
        rlimit limit{};
        ::getrlimit(RLIMIT_NOFILE, &limit);
        const int last = static_cast<int>(std::min<rlim_t>(limit.rlim_cur, 65536));
        for (int fd = first_unused; fd < last; ++fd) close_on_exec(fd);
    }
};

/// Copies of the sources above everything that is a target; closed again when the child runs.
Result<std::vector<FileDescriptor>> move_up(std::vector<PassedDescriptor>& descriptors)
{
    std::vector<FileDescriptor> copies;
    for (PassedDescriptor& d : descriptors) {
        copies.emplace_back(::fcntl(d.source, F_DUPFD_CLOEXEC, kSourceBase));
        if (!copies.back().valid()) return last_error();
        d.source = copies.back().get();
    }
    return copies;
}

void add_missing_standard_streams(std::vector<PassedDescriptor>& descriptors, int dev_null)
{
    for (int fd = 0; fd <= 2; ++fd)
        if (std::ranges::none_of(descriptors, [fd](const PassedDescriptor& d) { return d.target == fd; }))
            descriptors.push_back({dev_null, fd});
}

} // namespace

Result<Child> start_child(const ChildPlan& plan)
{
    namespace bp = boost::process;
    const FileDescriptor dev_null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!dev_null.valid()) return last_error();
    ChildSetup setup;
    setup.executable = plan.executable.c_str();
    setup.descriptors = plan.descriptors;
    add_missing_standard_streams(setup.descriptors, dev_null.get());
    for (const PassedDescriptor& d : setup.descriptors) setup.first_unused = std::max(setup.first_unused, d.target + 1);
    const auto copies = move_up(setup.descriptors);
    if (!copies) return fail(copies.error());

    std::error_code error;
    bp::child started(bp::exe = plan.name, bp::args = plan.arguments, setup, error);
    if (error) return fail(ErrorCode(error.value(), boost::system::system_category()));
    Child child{started.id(), {}};
    started.detach(); // we watch and reap it ourselves: Boost.Process would need SIGCHLD and its own process group
    child.pidfd.reset(::pidfd_open(child.pid, 0));
    if (child.pidfd.valid()) return child;
    const auto failed = last_error();
    ::kill(child.pid, SIGKILL);
    ::waitpid(child.pid, nullptr, 0);
    return failed;
}

} // namespace cepa::main
