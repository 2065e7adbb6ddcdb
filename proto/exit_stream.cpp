#include "proto/exit_stream.hpp"

#include "base/bytes.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>

namespace cepa::proto {
namespace {

bool read_all(int fd, MutableByteSpan into)
{
    while (!into.empty()) {
        const ssize_t got = ::read(fd, into.data(), into.size());
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        into = into.subspan(static_cast<std::size_t>(got));
    }
    return true;
}

bool write_all(int fd, ByteSpan bytes)
{
    while (!bytes.empty()) {
        const ssize_t written = ::write(fd, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return true;
}

} // namespace

std::optional<ExitRequest> read_exit_request(int fd)
{
    std::array<std::uint8_t, 4> head{};
    if (!read_all(fd, head)) return std::nullopt;
    const std::size_t size = Reader(head).u32();
    std::array<std::uint8_t, kMaxExitMessage> body{};
    if (size > body.size() || !read_all(fd, MutableByteSpan(body).first(size))) return std::nullopt;
    ExitRequest request;
    if (!request.ParseFromArray(body.data(), static_cast<int>(size))) return std::nullopt;
    return request;
}

bool write_exit_answer(int fd, ExitAnswer answer)
{
    constexpr std::size_t kMaxText = kMaxExitMessage / 2;
    if (answer.error().size() > kMaxText) answer.mutable_error()->resize(kMaxText);
    Bytes message(4 + answer.ByteSizeLong());
    Writer(message).u32(static_cast<std::uint32_t>(message.size() - 4));
    answer.SerializeWithCachedSizesToArray(message.data() + 4);
    return write_all(fd, message);
}

} // namespace cepa::proto
