// Puts what a worker writes on its stderr into main's log, line by line under the worker's name. A worker is hostile:
// lines are cut, cleaned of control characters and limited in number. Process: main, io thread.
#pragma once

#include "base/clock.hpp"
#include "base/file_descriptor.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace cepa::main {

class LogForwarder {
public:
    static constexpr std::size_t kMaxLine = 1024;
    /// Lines in a row, and how many come back per second.
    static constexpr std::uint32_t kBurst = 200;
    static constexpr std::uint32_t kLinesPerSecond = 20;
    using Sink = std::function<void(const std::string& source, const std::string& line)>;

    LogForwarder(boost::asio::io_context& io, const Clock& clock, FileDescriptor in, std::string source, Sink sink);

    void start();
    /// Takes what is there now without waiting: the last words of a worker that has died.
    void drain();
    [[nodiscard]] std::uint64_t suppressed() const noexcept { return suppressed_; }

private:
    bool read_once();
    void wait_readable();
    void take(char c);
    void end_line();
    bool allowed();

    boost::asio::posix::stream_descriptor in_;
    const Clock& clock_;
    std::string source_;
    Sink sink_;
    std::string line_;
    double tokens_ = kBurst;
    TimePoint refilled_;
    std::uint64_t suppressed_ = 0;
    /// Handlers hold a weak reference to it: Asio may call them after the object is gone.
    std::shared_ptr<char> alive_ = std::make_shared<char>();
};

} // namespace cepa::main
