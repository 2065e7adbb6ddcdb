// Whether strangers reach this node: whoever was never sent anything and whose packet arrives all the same came through
// no mapping that we opened. That is so without a translator, behind a forwarded port and behind a one-to-one
// translation; no word of anybody is needed for it, and no signature: a forged source that gets in proves the same. It
// only sees what this worker sends. Process: worker 0, io thread. Spec: docs/protocol.md, sections 5.6 and 21.
#pragma once

#include "base/address.hpp"
#include "base/clock.hpp"
#include "tunnel/environment.hpp"
#include "tunnel/settings.hpp"

#include <optional>
#include <unordered_set>
#include <vector>

namespace cepa::tunnel {

class Reach {
public:
    /// Whom we wrote to counts as known for this long at least, twice at most: translators forget a way out sooner.
    static constexpr auto kKnownFor = std::chrono::minutes(5);
    /// Addresses written to within that; with more nobody counts as a stranger.
    static constexpr std::size_t kMostKnown = 16384;
    /// Strangers of so many different networks must have got in.
    static constexpr std::size_t kStrangers = 3;
    static constexpr auto kEvidenceLife = std::chrono::hours(1);

    Reach(const TunnelSettings& settings, TimePoint start) noexcept
        : public_(settings.public_network), equal_prefixes_(settings.allow_equal_prefixes && !public_), turned_(start)
    {
    }

    void on_sent(const IpAddress& to, TimePoint now);
    /// A packet that was meant for this node, from whomever. Two lookups.
    void on_received(const IpAddress& from, TimePoint now);
    [[nodiscard]] bool strangers_get_in(TimePoint now) const;
    /// The former worker 0 had seen it.
    void restore(TimePoint now) { told_until_ = now + kEvidenceLife; }
    /// Our address is another one now.
    void forget();

private:
    struct Known {
        std::unordered_set<IpAddress> addresses;
        bool complete = true; ///< else anybody may have been written to
    };
    struct Stranger {
        IpAddress network;
        TimePoint at;
    };
    void turn(TimePoint now);
    [[nodiscard]] bool may_know(const IpAddress& address) const;

    bool public_;         ///< neighbours in a LAN prove nothing
    bool equal_prefixes_; ///< nodes of one network are told apart
    TimePoint turned_;
    Known now_;
    Known before_{{}, false}; ///< what was sent before the start is not known
    std::vector<Stranger> strangers_;
    std::optional<TimePoint> told_until_;
};

/// Sends, and tells a Reach to whom. Cells that follow others on a way that is open pass by.
class NotingSender final : public PacketSender {
public:
    /// All must outlive it.
    NotingSender(PacketSender& to, Reach& reach, const Clock& clock) : to_(to), reach_(reach), clock_(clock) {}
    void queue(const Endpoint& to, ByteSpan packet, CircuitId circuit) override { to_.queue(to, packet, circuit); }
    void flush() override { to_.flush(); }
    void send_now(const Endpoint& to, ByteSpan packet) override
    {
        reach_.on_sent(to.ip, clock_.now());
        to_.send_now(to, packet);
    }

private:
    PacketSender& to_;
    Reach& reach_;
    const Clock& clock_;
};

} // namespace cepa::tunnel
