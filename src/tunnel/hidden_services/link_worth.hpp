// What a link is worth: how much payload libtorrent asked for and got over it, or sent. What else goes over it counts
// for nothing: garbage costs nothing. Who only holds a place makes room for others. Plain value. Process: worker, io
// thread. Spec: docs/protocol.md, section 36.
#pragma once

#include "base/clock.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

namespace cepa::tunnel {

class LinkWorth {
public:
    LinkWorth() = default;
    explicit LinkWorth(TimePoint begun) noexcept : since_(begun) {}

    /// A link is judged by its last whole period of this length, and by nothing before the first is over.
    static constexpr Duration kMeasured = std::chrono::seconds(60);
    /// What brings less is of no use where others wait.
    static constexpr double kUsefulBytesPerS = 1024;

    /// It begins, and nothing was counted.
    void begin(TimePoint now) noexcept { *this = LinkWorth(now); }
    /// So much was counted since then. Less than before: some of it turned out to be worthless. Where that came in former
    /// periods, it is no debt of this one.
    void note(std::uint64_t bytes) noexcept
    {
        bytes_ = bytes;
        judged_ = std::min(judged_, bytes_);
    }
    void measure(TimePoint now) noexcept
    {
        if (now - since_ < kMeasured) return;
        per_s_ = static_cast<double>(bytes_ - judged_) / in_seconds(now - since_);
        since_ = now;
        judged_ = bytes_;
    }
    /// Over the last whole period; unknown during the first.
    [[nodiscard]] std::optional<double> per_s() const noexcept { return per_s_; }

private:
    TimePoint since_{};
    std::uint64_t bytes_ = 0;
    std::uint64_t judged_ = 0; ///< of these in former periods
    std::optional<double> per_s_;
};

} // namespace cepa::tunnel
