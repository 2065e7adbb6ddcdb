#include "main/atomic_file.hpp"

#include "base/file_descriptor.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace cepa::main {
namespace {

[[nodiscard]] std::unexpected<ErrorCode> fail_errno()
{
    return fail(ErrorCode(errno, boost::system::system_category()));
}

Result<void> write_all(int fd, ByteSpan bytes)
{
    while (!bytes.empty()) {
        const ssize_t written = ::write(fd, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return fail_errno();
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return {};
}

Result<void> write_and_sync(const std::filesystem::path& path, ByteSpan bytes)
{
    const FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file.valid()) return fail_errno();
    CEPA_TRY(write_all(file.get(), bytes));
    if (::fsync(file.get()) != 0) return fail_errno();
    return {};
}

/// Without it a crash of the machine could undo the rename.
Result<void> sync_folder(const std::filesystem::path& folder)
{
    const FileDescriptor file(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!file.valid() || ::fsync(file.get()) != 0) return fail_errno();
    return {};
}

} // namespace

Result<void> write_file_atomically(const std::filesystem::path& path, ByteSpan bytes)
{
    // The process id keeps two processes apart that write the same file; within one, a later writer wins.
    std::filesystem::path temporary = path;
    temporary += ".new." + std::to_string(::getpid());
    Result<void> done = write_and_sync(temporary, bytes);
    if (done && ::rename(temporary.c_str(), path.c_str()) != 0) done = fail_errno();
    if (!done) {
        ::unlink(temporary.c_str());
        return done;
    }
    const std::filesystem::path folder = path.parent_path();
    return sync_folder(folder.empty() ? "." : folder);
}

Result<Bytes> read_file(const std::filesystem::path& path, std::size_t limit)
{
    const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)); // a FIFO must not hang us
    if (!file.valid()) return fail_errno();
    struct stat about{};
    if (::fstat(file.get(), &about) != 0) return fail_errno();
    if (S_ISDIR(about.st_mode)) return fail(make_error_code(boost::system::errc::is_a_directory));
    Bytes bytes;
    constexpr std::size_t kStep = 1U << 16U;
    for (;;) {
        const std::size_t used = bytes.size();
        bytes.resize(used + kStep);
        const ssize_t got = ::read(file.get(), bytes.data() + used, kStep);
        if (got < 0 && errno != EINTR) return fail_errno();
        bytes.resize(used + (got > 0 ? static_cast<std::size_t>(got) : 0));
        if (bytes.size() > limit) return fail(make_error_code(boost::system::errc::file_too_large));
        if (got == 0) return bytes;
    }
}

Result<void> make_private_folder(const std::filesystem::path& path)
{
    std::filesystem::path so_far;
    for (const std::filesystem::path& part : path) {
        so_far /= part;
        if (::mkdir(so_far.c_str(), 0700) == 0 || errno == EEXIST) continue;
        // A parent that we may not write to is fine when it is there (EROFS, EACCES come before EEXIST on some systems).
        const int error = errno;
        struct stat about{};
        if (::stat(so_far.c_str(), &about) == 0) continue;
        return fail(ErrorCode(error, boost::system::system_category()));
    }
    struct stat about{};
    if (::stat(path.c_str(), &about) != 0) return fail_errno();
    if (!S_ISDIR(about.st_mode)) return fail(make_error_code(boost::system::errc::not_a_directory));
    return {};
}

} // namespace cepa::main
