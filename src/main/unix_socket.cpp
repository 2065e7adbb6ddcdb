#include "main/unix_socket.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace cepa::main {
namespace {

ErrorCode last_error() noexcept
{
    return {errno, boost::system::system_category()};
}

/// The address of `path` through its folder's descriptor, which must stay open while the address is used.
Result<sockaddr_un> address_of(const std::filesystem::path& path, const FileDescriptor& folder)
{
    const std::string text = "/proc/self/fd/" + std::to_string(folder.get()) + "/" + path.filename().string();
    sockaddr_un out{};
    out.sun_family = AF_UNIX;
    if (text.size() >= sizeof out.sun_path) return fail(make_error_code(boost::system::errc::filename_too_long));
    std::memcpy(out.sun_path, text.c_str(), text.size() + 1);
    return out;
}

FileDescriptor open_folder(const std::filesystem::path& path)
{
    const auto parent = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
    return FileDescriptor(::open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
}

} // namespace

Result<FileDescriptor> listen_unix(const std::filesystem::path& path)
{
    const FileDescriptor folder = open_folder(path);
    if (!folder.valid()) return fail(last_error());
    const auto address = address_of(path, folder);
    if (!address) return fail(address.error());
    FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket.valid()) return fail(last_error());
    ::unlinkat(folder.get(), path.filename().c_str(), 0);
    // The mode of the file is the mode of the socket at bind: nobody else may get in, not even for a moment.
    if (::fchmod(socket.get(), 0600) != 0) return fail(last_error());
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0)
        return fail(last_error());
    if (::fchmodat(folder.get(), path.filename().c_str(), 0600, 0) != 0) return fail(last_error());
    if (::listen(socket.get(), 16) != 0) return fail(last_error());
    return socket;
}

Result<FileDescriptor> connect_unix(const std::filesystem::path& path)
{
    const FileDescriptor folder = open_folder(path);
    if (!folder.valid()) return fail(last_error());
    const auto address = address_of(path, folder);
    if (!address) return fail(address.error());
    FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket.valid()) return fail(last_error());
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0)
        return fail(last_error());
    return socket;
}

bool peer_is_same_user(int socket) noexcept
{
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
    return peer.uid == ::geteuid() || peer.uid == 0;
}

} // namespace cepa::main
