// How long an own circuit lives and when it is pinged. Pings are jittered per circuit, or all first hops would see the
// same instant; so are the age from which a circuit takes nothing new and the one at which it ends, or all that one
// download uses would die together. Pure: the time comes in. All times are CLOCK_BOOTTIME.
// Process: worker, io thread. Spec: docs/protocol.md, sections 11.5, 16 and 18 (F7).
#pragma once

#include "base/clock.hpp"
#include "tunnel/environment.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace cepa::tunnel {

inline constexpr Duration kInactivity = std::chrono::seconds(20);
inline constexpr Duration kLinger = std::chrono::seconds(5);
/// Deployed exits end a circuit at 3600 s; ours ends a little before, of its own will.
inline constexpr Duration kMostAge = std::chrono::seconds(3600);
/// Of a seeder's circuit to its introduction point (section 16).
inline constexpr Duration kMostIntroductionAge = std::chrono::seconds(86400);
inline constexpr Duration kOwnMostAge = std::chrono::seconds(3570);
inline constexpr std::uint64_t kMostTraffic = 10ULL << 30U;
/// A linked circuit over which data went, and then nothing came for so long, is pinged about every second...
inline constexpr Duration kQuiet = std::chrono::seconds(1);
inline constexpr Duration kHushed = std::chrono::milliseconds(1300);
/// After so long without a datagram either way nobody waits for one.
inline constexpr Duration kWaitedFor = std::chrono::seconds(10);
/// ... and stalls after this long, when two pings had no answer. Not ended yet: the way may only be slow.
inline constexpr Duration kStalled = std::chrono::milliseconds(2700);
/// An aged circuit is idle when no data passed for this long: nobody misses it then.
inline constexpr Duration kIdle = std::chrono::seconds(20);

class Keepalive {
public:
    Keepalive(TimePoint now, RandomSource& random);
    /// With a life that is not drawn: it takes new things, and is not ended for its age, until that is over.
    Keepalive(TimePoint now, RandomSource& random, Duration life);

    /// The identifier of the ping to be sent now, if one is due. The next one is 5 to 10 s later, or 0.8 to 1.2 s
    /// (`eager`) when that one is not answered, or where data went lately and nothing comes.
    [[nodiscard]] std::optional<std::uint16_t> ping_due(TimePoint now, RandomSource& random, bool eager = false);
    /// The next ping is due at once.
    void hurry() noexcept { next_ping_ = TimePoint{}; }
    /// The answer to the latest ping measures the way.
    void on_pong(std::uint16_t identifier, TimePoint now) noexcept;
    void on_received(TimePoint now) noexcept
    {
        heard_ = now;
        unanswered_ = 0;
    }
    void on_data(TimePoint now) noexcept { data_ = now; }

    /// Why the circuit has to end now; nullopt when it has not. `bytes` is the sum of both directions.
    [[nodiscard]] std::optional<std::string_view> over(TimePoint now, std::uint64_t bytes) const noexcept;

    /// Data went lately, and now nothing comes.
    [[nodiscard]] bool hushed(TimePoint now) const noexcept
    {
        return now - heard_ >= kHushed && now - data_ < kWaitedFor;
    }
    /// Nothing came for kStalled, two pings included, from an end that used to answer pings.
    [[nodiscard]] bool stalled(TimePoint now) const noexcept;
    /// A ping of a second ago, or more, is still without an answer: where there is a choice, better take another.
    [[nodiscard]] bool doubtful(TimePoint now) const noexcept
    {
        return unanswered_ >= 2 || (unanswered_ == 1 && now - pinged_ >= kQuiet);
    }

    /// Since the last datagram; since its birth where none passed.
    [[nodiscard]] Duration idle(TimePoint now) const noexcept { return now - data_; }
    /// Zero before the first answer; smoothed.
    [[nodiscard]] Duration round_trip() const noexcept { return round_trip_; }
    [[nodiscard]] TimePoint born() const noexcept { return born_; }
    /// From then on nothing new is put on it, and it ends when it is idle.
    [[nodiscard]] TimePoint retires() const noexcept { return retires_; }
    /// When it ends although it is in use: five minutes later at least, at kOwnMostAge at the latest.
    [[nodiscard]] TimePoint ends() const noexcept { return ends_; }

private:
    TimePoint born_;
    TimePoint retires_;
    TimePoint ends_;
    TimePoint heard_;
    TimePoint data_;
    TimePoint next_ping_;
    TimePoint pinged_{};
    TimePoint next_eager_{};
    std::uint32_t unanswered_ = 0; ///< pings since anything came
    bool answers_ = false;         ///< a ping was answered once
    std::optional<std::uint16_t> awaited_;
    Duration round_trip_{};
};

/// Uniform in [from, to), to the millisecond. Needs from < to.
[[nodiscard]] Duration random_duration(RandomSource& random, Duration from, Duration to) noexcept;

} // namespace cepa::tunnel
