// Ephemeral keys that were seen a moment ago: who sends one again replays a request. Bounded: the oldest goes first.
// Pure: the time comes in. Process: worker, io thread. Spec: docs/protocol.md, section 18.
#pragma once

#include "base/clock.hpp"
#include "tunnel/crypto/keys.hpp"

#include <cstddef>
#include <deque>
#include <set>
#include <utility>

namespace cepa::tunnel {

class RecentKeys {
public:
    /// Remembers a key for `kept`, and no more than `most` at a time.
    RecentKeys(Duration kept, std::size_t most) noexcept : kept_(kept), most_(most) {}

    /// Whether accept() would be false.
    [[nodiscard]] bool knows(const KeyBytes& key, TimePoint now)
    {
        forget(now, most_);
        return known_.contains(key);
    }
    /// False when it was given before, within that time.
    [[nodiscard]] bool accept(const KeyBytes& key, TimePoint now)
    {
        forget(now, most_ - 1);
        if (!known_.insert(key).second) return false;
        order_.emplace_back(key, now);
        return true;
    }

private:
    void forget(TimePoint now, std::size_t most)
    {
        while (!order_.empty() && (now - order_.front().second >= kept_ || order_.size() > most)) {
            known_.erase(order_.front().first);
            order_.pop_front();
        }
    }

    Duration kept_;
    std::size_t most_;
    std::set<KeyBytes> known_; ///< ordered: no stranger can choose keys that fill one bucket
    std::deque<std::pair<KeyBytes, TimePoint>> order_;
};

} // namespace cepa::tunnel
