// The tokens by which a node proves, when it stores, that it received an answer of ours at its address: a keyed hash
// over its address and key. The secret is renewed, and the one before it still counts. Process: worker 0, io thread.
// Spec: docs/protocol.md, section 15.3.
#pragma once

#include "base/clock.hpp"
#include "tunnel/discovery/dht_messages.hpp"
#include "tunnel/environment.hpp"

namespace cepa::tunnel {

class DhtTokens {
public:
    static constexpr auto kSecretLife = std::chrono::seconds(300);

    DhtTokens(RandomSource& random, TimePoint now);

    [[nodiscard]] DhtToken make(const Endpoint& address, const PublicKey& key, TimePoint now);
    [[nodiscard]] bool is_valid(const DhtToken& token, const Endpoint& address, const PublicKey& key, TimePoint now);

private:
    void renew(TimePoint now);

    RandomSource& random_;
    SecretBytes secret_;
    SecretBytes former_;
    TimePoint since_;
};

} // namespace cepa::tunnel
