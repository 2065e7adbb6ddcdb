// Who may ask for a seeder that an introduction point serves, and how often. A request costs the seeder a handshake and
// a circuit, so all together get little; therefore no network gets much of it, and most is kept for networks that have
// not asked lately: a flood that keeps on coming leaves a way for everybody else.
// Pure: the time comes in. Process: worker, io thread. Spec: docs/protocol.md, sections 18 and 21.
#pragma once

#include "base/address.hpp"
#include "base/clock.hpp"
#include "tunnel/crypto/keys.hpp"
#include "tunnel/discovery/flood_limit.hpp"

#include <cstddef>
#include <unordered_map>
#include <vector>

namespace cepa::tunnel {

class RequestShares {
public:
    /// Seeders that are remembered; the caller asks about those that the node serves only.
    static constexpr std::size_t kMostSeeders = 512;
    /// Networks remembered for one seeder: more than can have passed as new ones in kNewAgain.
    static constexpr std::size_t kMostNetworks = 160;
    /// After so much silence a network counts as one that never asked.
    static constexpr Duration kNewAgain = std::chrono::seconds(60);

    /// `equal_prefixes`: a private overlay, where everybody may share one network and all get one share.
    explicit RequestShares(bool equal_prefixes) noexcept : equal_prefixes_(equal_prefixes) {}

    /// Whether a request from `source` may reach that seeder; counts it if so.
    [[nodiscard]] bool pass(const PublicKey& swarm_key, const IpAddress& source, TimePoint now);

private:
    struct Network {
        IpAddress prefix;
        FloodLimit share{0.2, 3}; ///< an exit asks for all its clients
        TimePoint last{};
    };
    struct Seeder {
        FloodLimit everybody{4, 16}; ///< where networks cannot be told apart
        FloodLimit newcomers{2, 8};
        FloodLimit others{0.5, 4};     ///< half of what a seeder of ours takes from one introduction point
        std::vector<Network> networks; ///< that have passed
        TimePoint last{};
    };
    [[nodiscard]] Seeder& of(const PublicKey& swarm_key, TimePoint now);
    [[nodiscard]] static bool pass(Seeder& seeder, const IpAddress& prefix, TimePoint now);
    static void remember(Seeder& seeder, const IpAddress& prefix, TimePoint now);

    bool equal_prefixes_;
    std::unordered_map<PublicKey, Seeder> seeders_;
};

} // namespace cepa::tunnel
