// How long an own circuit lives and when it is pinged. Pings are jittered per circuit, or all first hops would see the
// same instant; so are the age from which a circuit takes nothing new and the one at which it ends, or all that one
// download uses would die together. Pure: the time comes in. All times are CLOCK_BOOTTIME.
// Process: worker, io thread. Spec: docs/protocol.md, sections 11.5, 16 and 18 (F7).
#pragma once

#include "base/clock.hpp"
#include "tunnel/environment.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
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
/// A circuit over which data went, and then nothing came for so long, is pinged about every second...
inline constexpr Duration kQuiet = std::chrono::seconds(1);
/// After so long without a datagram either way nobody waits for one.
inline constexpr Duration kWaitedFor = std::chrono::seconds(10);
/// ... and stalls so long after the first of three pings, or more, to which nothing came. Four round trips at least: the
/// way may only be slow. Not ended yet.
inline constexpr Duration kStalled = std::chrono::milliseconds(2000);
inline constexpr std::uint32_t kStalledPings = 3;
/// An aged circuit is idle when no data passed for this long: nobody misses it then.
inline constexpr Duration kIdle = std::chrono::seconds(20);

class Keepalive {
public:
    Keepalive(TimePoint now, RandomSource& random);
    /// With a life that is not drawn: it takes new things, and is not ended for its age, until that is over.
    Keepalive(TimePoint now, RandomSource& random, Duration life);

    /// The identifier of the ping to be sent now, if one is due. The next one is 5 to 10 s later, or 0.6 to 1.4 s when
    /// that one is not answered, or where data went lately and nothing comes. The same for all purposes: who holds back
    /// cells must not learn from our pings what a circuit is for.
    [[nodiscard]] std::optional<std::uint16_t> ping_due(TimePoint now, RandomSource& random);
    /// The next ping is due at once.
    void hurry() noexcept { next_ping_ = TimePoint{}; }
    /// The answer to one of the latest pings measures the way.
    void on_pong(std::uint16_t identifier, TimePoint now) noexcept;
    void on_received(TimePoint now) noexcept
    {
        heard_ = now;
        unanswered_ = 0;
    }
    void on_data(TimePoint now) noexcept
    {
        data_ = now;
        carried_ = true;
    }

    /// Why the circuit has to end now; nullopt when it has not. `bytes` is the sum of both directions.
    [[nodiscard]] std::optional<std::string_view> over(TimePoint now, std::uint64_t bytes) const noexcept;

    /// Nothing came for kStalled since a ping that was not answered, from an end that used to answer.
    [[nodiscard]] bool stalled(TimePoint now) const noexcept;
    /// A ping is without an answer for longer than the way takes: where there is a choice, better take another.
    [[nodiscard]] bool doubtful(TimePoint now) const noexcept
    {
        return unanswered_ > 0 && now - first_unanswered_ >= std::max(kQuiet, 2 * round_trip_);
    }

    /// Since the last datagram; since its birth where none passed.
    [[nodiscard]] Duration idle(TimePoint now) const noexcept { return now - data_; }
    /// Zero before the first answer; smoothed.
    [[nodiscard]] Duration round_trip() const noexcept { return round_trip_; }
    /// When anything came last; its birth where nothing did.
    [[nodiscard]] TimePoint heard() const noexcept { return heard_; }
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
    TimePoint next_eager_{};
    TimePoint first_unanswered_{};
    std::uint32_t unanswered_ = 0; ///< pings since anything came
    bool answers_ = false;         ///< a ping was answered once
    bool carried_ = false;         ///< a datagram
    struct Ping {
        std::uint16_t identifier = 0;
        TimePoint sent{};
    };
    std::array<std::optional<Ping>, 4> awaited_; ///< the latest, over and over
    std::size_t next_awaited_ = 0;
    Duration round_trip_{};
};

/// Uniform in [from, to), to the millisecond. Needs from < to.
[[nodiscard]] Duration random_duration(RandomSource& random, Duration from, Duration to) noexcept;

} // namespace cepa::tunnel
