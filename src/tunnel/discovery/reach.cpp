#include "tunnel/discovery/reach.hpp"

#include <algorithm>
#include <utility>

namespace cepa::tunnel {

void Reach::turn(TimePoint now)
{
    if (now - turned_ < kKnownFor) return;
    // After a long gap what was known before it is too old as well; what was sent during it is nothing.
    before_ = now - turned_ < 2 * kKnownFor ? std::exchange(now_, {}) : Known{};
    now_ = {};
    turned_ = now;
}

bool Reach::may_know(const IpAddress& address) const
{
    return !now_.complete || !before_.complete || now_.addresses.contains(address) ||
           before_.addresses.contains(address);
}

void Reach::on_sent(const IpAddress& to, TimePoint now)
{
    turn(now);
    if (now_.addresses.size() < kMostKnown)
        now_.addresses.insert(to);
    else if (!now_.addresses.contains(to))
        now_.complete = false;
}

void Reach::on_received(const IpAddress& from, TimePoint now)
{
    turn(now);
    if (from.v6 || (public_ && !from.is_global_unicast()) || may_know(from)) return;
    const IpAddress network = equal_prefixes_ ? from : from.diversity_prefix();
    const auto same = std::ranges::find(strangers_, network, &Stranger::network);
    if (same != strangers_.end()) {
        same->at = now;
    } else if (strangers_.size() < kStrangers) {
        strangers_.push_back({network, now});
    } else {
        *std::ranges::min_element(strangers_, {}, &Stranger::at) = {network, now};
    }
}

bool Reach::strangers_get_in(TimePoint now) const
{
    if (told_until_ && now < *told_until_) return true;
    const auto fresh = [&](const Stranger& stranger) { return now - stranger.at < kEvidenceLife; };
    return std::ranges::count_if(strangers_, fresh) >= static_cast<std::ptrdiff_t>(kStrangers);
}

void Reach::forget()
{
    strangers_.clear();
    told_until_.reset();
}

} // namespace cepa::tunnel
