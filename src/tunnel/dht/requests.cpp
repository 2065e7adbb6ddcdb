#include "tunnel/dht/requests.hpp"

#include "tunnel/crypto/random.hpp"

#include <utility>

namespace cepa::tunnel {

std::optional<std::uint32_t> DhtRequests::begin(const To& to, std::uint8_t answer_id, TimePoint deadline, Done done)
{
    if (waiting_.size() >= kMostWaiting) return std::nullopt;
    std::uint32_t identifier = random_u32(random_);
    while (waiting_.contains(identifier))
        ++identifier;
    waiting_.emplace(identifier, Waiting{to, answer_id, deadline, std::move(done)});
    return identifier;
}

bool DhtRequests::awaits(const Endpoint& address, std::uint32_t identifier) const noexcept
{
    const auto found = waiting_.find(identifier);
    return found != waiting_.end() && found->second.to.address == address;
}

bool DhtRequests::finish(const Endpoint& source, std::uint32_t identifier, const SignedPacket& packet)
{
    const auto found = waiting_.find(identifier);
    if (found == waiting_.end()) return false;
    const Waiting& asked = found->second;
    if (asked.to.address != source || asked.answer_id != packet.message_id) return false;
    if (asked.to.key && *asked.to.key != packet.key) return false;
    const Done done = std::move(found->second.done);
    waiting_.erase(found); // first: the caller may ask on
    done(&packet);
    return true;
}

void DhtRequests::expire(TimePoint now)
{
    std::vector<Done> late;
    std::erase_if(waiting_, [&](auto& entry) {
        if (entry.second.deadline > now) return false;
        late.push_back(std::move(entry.second.done));
        return true;
    });
    for (const Done& done : late)
        done(nullptr);
}

} // namespace cepa::tunnel
