// Relays, a hidden seeder and a hidden downloader that are told of each other, and an IntroductionLedger in place of
// the DHT: a world without discovery, in which hours pass in seconds.
#pragma once

#include "support/hidden_world.hpp"
#include "support/introduction_ledger.hpp"

#include <memory>
#include <optional>
#include <vector>

namespace cepa::test {

class LedgerWorld {
public:
    explicit LedgerWorld(std::uint64_t seed, unsigned relays = 24, Duration tick = std::chrono::milliseconds(250));

    /// A node that is no relay, in a /16 of its own.
    SimNode& add_client() { return add(false); }
    /// Each relay dies now, without a word, with a chance of one in `one_in`; another is born for it, and everybody
    /// hears of both.
    void age(unsigned one_in);
    /// Without a word, and nobody is told.
    void kill(const tunnel::Mid& relay);
    void share();

    void seed(std::uint8_t hops, std::uint32_t points = 3);
    void download(std::uint8_t hops);
    [[nodiscard]] tunnel::SwarmView view_of(SimNode& node) const { return node.tunnel().swarms().at(0); }
    [[nodiscard]] bool linked() const { return !seeder->links.empty() && !downloader->links.empty(); }
    bool wait_for_link(Duration most = std::chrono::seconds(60))
    {
        return network.run_until([this] { return linked(); }, most);
    }
    /// A datagram from the downloader to the seeder and one back, over links that stand now.
    [[nodiscard]] bool data_both_ways(std::size_t size = 900);
    /// Ready circuits of one purpose.
    [[nodiscard]] std::vector<tunnel::CircuitView> circuits(SimNode& node, tunnel::CircuitPurpose purpose) const;
    [[nodiscard]] Endpoint fresh_address();

    SimNetwork network;
    IntroductionLedger ledger;
    tunnel::LookupHash hash{};
    tunnel::PrivateKey seed_key;
    SimNode* seeder = nullptr;
    SimNode* downloader = nullptr;
    unsigned died = 0;

private:
    SimNode& add(bool relay);

    Duration tick_;
    unsigned wanted_;
    TestRandom random_;
    std::vector<std::unique_ptr<LedgerSiblings>> siblings_;
    std::vector<std::unique_ptr<SimNode>> nodes_;
    std::vector<SimNode*> relays_;
    std::vector<SimNode*> clients_;
    unsigned addresses_ = 0;
};

} // namespace cepa::test
