// Caps on traffic that we carry for others: bytes per second, and bytes left in a month. Process: worker, io thread.
#pragma once

#include "base/clock.hpp"

#include <algorithm>
#include <cstdint>

namespace cepa::tunnel {

/// A token bucket of bytes. What does not fit is to be dropped: the ends' own congestion control does the rest.
class RateCap {
public:
    /// 0 means no limit. A quarter of a second may come at once, and never less than kSmallestBurst.
    explicit RateCap(std::uint64_t bytes_per_s) noexcept : tokens_(burst_of(bytes_per_s)) { set_rate(bytes_per_s); }

    /// From now on; what was saved up is kept as far as it fits.
    void set_rate(std::uint64_t bytes_per_s) noexcept
    {
        rate_ = bytes_per_s;
        burst_ = burst_of(bytes_per_s);
        tokens_ = std::min(tokens_, burst_);
    }

    /// Whether `bytes` may pass at `now`; spends them if so.
    [[nodiscard]] bool pass(std::uint64_t bytes, TimePoint now) noexcept
    {
        if (rate_ == 0) return true;
        refill(now);
        if (bytes > tokens_) return false;
        tokens_ -= bytes;
        return true;
    }

    /// Nothing was spent for so long that a fresh bucket would be the same.
    [[nodiscard]] bool full(TimePoint now) const noexcept { return tokens_ + gained(now) >= burst_; }

private:
    static constexpr std::uint64_t kSmallestBurst = 64 * 1024;
    [[nodiscard]] static std::uint64_t burst_of(std::uint64_t bytes_per_s) noexcept
    {
        return std::max(bytes_per_s / 4, kSmallestBurst);
    }

    [[nodiscard]] std::uint64_t gained(TimePoint now) const noexcept
    {
        if (now <= refilled_) return 0;
        // A second and more fills any bucket, and a shorter time cannot overflow the product.
        const auto passed = std::min<Duration>(now - refilled_, std::chrono::seconds(1));
        return rate_ * static_cast<std::uint64_t>(passed.count() / 1000) / 1'000'000;
    }
    void refill(TimePoint now) noexcept
    {
        const std::uint64_t more = gained(now);
        if (more == 0) return; // too early: keep the time so that small steps add up
        tokens_ = std::min(burst_, tokens_ + more);
        refilled_ = now;
    }

    std::uint64_t rate_ = 0;
    std::uint64_t burst_ = 0;
    std::uint64_t tokens_;
    TimePoint refilled_{};
};

/// The bytes that may still be carried for others this month.
class TrafficBudget {
public:
    explicit TrafficBudget(std::uint64_t bytes) noexcept : left_(bytes) {}
    /// In place of what was left.
    void renew(std::uint64_t bytes) noexcept { left_ = bytes; }
    /// Takes `bytes`; false when they are no longer there.
    [[nodiscard]] bool spend(std::uint64_t bytes) noexcept
    {
        if (left_ == UINT64_MAX) return true;
        if (bytes > left_) {
            left_ = 0;
            return false;
        }
        left_ -= bytes;
        return true;
    }
    [[nodiscard]] bool exhausted() const noexcept { return left_ == 0; }

private:
    std::uint64_t left_;
};

} // namespace cepa::tunnel
