// Bytes relayed and exited by all workers since the start, dead ones included: what the monthly cap is counted by.
// Pure. Process: main.
#pragma once

#include "base/ids.hpp"

#include <cstdint>
#include <unordered_map>

namespace cepa::main {

class TrafficMeter {
public:
    /// A worker's own total since it started. A smaller one than before (it lies) is ignored.
    void on_total(WorkerId worker, std::uint64_t bytes)
    {
        std::uint64_t& last = last_[worker];
        if (bytes <= last) return;
        total_ += bytes - last;
        last = bytes;
    }
    /// Its replacement counts from zero.
    void on_worker_end(WorkerId worker) { last_.erase(worker); }
    [[nodiscard]] std::uint64_t total() const noexcept { return total_; }

private:
    std::unordered_map<WorkerId, std::uint64_t> last_;
    std::uint64_t total_ = 0;
};

} // namespace cepa::main
