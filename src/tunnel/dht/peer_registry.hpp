// Nodes behind a NAT that have registered here, so that others can have them open their way. A registration lives
// while the node pings. Pure state. Process: worker 0, io thread. Spec: docs/protocol.md, section 15.3.
#pragma once

#include "base/clock.hpp"
#include "tunnel/discovery/dht_messages.hpp"

#include <algorithm>
#include <optional>
#include <unordered_map>

namespace cepa::tunnel {

class DhtPeerRegistry {
public:
    static constexpr std::size_t kMostPeers = 1024;
    static constexpr std::size_t kMostPerIp = 16;
    static constexpr auto kLife = std::chrono::seconds(60);

    explicit DhtPeerRegistry(bool sources_differ) : sources_differ_(sources_differ) {}

    /// False when there is no room.
    bool add(const PublicKey& key, const Endpoint& address, TimePoint now)
    {
        const auto known = peers_.find(key);
        if (known == peers_.end()) {
            const auto same_ip = [&](const auto& peer) { return peer.second.address.ip == address.ip; };
            const bool many = sources_differ_ && std::ranges::count_if(peers_, same_ip) >= std::ptrdiff_t{kMostPerIp};
            if (peers_.size() >= kMostPeers || many) return false;
        }
        peers_[key] = {key.mid(), address, now + kLife};
        return true;
    }
    /// A ping from there.
    void refresh(const PublicKey& key, const Endpoint& address, TimePoint now)
    {
        const auto known = peers_.find(key);
        if (known != peers_.end() && known->second.address == address) known->second.end = now + kLife;
    }
    [[nodiscard]] std::optional<DhtNode> find(const Mid& mid, TimePoint now) const
    {
        for (const auto& [key, peer] : peers_)
            if (peer.mid == mid && peer.end > now) return DhtNode{peer.address, key};
        return std::nullopt;
    }
    void expire(TimePoint now)
    {
        std::erase_if(peers_, [now](const auto& peer) { return peer.second.end <= now; });
    }
    [[nodiscard]] std::size_t size() const noexcept { return peers_.size(); }

private:
    struct Registered {
        Mid mid{};
        Endpoint address;
        TimePoint end;
    };
    bool sources_differ_;
    std::unordered_map<PublicKey, Registered> peers_;
};

} // namespace cepa::tunnel
