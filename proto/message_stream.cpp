#include "proto/message_stream.hpp"

#include "proto/error.hpp"
#include "proto/pipe.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <unistd.h>
#include <utility>

namespace cepa::proto {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kLengthField = 4;
constexpr std::size_t kReadChunk = 16 * 1024;

/// Length of the message at the start of `bytes`; nothing is known yet of fewer than four.
struct MessageHead {
    bool known = false;
    std::size_t length = 0;
};
MessageHead read_head(ByteSpan bytes) noexcept
{
    Reader reader(bytes);
    const std::size_t length = reader.u32();
    return {reader.ok(), length};
}

/// Leaves nothing of the first `count` bytes in memory.
void drop_front(WipedBytes& bytes, std::size_t count)
{
    const std::size_t left = bytes.size() - count;
    std::memmove(bytes.data(), bytes.data() + count, left);
    ::explicit_bzero(bytes.data() + left, count);
    bytes.resize(left);
}

} // namespace

MessageStream::MessageStream(asio::io_context& io, FileDescriptor in, FileDescriptor out)
    : in_(io, in.release()), out_(io, out.release())
{
    ignore_broken_pipes();
    in_.native_non_blocking(true);
    out_.native_non_blocking(true);
}

MessageStream::~MessageStream()
{
    close();
}

void MessageStream::close()
{
    ErrorCode ignored;
    in_.close(ignored);
    out_.close(ignored);
    ended_ = true;
}

void MessageStream::start(OnMessage on_message, OnEnd on_end)
{
    on_message_ = std::move(on_message);
    on_end_ = std::move(on_end);
    wait_readable();
}

// ---- in

void MessageStream::wait_readable()
{
    in_.async_wait(asio::posix::descriptor_base::wait_read,
                   [this, alive = std::weak_ptr<char>(alive_)](const ErrorCode& ec) {
                       if (ec || alive.expired() || ended_) return;
                       if (read_some()) wait_readable();
                   });
}

void MessageStream::drain()
{
    const std::weak_ptr<char> alive = alive_;
    // Bounded all the same: somebody else might hold the pipe's other end.
    for (std::size_t got = 0; got < kMaxQueued && !ended_; got += kReadChunk)
        if (!read_some()) break;
    if (!alive.expired() && !ended_) end(make_error_code(ProtoError::stream_ended));
}

/// False when the stream has ended or is gone.
bool MessageStream::read_some()
{
    std::array<std::uint8_t, kReadChunk> chunk; // NOLINT: only what is read is used
    const ssize_t got = ::read(in_.native_handle(), chunk.data(), chunk.size());
    if (got > 0) received_.insert(received_.end(), chunk.begin(), chunk.begin() + got);
    ::explicit_bzero(chunk.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (got > 0) return deliver();
    end(make_error_code(ProtoError::stream_ended));
    return false;
}

/// Hands out the complete messages. False when the stream has ended or is gone.
bool MessageStream::deliver()
{
    // Both leave the object for the time of the calls: a callback may destroy the stream.
    const std::weak_ptr<char> alive = alive_;
    WipedBytes bytes = std::move(received_);
    OnMessage on_message = std::move(on_message_);
    ByteSpan rest(bytes);
    MessageHead head = read_head(rest);
    while (head.known && head.length <= kMaxMessage && head.length <= rest.size() - kLengthField) {
        on_message(rest.subspan(kLengthField, head.length));
        if (alive.expired() || ended_) return false;
        rest = rest.subspan(kLengthField + head.length);
        head = read_head(rest);
    }
    if (head.known && head.length > kMaxMessage) {
        end(make_error_code(ProtoError::broken_stream));
        return false;
    }
    drop_front(bytes, bytes.size() - rest.size());
    received_ = std::move(bytes);
    on_message_ = std::move(on_message);
    return true;
}

void MessageStream::end(ErrorCode why)
{
    close();
    const OnEnd on_end = std::move(on_end_);
    if (on_end) on_end(why); // last: it may destroy the stream
}

// ---- out

Result<void> MessageStream::send(const google::protobuf::MessageLite& message)
{
    const std::size_t size = message.ByteSizeLong();
    if (ended_) return fail(make_error_code(ProtoError::stream_ended));
    if (size > kMaxMessage) return fail(make_error_code(ProtoError::too_large));
    const std::size_t before = queued_.size();
    if (before - sent_ + size > kMaxQueued) return fail(make_error_code(ProtoError::queue_full));
    queued_.resize(before + kLengthField + size);
    Writer(MutableByteSpan(queued_).subspan(before)).u32(static_cast<std::uint32_t>(size));
    message.SerializeWithCachedSizesToArray(queued_.data() + before + kLengthField);
    if (!waiting_writable_) write_some();
    return {};
}

void MessageStream::write_some()
{
    const ssize_t count = ::write(out_.native_handle(), queued_.data() + sent_, queued_.size() - sent_);
    if (count > 0) sent_ += static_cast<std::size_t>(count);
    const bool later = count >= 0 || errno == EAGAIN || errno == EINTR;
    if (sent_ == queued_.size() || !later) {              // nobody reads any more: the read side will tell
        ::explicit_bzero(queued_.data(), queued_.size()); // CREATE carries a key
        queued_.clear();
        sent_ = 0;
        return;
    }
    if (sent_ > kMaxMessage) { // keep the front from growing while the other side is always a little behind
        drop_front(queued_, sent_);
        sent_ = 0;
    }
    waiting_writable_ = true;
    out_.async_wait(asio::posix::descriptor_base::wait_write,
                    [this, alive = std::weak_ptr<char>(alive_)](const ErrorCode& ec) {
                        if (alive.expired()) return;
                        waiting_writable_ = false;
                        if (!ec && !ended_) write_some();
                    });
}

} // namespace cepa::proto
