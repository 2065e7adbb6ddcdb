#include "main/pool_error.hpp"

#include <string>

namespace cepa::main {
namespace {

class PoolCategory final : public boost::system::error_category {
public:
    [[nodiscard]] const char* name() const noexcept override { return "pool"; }
    [[nodiscard]] std::string message(int value) const override
    {
        switch (static_cast<PoolError>(value)) {
        case PoolError::no_worker: return "no worker is running";
        case PoolError::circuit_failed: return "the circuit could not be built";
        case PoolError::worker_misbehaved: return "the worker misbehaved";
        case PoolError::not_running: return "the pool is not running";
        case PoolError::steering_refused: return "the kernel refused the steering program";
        }
        return "unknown error " + std::to_string(value);
    }
};

} // namespace

const boost::system::error_category& pool_category() noexcept
{
    static const PoolCategory category;
    return category;
}

} // namespace cepa::main
