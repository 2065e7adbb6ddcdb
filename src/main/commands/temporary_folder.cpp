#include "main/commands/temporary_folder.hpp"

#include "main/user_error.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace cepa::main {
namespace {

/// Of the keeper, half a second apart.
constexpr int kAttempts = 120;

void remove_quietly(const std::filesystem::path& path)
{
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
}

/// The keeper's life. It must hold nothing of its owner: neither the terminal's signals nor pipes that others read.
[[noreturn]] void keep(const std::filesystem::path& path, int lifeline)
{
    ::setpgid(0, 0);
    sigset_t all;
    sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, nullptr);
    ::dup2(lifeline, 3);
    ::close_range(4, ~0U, 0);
    const int nowhere = ::open("/dev/null", O_RDWR);
    for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        ::dup2(nowhere, standard);
    char byte = 0;
    while (::read(3, &byte, 1) < 0 && errno == EINTR) {
    }
    // What the owner had started is ending at this moment and may still write, so once is not always enough.
    std::error_code ignored;
    for (int attempt = 0; attempt < kAttempts && std::filesystem::exists(path, ignored); ++attempt) {
        ::usleep(500'000);
        remove_quietly(path);
    }
    ::_exit(0);
}

} // namespace

TemporaryFolder::TemporaryFolder(const std::filesystem::path& parent, const std::string& prefix)
{
    std::string made = (parent / (prefix + "XXXXXX")).string();
    if (::mkdtemp(made.data()) == nullptr)
        throw UserError(fmt::format("temporary folder in {}: {}", parent.string(), std::strerror(errno)));
    path_ = made;
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return; // without a keeper it is as good as any other temporary folder
    const FileDescriptor read_end(ends[0]);
    lifeline_ = FileDescriptor(ends[1]);
    keeper_ = ::fork();
    if (keeper_ == 0) keep(path_, read_end.get());
}

TemporaryFolder::~TemporaryFolder()
{
    remove_quietly(path_);
    if (keeper_ <= 0) return;
    ::kill(keeper_, SIGKILL);
    ::waitpid(keeper_, nullptr, 0);
}

} // namespace cepa::main
