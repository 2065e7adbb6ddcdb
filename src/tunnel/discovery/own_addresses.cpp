#include "tunnel/discovery/own_addresses.hpp"

#include <algorithm>

namespace cepa::tunnel {
namespace {

constexpr std::size_t kMaxVotes = 16;
constexpr std::size_t kMaxSelves = 8;
constexpr std::size_t kMaxShared = 16;
/// Voices that must agree before we believe them.
constexpr std::size_t kAgreement = 2;
constexpr auto kVoteLife = std::chrono::minutes(10);

Endpoint lan_of(const TunnelSettings& settings)
{
    if (!settings.listen.ip.is_unspecified()) return settings.listen;
    if (settings.allow_loopback && !settings.public_network && settings.listen.port != 0)
        return {IpAddress::v4(0x7f000001), settings.listen.port};
    return {};
}

void add_once(std::vector<Endpoint>& to, const Endpoint& address)
{
    if (!address.is_null() && std::ranges::find(to, address) == to.end()) to.push_back(address);
}

} // namespace

OwnAddresses::OwnAddresses(const TunnelSettings& settings)
    : equal_prefixes_(settings.allow_equal_prefixes && !settings.public_network),
      fixed_(settings.listen.ip.is_loopback()), lan_(lan_of(settings))
{
}

bool OwnAddresses::same_voice(const Endpoint& a, const Endpoint& b) const noexcept
{
    return equal_prefixes_ ? a == b : a.ip.diversity_prefix() == b.ip.diversity_prefix();
}

/// How many voices of different networks said the same as `vote`: the same address, or only the same IP.
std::size_t OwnAddresses::voices(const Vote& vote, bool whole_endpoint) const
{
    std::vector<Endpoint> heard;
    for (const Vote& other : votes_) {
        const bool agrees = whole_endpoint ? other.seen == vote.seen : other.seen.ip == vote.seen.ip;
        const auto known = [&](const Endpoint& e) { return same_voice(e, other.responder); };
        if (agrees && std::ranges::none_of(heard, known)) heard.push_back(other.responder);
    }
    return heard.size();
}

/// The IP that most voices saw, with the port that most of them saw (a symmetric NAT shows each another one).
Endpoint OwnAddresses::agreed() const
{
    const Vote* best = nullptr;
    std::pair<std::size_t, std::size_t> most{};
    for (const Vote& vote : votes_) {
        const std::pair weight{voices(vote, false), voices(vote, true)};
        if (weight.first < kAgreement || weight < most) continue;
        if (best != nullptr && weight == most && vote.seen != wan_) continue; // on a tie nothing moves
        best = &vote;
        most = weight;
    }
    return best == nullptr ? wan_ : best->seen;
}

bool OwnAddresses::on_seen(const Endpoint& responder, const Endpoint& seen, TimePoint now)
{
    if (fixed_ || seen.is_null() || seen.ip.v6) return false;
    std::erase_if(votes_, [&](const Vote& v) { return v.responder == responder || now - v.at > kVoteLife; });
    if (votes_.size() == kMaxVotes) votes_.erase(votes_.begin());
    votes_.push_back({responder, seen, now});
    const Endpoint estimate = agreed();
    if (estimate == wan_) return false;
    wan_ = estimate;
    return true;
}

Translation OwnAddresses::translation() const
{
    const auto same_ip = [&](const Vote& vote) { return vote.seen.ip == wan_.ip; };
    const auto told = std::ranges::find_if(votes_, same_ip);
    if (told == votes_.end() || voices(*told, false) < kAgreement) return shared_translation_;
    if (wan_.ip == lan_.ip || std::ranges::find(host_, wan_.ip) != host_.end()) return Translation::none;
    const auto agreed_on = [&](const Vote& vote) { return same_ip(vote) && voices(vote, true) >= kAgreement; };
    return std::ranges::any_of(votes_, agreed_on) ? Translation::endpoint_independent : Translation::address_dependent;
}

void OwnAddresses::add_self(const Endpoint& address)
{
    if (selves_.size() < kMaxSelves) add_once(selves_, address);
}

void OwnAddresses::share(const std::vector<Endpoint>& addresses)
{
    shared_.assign(addresses.begin(),
                   addresses.begin() + static_cast<std::ptrdiff_t>(std::min(addresses.size(), kMaxShared)));
    const bool guess = wan_.is_null() && !fixed_ && !shared_.empty() && !shared_.front().ip.v6;
    if (guess && shared_.front() != lan_) wan_ = shared_.front();
}

std::vector<Endpoint> OwnAddresses::all() const
{
    std::vector<Endpoint> out;
    add_once(out, wan_);
    add_once(out, lan_);
    for (const Endpoint& e : shared_)
        add_once(out, e);
    for (const Endpoint& e : selves_)
        add_once(out, e);
    return out;
}

bool OwnAddresses::is_exactly(const Endpoint& address) const noexcept
{
    return address == lan_ || address == wan_ || std::ranges::find(shared_, address) != shared_.end() ||
           std::ranges::find(selves_, address) != selves_.end();
}

bool OwnAddresses::is_own(const Endpoint& address) const noexcept
{
    if (is_exactly(address)) return true;
    if (equal_prefixes_ || !address.ip.is_global_unicast()) return false;
    const auto same_ip = [&](const Endpoint& e) { return e.ip == address.ip; };
    return same_ip(wan_) || same_ip(lan_) || std::ranges::any_of(shared_, same_ip) ||
           std::ranges::any_of(selves_, same_ip);
}

} // namespace cepa::tunnel
