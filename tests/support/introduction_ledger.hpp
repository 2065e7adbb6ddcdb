// What the DHT of a whole network knows of introduction points, without the DHT: as deployed introduction points leave
// it there. Each stores its value once, when the seeder comes; nobody renews it, and it lives for an hour, its
// introduction point or not.
#pragma once

#include "support/sim_network.hpp"

#include "tunnel/siblings.hpp"

#include <algorithm>
#include <vector>

namespace cepa::test {

class IntroductionLedger {
public:
    static constexpr Duration kLife = std::chrono::hours(1);

    explicit IntroductionLedger(SimNetwork& network) : network_(network) {}

    void add(const Endpoint& address, const tunnel::PublicKey& node, const tunnel::Introduction& introduction)
    {
        for (const Value& value : values_)
            if (value.peer.key == node && value.circuit == introduction.circuit) return; // a repetition stores nothing
        values_.push_back({introduction.lookup_hash, introduction.circuit, network_.now() + kLife,
                           {address, node, introduction.swarm_key, 1}});
    }
    [[nodiscard]] std::vector<tunnel::PeersResponse::Peer> find(const tunnel::LookupHash& hash)
    {
        std::erase_if(values_, [&](const Value& value) { return network_.now() >= value.until; });
        std::vector<tunnel::PeersResponse::Peer> out;
        for (auto value = values_.rbegin(); value != values_.rend() && out.size() < 7; ++value)
            if (value->hash == hash) out.push_back(value->peer);
        return out;
    }
    /// What is said in place of what was found, by whoever is asked.
    std::function<std::vector<tunnel::PeersResponse::Peer>(const tunnel::LookupHash&,
                                                           std::vector<tunnel::PeersResponse::Peer>)>
        answer;
    [[nodiscard]] SimNetwork& network() noexcept { return network_; }

private:
    struct Value {
        tunnel::LookupHash hash;
        CircuitId circuit;
        TimePoint until;
        tunnel::PeersResponse::Peer peer;
    };
    SimNetwork& network_;
    std::vector<Value> values_;
};

/// One node's access to it.
class LedgerSiblings final : public tunnel::Siblings {
public:
    LedgerSiblings(IntroductionLedger& ledger, const Endpoint& address, const tunnel::PublicKey& key)
        : ledger_(ledger), address_(address), key_(key)
    {
    }
    void find_introductions(const tunnel::LookupHash& hash, tunnel::IntroductionsFound done) override
    {
        later([this, hash, done = std::move(done)] { done(ledger_.answer ? ledger_.answer(hash, ledger_.find(hash)) : ledger_.find(hash)); });
    }
    void find_node(const tunnel::PublicKey&, tunnel::NodeFound done) override
    {
        later([done = std::move(done)] { done(std::nullopt); });
    }
    void register_introduction(const tunnel::Introduction& introduction, tunnel::Registered done) override
    {
        ledger_.add(address_, key_, introduction);
        later([done = std::move(done)] { done(true); });
    }
    void forget_introduction(const tunnel::Introduction&) override {}
    void offer_rendezvous(const tunnel::Cookie&, CircuitId) override {}
    void withdraw_rendezvous(const tunnel::Cookie&) override {}
    void link(const tunnel::Cookie&, tunnel::LinkHalf, tunnel::Linked done) override
    {
        later([done = std::move(done)] { done(std::nullopt); });
    }
    void unlinked(CircuitId) override {}
    void moved(CircuitId, const Endpoint&) override {}
    void pass_on(CircuitId, const Endpoint&, PacketBuffer&) override {}

private:
    void later(std::function<void()> action) { ledger_.network().at(std::chrono::milliseconds(100), std::move(action)); }

    IntroductionLedger& ledger_;
    Endpoint address_;
    tunnel::PublicKey key_;
};

} // namespace cepa::test
