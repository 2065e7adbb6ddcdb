// Why the pool of workers refused something. Process: main.
#pragma once

#include "base/result.hpp"

#include <type_traits>

namespace cepa::main {

enum class PoolError {
    no_worker = 1,      ///< none is running now; try again
    circuit_failed,     ///< the worker tried and could not
    worker_misbehaved,  ///< it named what it does not own, and was ended
    not_running,        ///< before start() or after stop()
    steering_refused,   ///< the kernel would not take the program
};

[[nodiscard]] const boost::system::error_category& pool_category() noexcept;
[[nodiscard]] inline ErrorCode make_error_code(PoolError e) noexcept { return {static_cast<int>(e), pool_category()}; }

} // namespace cepa::main

template <>
struct boost::system::is_error_code_enum<cepa::main::PoolError> : std::true_type {};
