// How many requests one node may make in a while; the same for what we ask of others, because they count too.
// Process: worker 0, io thread. Spec: docs/protocol.md, section 15.3.
#pragma once

#include "base/address.hpp"
#include "base/clock.hpp"

#include <cstdint>
#include <unordered_map>

namespace cepa::tunnel {

class DhtQueryLimit {
public:
    static constexpr auto kWindow = std::chrono::seconds(5);
    /// Of nodes that are counted at once. Further ones pass: else whoever fills it shuts everybody else out. What they
    /// may do in all is for the caller to limit.
    static constexpr std::size_t kMostNodes = 4096;

    explicit DhtQueryLimit(std::uint32_t most_per_window) : most_(most_per_window) {}

    /// Whether `node` may be served (asked) once more; counts it if so.
    [[nodiscard]] bool admit(const Endpoint& node, TimePoint now)
    {
        if (now - tidied_ >= kWindow) {
            std::erase_if(counts_, [now](const auto& entry) { return now - entry.second.since >= kWindow; });
            tidied_ = now;
        }
        const auto found = counts_.find(node);
        if (found == counts_.end()) {
            if (counts_.size() < kMostNodes) counts_[node] = {now, 1};
            return true;
        }
        Count& count = found->second;
        if (now - count.since >= kWindow) count = {now, 0};
        return count.queries < most_ && ++count.queries != 0;
    }

    [[nodiscard]] std::size_t size() const noexcept { return counts_.size(); }

private:
    struct Count {
        TimePoint since{};
        std::uint32_t queries = 0;
    };
    std::uint32_t most_;
    TimePoint tidied_{};
    std::unordered_map<Endpoint, Count> counts_;
};

} // namespace cepa::tunnel
