// Runs an io_context until something has happened, with a bound instead of a sleep.
#pragma once

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <functional>

namespace cepa::test {

/// True as soon as `happened` says so; false when it has not within `bound`.
inline bool run_until(boost::asio::io_context& io, const std::function<bool()>& happened,
                      std::chrono::milliseconds bound = std::chrono::seconds(10))
{
    const auto deadline = std::chrono::steady_clock::now() + bound;
    while (!happened()) {
        if (std::chrono::steady_clock::now() >= deadline) return false;
        io.restart();
        io.run_one_for(std::chrono::milliseconds(20));
    }
    return true;
}

/// Runs what is ready now.
inline void run_ready(boost::asio::io_context& io)
{
    io.restart();
    io.poll();
}

} // namespace cepa::test
