#include "tunnel/discovery/walker.hpp"

#include "tunnel/crypto/random.hpp"

#include <algorithm>
#include <array>

namespace cepa::tunnel {
namespace {

/// Named and remembered addresses asked per step.
constexpr std::size_t kUrgentPerStep = 10;
constexpr std::uint32_t kRememberedTries = 6;
/// The first request to an introduced peer may come before its puncture opened the way.
constexpr std::uint32_t kIntroducedTries = 2;
/// Of 256 steps, as deployed nodes walk: the rest asks somebody known.
constexpr std::uint32_t kToStrangers = 206;
/// With fewer peers than this a step asks as many strangers as the window allows, or this many peers.
constexpr std::size_t kFewPeers = 10;
constexpr std::size_t kPeersAskedWhenFew = 2;

constexpr std::array kRetry{std::chrono::seconds(1), std::chrono::seconds(2),  std::chrono::seconds(4),
                            std::chrono::seconds(8), std::chrono::seconds(15), std::chrono::seconds(30)};

} // namespace

Walker::Target* Walker::find(const Endpoint& address) noexcept
{
    const auto it = std::ranges::find(targets_, address, &Target::address);
    return it == targets_.end() ? nullptr : &*it;
}

bool Walker::has_room_for(const Endpoint& address) const noexcept
{
    if (targets_.size() >= kMaxTargets) return false;
    if (equal_prefixes_) return true;
    const IpAddress prefix = address.ip.diversity_prefix();
    const auto same = [&](const Target& t) { return t.address.ip.diversity_prefix() == prefix; };
    return static_cast<std::size_t>(std::ranges::count_if(targets_, same)) < kMaxTargetsPerPrefix;
}

void Walker::add(const Endpoint& address, Kind kind, TimePoint now)
{
    Target* known = find(address);
    if (known != nullptr) {
        known->kind = std::min(known->kind, kind);
        return;
    }
    if (kind == Kind::introduced ? has_room_for(address) : targets_.size() < kMaxTargets)
        targets_.push_back({address, kind, now, 0, false});
}

void Walker::add_named(const Endpoint& address, TimePoint now)
{
    add(address, Kind::named, now);
}
void Walker::set_guards(const std::vector<Endpoint>& addresses, TimePoint now)
{
    for (Target& target : targets_)
        if (target.kind == Kind::guard && std::ranges::find(addresses, target.address) == addresses.end())
            target.kind = Kind::remembered;
    for (const Endpoint& address : addresses)
        add(address, Kind::guard, now);
}
void Walker::hurry(TimePoint now)
{
    for (Target& target : targets_)
        if (is_kept(target)) {
            target.tries = 0;
            target.due = now;
        }
}
void Walker::add_remembered(const Endpoint& address, TimePoint now)
{
    add(address, Kind::remembered, now);
}
void Walker::add_introduced(const Endpoint& address, TimePoint now)
{
    add(address, Kind::introduced, now);
}

void Walker::on_puncture(const Endpoint& address, TimePoint now)
{
    if (Target* target = find(address)) {
        // Once only: anybody can send punctures.
        if (target->tries == 1) target->due = now;
        return;
    }
    // Of a host that is being tried at another port: its translator shows us one of our own.
    const auto same_host = [&](const Target& t) {
        return t.address.ip == address.ip && t.kind == Kind::introduced && t.tries <= 1 && !t.elsewhere;
    };
    const auto other = std::ranges::find_if(targets_, same_host);
    if (other == targets_.end()) return;
    other->elsewhere = true; // once only, here too
    add(address, Kind::introduced, now);
    if (Target* target = find(address)) target->elsewhere = true;
}

void Walker::forget(const Endpoint& address)
{
    std::erase_if(targets_, [&](const Target& t) { return t.address == address; });
    std::erase_if(requests_, [&](const Request& r) { return r.address == address; });
}

std::size_t Walker::outstanding(TimePoint now) const noexcept
{
    return static_cast<std::size_t>(
        std::ranges::count_if(requests_, [now](const Request& r) { return now - r.sent < kUnanswered; }));
}

/// Targets that became peers are done, named ones only rest until they are needed again.
void Walker::tidy(const PeerTable& peers, TimePoint now)
{
    std::erase_if(requests_, [now](const Request& r) { return now - r.sent >= kRequestLife; });
    const auto lives = [&](const Target& t) {
        const Peer* peer = peers.at(t.address);
        return peer != nullptr && peer->proof == PeerProof::answered;
    };
    for (Target& target : targets_)
        if (is_kept(target) && lives(target)) {
            target.tries = 0;
            target.due = now + kUnanswered;
        }
    std::erase_if(targets_, [&](const Target& t) {
        if (is_kept(t)) return false;
        const std::uint32_t most = t.kind == Kind::remembered ? kRememberedTries : kIntroducedTries;
        return lives(t) || (t.tries >= most && t.due <= now);
    });
}

void Walker::tried(Target& target, TimePoint now) noexcept
{
    const std::size_t step = std::min<std::size_t>(target.tries, kRetry.size() - 1);
    target.due = now + (target.kind == Kind::introduced ? Duration(kUnanswered) : Duration(kRetry[step]));
    ++target.tries;
}

void Walker::pick_urgent(std::vector<Endpoint>& out, TimePoint now)
{
    for (Target& target : targets_) {
        if (out.size() >= kUrgentPerStep) return;
        if (target.kind == Kind::introduced || target.due > now) continue;
        tried(target, now);
        out.push_back(target.address);
    }
}

bool Walker::pick_introduced(std::vector<Endpoint>& out, TimePoint now)
{
    std::vector<Target*> due;
    for (Target& target : targets_)
        if (target.kind == Kind::introduced && target.due <= now && target.tries < kIntroducedTries)
            due.push_back(&target);
    if (due.empty()) return false;
    Target& chosen = *due[random_.below(static_cast<std::uint32_t>(due.size()))];
    tried(chosen, now);
    out.push_back(chosen.address);
    return true;
}

void Walker::pick_peer(std::vector<Endpoint>& out, const PeerTable& peers)
{
    if (peers.all().empty()) return;
    const Endpoint& chosen = peers.all()[random_.below(static_cast<std::uint32_t>(peers.all().size()))].address;
    if (std::ranges::find(out, chosen) == out.end()) out.push_back(chosen);
}

std::vector<Endpoint> Walker::step(const PeerTable& peers, bool hungry, TimePoint now)
{
    tidy(peers, now);
    std::vector<Endpoint> out;
    pick_urgent(out, now);
    if (!hungry || !out.empty()) return out;
    const std::size_t waiting = outstanding(now);
    if (waiting >= kWindow) return out;
    const std::size_t most = peers.proven() < kFewPeers ? kWindow - waiting : 1;
    if (random_.below(256) < kToStrangers)
        while (out.size() < most && pick_introduced(out, now)) {
        }
    if (!out.empty()) return out;
    for (std::size_t i = 0; i < std::min(most, kPeersAskedWhenFew); ++i)
        pick_peer(out, peers);
    return out;
}

std::optional<std::uint16_t> Walker::begin_request(const Endpoint& address, TimePoint now)
{
    // One at a time per address: the newer question replaces the older.
    std::erase_if(requests_, [&](const Request& r) { return r.address == address || now - r.sent >= kRequestLife; });
    if (requests_.size() >= kMaxRequests) return std::nullopt;
    const std::uint16_t identifier = random_u16(random_);
    requests_.push_back({address, identifier, now});
    return identifier;
}

bool Walker::awaits(const Endpoint& address, TimePoint now) const noexcept
{
    const auto waits = [&](const Request& r) { return r.address == address && now - r.sent < kRequestLife; };
    return std::ranges::any_of(requests_, waits);
}

bool Walker::finish_request(const Endpoint& address, std::uint16_t identifier, TimePoint now)
{
    const auto matches = [&](const Request& r) {
        return r.address == address && r.identifier == identifier && now - r.sent < kRequestLife;
    };
    return std::erase_if(requests_, matches) > 0;
}

} // namespace cepa::tunnel
