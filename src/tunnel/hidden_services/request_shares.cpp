#include "tunnel/hidden_services/request_shares.hpp"

#include "tunnel/crypto/random.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace cepa::tunnel {

namespace {

IpAddress request_network(const WaitingRequest& request)
{
    return request.source.ip.unmapped().diversity_prefix();
}

IpAddress request_host(const WaitingRequest& request)
{
    return request.source.ip.unmapped();
}

/// How many of `waiting` come from where each does.
std::vector<std::size_t> crowds(const std::vector<WaitingRequest>& waiting, IpAddress (*of)(const WaitingRequest&))
{
    std::vector<std::size_t> out;
    for (const WaitingRequest& request : waiting)
        out.push_back(static_cast<std::size_t>(std::ranges::count(waiting, of(request), of)));
    return out;
}

} // namespace

bool RequestShares::pass(const PublicKey& swarm_key, TimePoint now)
{
    Seeder& seeder = of(swarm_key, now);
    seeder.last = now;
    return seeder.idle() && seeder.share.admit(now);
}

bool RequestShares::wait(const PublicKey& swarm_key, WaitingRequest request, TimePoint now)
{
    Seeder& seeder = of(swarm_key, now);
    seeder.last = now;
    Waiting& waiting = seeder.waiting.at(request.proven ? 1 : 0);
    request.came = now;
    request.lot = random_u32(random_);
    waiting.push_back(std::move(request));
    if (waiting.size() <= kMostWaiting) return true;
    waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(least_of_fullest(waiting)));
    return false;
}

bool RequestShares::waits(const PublicKey& swarm_key, const KeyBytes& ephemeral) const
{
    const auto known = seeders_.find(swarm_key);
    return known != seeders_.end() && std::ranges::any_of(known->second.waiting, [&](const Waiting& waiting) {
               return std::ranges::find(waiting, ephemeral, &WaitingRequest::ephemeral) != waiting.end();
           });
}

std::size_t RequestShares::draw(TimePoint now, const Pass& pass)
{
    std::vector<std::pair<PublicKey, WaitingRequest>> drawn; // `pass` may change the table
    std::size_t in_vain = 0;
    for (auto& [key, seeder] : seeders_) {
        while (!seeder.idle() && seeder.share.admit(now))
            drawn.emplace_back(key, take(seeder));
        for (Waiting& waiting : seeder.waiting)
            in_vain += std::erase_if(waiting, [&](const WaitingRequest& r) { return now - r.came >= kWait; });
    }
    for (const auto& [key, request] : drawn)
        pass(key, request);
    return in_vain;
}

WaitingRequest RequestShares::take(Seeder& seeder)
{
    const bool both = !seeder.waiting[0].empty() && !seeder.waiting[1].empty();
    Waiting& waiting = seeder.waiting.at(both ? any(2) : seeder.waiting[0].empty() ? 1 : 0);
    const auto place = waiting.begin() + static_cast<std::ptrdiff_t>(draw_one(waiting));
    WaitingRequest out = std::move(*place);
    waiting.erase(place);
    return out;
}

// A network, then an address of it, then a request: who sends more, or from more addresses, is drawn no more often.
std::size_t RequestShares::draw_one(const Waiting& waiting)
{
    std::vector<std::size_t> left(waiting.size());
    for (std::size_t i = 0; i < left.size(); ++i)
        left[i] = i;
    for (const auto of : {&request_network, &request_host}) {
        std::vector<IpAddress> places;
        for (const std::size_t i : left)
            if (std::ranges::find(places, of(waiting[i])) == places.end()) places.push_back(of(waiting[i]));
        const IpAddress drawn = places[any(places.size())];
        std::erase_if(left, [&](std::size_t i) { return of(waiting[i]) != drawn; });
    }
    return left[any(left.size())];
}

// The lowest lot of the address that has most there, of the network that has.
std::size_t RequestShares::least_of_fullest(const Waiting& waiting)
{
    const std::vector<std::size_t> of_network = crowds(waiting, &request_network);
    const std::vector<std::size_t> of_host = crowds(waiting, &request_host);
    const auto stays = [&](std::size_t n) {
        return std::tuple(-static_cast<std::ptrdiff_t>(of_network[n]), -static_cast<std::ptrdiff_t>(of_host[n]),
                          waiting[n].lot);
    };
    std::size_t least = 0;
    for (std::size_t i = 1; i < waiting.size(); ++i)
        if (stays(i) < stays(least)) least = i;
    return least;
}

RequestShares::Seeder& RequestShares::of(const PublicKey& swarm_key, TimePoint now)
{
    if (const auto known = seeders_.find(swarm_key); known != seeders_.end()) return known->second;
    if (seeders_.size() >= kMostSeeders) {
        std::erase_if(seeders_, [&](const auto& entry) { return now - entry.second.last >= 10 * kWait; });
        if (seeders_.size() >= kMostSeeders)
            seeders_.erase(std::ranges::min_element(seeders_, {}, [](const auto& e) { return e.second.last; }));
    }
    return seeders_[swarm_key];
}

} // namespace cepa::tunnel
