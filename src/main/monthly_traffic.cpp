#include "main/monthly_traffic.hpp"

#include <fmt/format.h>

#include <ctime>

namespace cepa::main {

bool MonthlyTraffic::update(const std::map<std::uint32_t, proto::WorkerInfo>& workers, const std::string& month)
{
    std::uint64_t added = 0;
    for (const auto& [id, worker] : workers) {
        const std::uint64_t now = worker.relayed_bytes() + worker.exited_bytes();
        std::uint64_t& last = last_[id];
        added += now >= last ? now - last : now;
        last = now;
    }
    const bool renewed = month != month_;
    if (renewed) {
        month_ = month;
        bytes_ = 0;
    }
    bytes_ += added;
    return renewed;
}

std::string current_month()
{
    const std::time_t now = std::time(nullptr);
    std::tm utc{};
    ::gmtime_r(&now, &utc);
    return fmt::format("{:04}-{:02}", utc.tm_year + 1900, utc.tm_mon + 1);
}

} // namespace cepa::main
