#include "tunnel/circuit/join_limits.hpp"

#include <algorithm>

namespace cepa::tunnel {

namespace {

using namespace std::chrono_literals;

// One create costs about 0.1 ms, so the lasting rate takes 0.25 % of a core and the burst 10 ms.
constexpr std::uint32_t kBurst = 100;
constexpr std::uint32_t kPerSecond = 25;
constexpr std::uint32_t kSourceBurst = 25;
constexpr std::uint32_t kSourcePerSecond = 2;
constexpr Duration kProofHolds = 10min;
/// A full table is walked no more often, whatever packets come.
constexpr Duration kTidySources = 1s;
/// Our own nodes put up to 16 circuits on one guard, at two places each.
constexpr std::uint32_t kPlacesOfNeighbour = 32;

} // namespace

std::uint64_t EventCap::gained(TimePoint now) const noexcept
{
    if (now <= refilled_) return 0;
    const auto passed = std::min<Duration>(now - refilled_, 1h);
    return static_cast<std::uint64_t>(passed.count() / 1'000'000) * per_second_;
}

bool EventCap::pass(TimePoint now) noexcept
{
    if (const std::uint64_t more = gained(now); more > 0) {
        tokens_ = std::min(burst_, tokens_ + more);
        refilled_ = now;
    }
    if (tokens_ < 1000) return false;
    tokens_ -= 1000;
    return true;
}

bool EventCap::would_pass(TimePoint now) const noexcept
{
    return tokens_ + gained(now) >= 1000;
}
bool EventCap::low(TimePoint now) const noexcept
{
    return (tokens_ + gained(now)) * 2 < burst_;
}
bool EventCap::full(TimePoint now) const noexcept
{
    return tokens_ + gained(now) >= burst_;
}

JoinLimits::JoinLimits(std::uint32_t most_joined, bool equal_prefixes, std::uint32_t workers) noexcept
    : equal_prefixes_(equal_prefixes), workers_(std::max(workers, 1U)),
      sources_(equal_prefixes ? EventCap(kBurst, kPerSecond) : EventCap(kSourceBurst, kSourcePerSecond)),
      all_(kBurst, kPerSecond)
{
    set_most(most_joined);
}

void JoinLimits::set_most(std::uint32_t most_joined) noexcept
{
    most_ = most_joined;
    // Half of a neighbour's share is divided, the other half is for the luck of the draw.
    const std::uint32_t neighbour = kPlacesOfNeighbour / 2 + kPlacesOfNeighbour / 2 / workers_;
    most_of_address_ = equal_prefixes_ ? most_joined : std::min(std::max(most_joined / 4, neighbour), most_joined);
    most_of_prefix_ = equal_prefixes_ ? most_joined : std::max(most_joined / 2, most_of_address_);
}

JoinLimits::Verdict JoinLimits::glance(std::uint32_t total_joined, TimePoint now) const noexcept
{
    if (total_joined >= most_) return Verdict::full;
    return all_.would_pass(now) ? Verdict::admitted : Verdict::flood;
}

JoinLimits::Verdict JoinLimits::admit(const Endpoint& source, const Occupancy& joined, TimePoint now)
{
    if (const Verdict first = glance(joined.total, now); first != Verdict::admitted) return first;
    if (!sources_.pass(source.ip, now) || !all_.pass(now)) return Verdict::flood;
    const bool full = joined.same_address >= most_of_address_ || joined.same_prefix >= most_of_prefix_;
    return full ? Verdict::full : Verdict::admitted;
}

void JoinLimits::prove(const IpAddress& source, TimePoint now)
{
    if (proven_.size() >= kMostSources && !proven_.contains(source)) {
        if (now - proven_tidied_ >= kTidySources) {
            proven_tidied_ = now;
            std::erase_if(proven_, [&](const auto& entry) { return now - entry.second > kProofHolds; });
        }
        if (proven_.size() >= kMostSources) proven_.erase(proven_.begin());
    }
    proven_[source] = now;
}

} // namespace cepa::tunnel
