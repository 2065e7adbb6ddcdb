// Time that a test moves.
#pragma once

#include "base/clock.hpp"

namespace cepa::test {

class FakeClock final : public Clock {
public:
    /// Begins well after zero, so that "long ago" can be expressed.
    FakeClock() noexcept : now_(std::chrono::hours(1000)) {}
    [[nodiscard]] TimePoint now() const noexcept override { return now_; }
    void advance(Duration by) noexcept { now_ += by; }
    void set(TimePoint to) noexcept { now_ = to; }

private:
    TimePoint now_;
};

} // namespace cepa::test
