// Bytes carried for others (relayed and exited) in the current calendar month, summed over workers that come and go.
// Pure state. Process: main.
#pragma once

#include "proto/tunnel_service.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace cepa::main {

class MonthlyTraffic {
public:
    /// `month`: "2026-11"; `bytes`: kept from before.
    MonthlyTraffic(std::string month, std::uint64_t bytes) : month_(std::move(month)), bytes_(bytes) {}

    /// Adds what the workers carried since the last call. A counter that fell belongs to a new process of that slot.
    /// When `month` is another one, counting begins anew, and true is returned.
    bool update(const std::map<std::uint32_t, proto::WorkerInfo>& workers, const std::string& month);

    [[nodiscard]] const std::string& month() const noexcept { return month_; }
    [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

private:
    std::string month_;
    std::uint64_t bytes_;
    std::map<std::uint32_t, std::uint64_t> last_;
};

/// "2026-11", of the UTC calendar: the second use of the wall clock beside the day a guard was chosen.
[[nodiscard]] std::string current_month();

} // namespace cepa::main
