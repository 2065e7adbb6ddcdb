// A clock that stands still until the test moves it.
#pragma once

#include "base/clock.hpp"

namespace cepa::test {

class FakeClock final : public Clock {
public:
    [[nodiscard]] TimePoint now() const noexcept override { return now_; }
    void advance(Duration by) noexcept { now_ += by; }

private:
    TimePoint now_{std::chrono::hours(1)};
};

} // namespace cepa::test
