#include "tunnel/circuit/keepalive.hpp"

#include "tunnel/crypto/random.hpp"

#include <algorithm>

namespace cepa::tunnel {

namespace {

using namespace std::chrono_literals;

constexpr Duration kPingFrom = 5s;
constexpr Duration kPingTo = 10s;
/// Widely drawn: a rhythm would be a mark.
constexpr Duration kEagerFrom = 600ms;
constexpr Duration kEagerTo = 1400ms;
constexpr Duration kLifeFrom = 10min;
/// What a retired circuit still carries has so long at least to come to its end.
constexpr Duration kLeaveAtLeast = 5min;

} // namespace

Duration random_duration(RandomSource& random, Duration from, Duration to) noexcept
{
    const auto span = std::chrono::duration_cast<std::chrono::milliseconds>(to - from).count();
    return from + std::chrono::milliseconds(random.below(static_cast<std::uint32_t>(span)));
}

Keepalive::Keepalive(TimePoint now, RandomSource& random)
    : born_(now), retires_(now + random_duration(random, kLifeFrom, kOwnMostAge - 2 * kLeaveAtLeast)),
      ends_(random_duration(random, (retires_ - now) + kLeaveAtLeast, kOwnMostAge) + now), heard_(now), data_(now),
      next_ping_(now + random_duration(random, kPingFrom, kPingTo))
{
}

Keepalive::Keepalive(TimePoint now, RandomSource& random, Duration life)
    : born_(now), retires_(now + life), ends_(now + life), heard_(now), data_(now),
      next_ping_(now + random_duration(random, kPingFrom, kPingTo))
{
}

std::optional<std::uint16_t> Keepalive::ping_due(TimePoint now, RandomSource& random)
{
    const bool quiet = unanswered_ > 0 || (carried_ && now - heard_ >= kQuiet && now - data_ < kWaitedFor);
    if (now < next_ping_ && !(quiet && now >= next_eager_)) return std::nullopt;
    next_eager_ = now + random_duration(random, kEagerFrom, kEagerTo);
    next_ping_ = now + random_duration(random, kPingFrom, kPingTo);
    if (unanswered_++ == 0) first_unanswered_ = now;
    const Ping ping{random_u16(random), now};
    awaited_[next_awaited_++ % awaited_.size()] = ping;
    return ping.identifier;
}

bool Keepalive::stalled(TimePoint now) const noexcept
{
    return answers_ && unanswered_ >= kStalledPings &&
           now - first_unanswered_ >= std::max(kStalled, 4 * round_trip_);
}

void Keepalive::on_pong(std::uint16_t identifier, TimePoint now) noexcept
{
    answers_ = true;
    for (std::optional<Ping>& ping : awaited_) {
        if (!ping || ping->identifier != identifier) continue;
        const Duration measured = now - ping->sent;
        round_trip_ = round_trip_ == Duration{} ? measured : (round_trip_ * 3 + measured) / 4;
        return ping.reset();
    }
}

std::optional<std::string_view> Keepalive::over(TimePoint now, std::uint64_t bytes) const noexcept
{
    if (bytes >= kMostTraffic) return "traffic limit";
    if (now - heard_ >= kInactivity) return "silent";
    if (now >= ends_) return "aged";
    if (now >= retires_ && now - data_ >= kIdle) return "aged";
    return std::nullopt;
}

} // namespace cepa::tunnel
