#include "main/foreground.hpp"

#include "base/log.hpp"

#include <csignal>
#include <unistd.h>
#include <utility>

namespace cepa::main {
namespace {

/// Some who stop a program signal the process and its group: what comes twice within this time was meant once.
constexpr Duration kOnePress = std::chrono::milliseconds(200);

} // namespace

Foreground::Foreground(boost::asio::io_context& io, App& app, int when_interrupted)
    : io_(io), app_(app), signals_(io, SIGINT, SIGTERM, SIGHUP), when_interrupted_(when_interrupted)
{
    app_.on_stop_request([this] {
        interrupted_ = true;
        finish(when_interrupted_);
    });
    wait_for_signal();
}

void Foreground::wait_for_signal()
{
    signals_.async_wait([this](const ErrorCode& error, int) {
        if (error) return;
        const TimePoint now = clock_.now();
        const bool first = first_signal_ == TimePoint{};
        // The second time nothing is saved: the children end when their pipes close, the state's lock with the process.
        if (!first && now - first_signal_ > kOnePress) ::_exit(1);
        if (first) {
            first_signal_ = now;
            interrupted_ = true;
            log::info("stopping; once more to end at once");
            finish(when_interrupted_);
        }
        wait_for_signal();
    });
}

void Foreground::finish(int status)
{
    if (std::exchange(finishing_, true)) return;
    status_ = status;
    app_.stop([this] { io_.stop(); });
}

int Foreground::run()
{
    io_.run();
    return status_;
}

} // namespace cepa::main
