// Runs a node in the foreground of a command until it is done, asked to stop (Ctrl-C, SIGTERM, the control socket), or
// asked again: the second time it ends at once. The only place that handles signals of a node. Process: main.
#pragma once

#include "base/clock.hpp"
#include "main/app.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

namespace cepa::main {

class Foreground {
public:
    /// `when_interrupted`: the exit status after a signal: 0 for a service, 1 for a job that did not finish.
    Foreground(boost::asio::io_context& io, App& app, int when_interrupted);

    /// Begins the orderly end with this exit status; later calls change nothing.
    void finish(int status);
    /// Runs the loop until the node has ended, and returns the exit status. Needs a started app.
    [[nodiscard]] int run();
    [[nodiscard]] bool interrupted() const noexcept { return interrupted_; }

private:
    void wait_for_signal();

    boost::asio::io_context& io_;
    App& app_;
    boost::asio::signal_set signals_;
    BootClock clock_;
    TimePoint first_signal_{};
    int when_interrupted_;
    int status_ = 0;
    bool finishing_ = false;
    bool interrupted_ = false;
};

} // namespace cepa::main
