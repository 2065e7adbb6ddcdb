// How many strangers' circuits we join, how fast, and from where: creates cost us two curve operations each and a place
// among few, so a source, a /16 and everybody together have their share. Pure: the time comes in.
// Process: worker, io thread. Spec: docs/protocol.md, sections 11.2 and 18 (F4).
#pragma once

#include "base/address.hpp"
#include "base/clock.hpp"

#include <cstdint>
#include <unordered_map>

namespace cepa::tunnel {

/// A token bucket of single events.
class EventCap {
public:
    EventCap() noexcept = default;
    EventCap(std::uint32_t burst, std::uint32_t per_second) noexcept
        : burst_(burst * 1000ULL), tokens_(burst_), per_second_(per_second)
    {
    }
    [[nodiscard]] bool pass(TimePoint now) noexcept;
    /// Whether pass() would be true.
    [[nodiscard]] bool would_pass(TimePoint now) const noexcept;
    /// Less than half of the burst is left.
    [[nodiscard]] bool low(TimePoint now) const noexcept;
    [[nodiscard]] bool full(TimePoint now) const noexcept;

private:
    [[nodiscard]] std::uint64_t gained(TimePoint now) const noexcept;

    std::uint64_t burst_ = 0; ///< in thousandths of an event
    std::uint64_t tokens_ = 0;
    std::uint32_t per_second_ = 0;
    TimePoint refilled_{};
};

/// A token bucket for each of something that strangers name; the table is bounded, and what finds no place in it is
/// refused.
template <class Key>
class KeyedCaps {
public:
    explicit KeyedCaps(const EventCap& each) noexcept : each_(each) {}

    [[nodiscard]] bool pass(const Key& key, TimePoint now)
    {
        if (caps_.size() >= kMostKeys && !caps_.contains(key)) {
            if (now - tidied_ >= kTidyEvery) {
                tidied_ = now;
                std::erase_if(caps_, [&](auto& entry) { return entry.second.full(now); });
            }
            if (caps_.size() >= kMostKeys) return false;
        }
        return caps_.try_emplace(key, each_).first->second.pass(now);
    }

private:
    static constexpr std::size_t kMostKeys = 4096;
    /// A full table is walked no more often, whatever packets come.
    static constexpr Duration kTidyEvery = std::chrono::seconds(1);
    EventCap each_;
    TimePoint tidied_{};
    std::unordered_map<Key, EventCap> caps_;
};
using SourceCaps = KeyedCaps<IpAddress>;

/// What is joined already. A relayed circuit counts twice, for its two links (as deployed nodes count).
struct Occupancy {
    std::uint32_t total = 0;
    std::uint32_t same_address = 0;
    std::uint32_t same_prefix = 0;
};

class JoinLimits {
public:
    enum class Verdict : std::uint8_t { admitted, full, flood };

    /// `equal_prefixes`: a private overlay, where everybody may share one /16 and few addresses. `workers` share the
    /// node's port: the circuits of one neighbour spread over them at random, so none gets an exact part of its share.
    JoinLimits(std::uint32_t most_joined, bool equal_prefixes, std::uint32_t workers = 1) noexcept;

    /// The other limits go with it. What is joined already stays.
    void set_most(std::uint32_t most_joined) noexcept;

    /// What admit() would say of anybody's next create, as far as that costs nothing to know: asked before the rest.
    [[nodiscard]] Verdict glance(std::uint32_t total_joined, TimePoint now) const noexcept;
    /// Whether a create from `source` is answered. It counts towards the rates whatever the answer, or who is refused
    /// could make us look again and again.
    [[nodiscard]] Verdict admit(const Endpoint& source, const Occupancy& joined, TimePoint now);
    /// Creates come so fast that answers must be small.
    [[nodiscard]] bool busy(TimePoint now) const noexcept { return all_.low(now); }

    /// A cell proved that `source` receives what we send there.
    void prove(const IpAddress& source, TimePoint now);
    [[nodiscard]] bool proven(const IpAddress& source) const { return proven_.contains(source); }

private:
    static constexpr std::size_t kMostSources = 4096;

    bool equal_prefixes_;
    std::uint32_t workers_;
    std::uint32_t most_ = 0;
    std::uint32_t most_of_address_ = 0;
    std::uint32_t most_of_prefix_ = 0;
    SourceCaps sources_;
    EventCap all_;
    TimePoint proven_tidied_{};
    std::unordered_map<IpAddress, TimePoint> proven_;
};

} // namespace cepa::tunnel
