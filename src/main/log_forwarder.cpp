#include "main/log_forwarder.hpp"

#include "base/result.hpp"

#include <algorithm>
#include <array>
#include <unistd.h>
#include <utility>

namespace cepa::main {

namespace asio = boost::asio;

LogForwarder::LogForwarder(asio::io_context& io, const Clock& clock, FileDescriptor in, std::string source, Sink sink)
    : in_(io, in.release()), clock_(clock), source_(std::move(source)), sink_(std::move(sink)), refilled_(clock.now())
{
    in_.native_non_blocking(true);
}

void LogForwarder::start()
{
    wait_readable();
}

void LogForwarder::wait_readable()
{
    in_.async_wait(asio::posix::descriptor_base::wait_read,
                   [this, alive = std::weak_ptr<char>(alive_)](const ErrorCode& ec) {
                       if (ec || alive.expired()) return;
                       if (read_once()) wait_readable();
                   });
}

void LogForwarder::drain()
{
    for (int i = 0; i < 16 && read_once(); ++i) {
    } // a pipe holds 64 KiB
    end_line();
}

/// False at the end of the stream. Reads little at a time, so that a chatty worker cannot hold up the loop.
bool LogForwarder::read_once()
{
    std::array<char, 4096> buffer{};
    const ssize_t got = ::read(in_.native_handle(), buffer.data(), buffer.size());
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    std::for_each(buffer.begin(), buffer.begin() + got, [this](char c) { take(c); });
    return got > 0;
}

void LogForwarder::take(char c)
{
    if (c == '\n') return end_line();
    if (line_.size() == kMaxLine) return;
    const bool printable = static_cast<unsigned char>(c) >= 0x20 && c != 0x7f;
    line_ += printable ? c : ' '; // a control character could rewrite the user's terminal
}

void LogForwarder::end_line()
{
    if (!line_.empty() && allowed()) sink_(source_, line_);
    line_.clear();
}

bool LogForwarder::allowed()
{
    const TimePoint now = clock_.now();
    const double seconds = in_seconds(now - refilled_);
    refilled_ = now;
    tokens_ = std::min<double>(kBurst, tokens_ + seconds * kLinesPerSecond);
    if (tokens_ < 1) {
        ++suppressed_;
        return false;
    }
    tokens_ -= 1;
    return true;
}

} // namespace cepa::main
