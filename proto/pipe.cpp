#include "proto/pipe.hpp"

#include "proto/error.hpp"

#include <boost/system/system_error.hpp>

#include <fcntl.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

namespace cepa::proto {

namespace asio = boost::asio;

Result<PipeEnds> make_pipe(int capacity)
{
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(ErrorCode(errno, boost::system::system_category()));
    PipeEnds out{FileDescriptor(ends[0]), FileDescriptor(ends[1])};
    // Refused to an ordinary user who has many pipes; a smaller pipe works and drops sooner.
    if (capacity > 0) (void)::fcntl(out.write.get(), F_SETPIPE_SZ, capacity);
    return out;
}

void ignore_broken_pipes() noexcept
{
    static const auto former = std::signal(SIGPIPE, SIG_IGN); // NOLINT: once per process
    (void)former;
}

Pipe::Pipe(asio::io_context& io, FileDescriptor in, FileDescriptor out, FrameReceiver& receiver)
    : in_(io, in.release()), out_(io, out.release()), receiver_(receiver), buffer_(kPipeReadSize + kMaxFrame)
{
    ignore_broken_pipes();
    in_.native_non_blocking(true);
    out_.native_non_blocking(true);
    queue_.reserve(kPipeWriteBatch);
    carry_.reserve(kMaxFrame);
}

Pipe::~Pipe() { close(); }

void Pipe::close()
{
    ErrorCode ignored;
    in_.close(ignored);
    out_.close(ignored);
    queue_.clear();
    carry_.clear();
}

void Pipe::start() { wait_readable(); }

// ---- in: one read per wake-up, its frames in place, then the rest of a cut frame to the front of the buffer

void Pipe::wait_readable()
{
    in_.async_wait(asio::posix::descriptor_base::wait_read,
                   [this, alive = std::weak_ptr<char>(alive_)](const ErrorCode& ec) {
                       if (ec || alive.expired() || !in_.is_open()) return;
                       if (read_once()) wait_readable();
                   });
}

bool Pipe::read_once()
{
    const ssize_t got = ::read(in_.native_handle(), buffer_.data() + filled_, buffer_.size() - filled_);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (got <= 0) {
        end(make_error_code(ProtoError::stream_ended));
        return false;
    }
    filled_ += static_cast<std::size_t>(got);
    return deliver();
}

bool Pipe::deliver()
{
    MutableByteSpan rest(buffer_.data(), filled_);
    FrameView frame;
    FrameScan found = next_frame(rest, frame);
    while (found == FrameScan::frame && in_.is_open()) {
        rest = rest.subspan(frame.whole.size());
        ++counters_.frames_in;
        receiver_.on_frame(frame);
        found = next_frame(rest, frame);
    }
    receiver_.on_frame_batch_end();
    if (!in_.is_open()) return false;
    if (found == FrameScan::broken) {
        end(make_error_code(ProtoError::broken_stream));
        return false;
    }
    std::memmove(buffer_.data(), rest.data(), rest.size());
    filled_ = rest.size();
    return true;
}

void Pipe::end(ErrorCode why)
{
    close();
    receiver_.on_pipe_end(why); // last: the receiver may destroy the pipe
}

// ---- out

void Pipe::send(ByteSpan frame)
{
    if (queue_.size() == kPipeWriteBatch) flush();
    queue_.push_back({const_cast<std::uint8_t*>(frame.data()), frame.size()}); // writev() only reads
}

void Pipe::flush()
{
    if (queue_.empty()) return;
    std::size_t written = 0;
    if (out_.is_open() && write_carry() && out_.is_open()) {
        const ssize_t count = ::writev(out_.native_handle(), queue_.data(), static_cast<int>(queue_.size()));
        if (count > 0) written = static_cast<std::size_t>(count);
    }
    keep_rest(written);
    queue_.clear();
}

/// Counts what the pipe took of the batch, keeps the rest of a frame that it cut, and drops the others.
void Pipe::keep_rest(std::size_t written)
{
    for (const iovec& frame : queue_) {
        if (written >= frame.iov_len) {
            written -= frame.iov_len;
            ++counters_.frames_out;
        } else if (written > 0) {
            const auto* bytes = static_cast<const std::uint8_t*>(frame.iov_base);
            carry_.assign(bytes + written, bytes + frame.iov_len);
            written = 0;
            ++counters_.frames_out;
            wait_writable();
        } else {
            ++counters_.drops;
        }
    }
}

/// Whether nothing is carried any more: only then may another frame follow.
bool Pipe::write_carry()
{
    if (carry_.empty()) return true;
    const ssize_t count = ::write(out_.native_handle(), carry_.data(), carry_.size());
    if (count > 0) carry_.erase(carry_.begin(), carry_.begin() + count);
    if (count < 0 && errno != EAGAIN && errno != EINTR) { // nobody reads any more; the read side will tell
        ErrorCode ignored;
        out_.close(ignored);
        carry_.clear();
    }
    return carry_.empty();
}

void Pipe::wait_writable()
{
    if (waiting_writable_) return;
    waiting_writable_ = true;
    out_.async_wait(asio::posix::descriptor_base::wait_write,
                    [this, alive = std::weak_ptr<char>(alive_)](const ErrorCode& ec) {
                        if (alive.expired()) return;
                        waiting_writable_ = false;
                        if (ec || !out_.is_open()) return;
                        if (!write_carry()) wait_writable();
                    });
}

} // namespace cepa::proto
