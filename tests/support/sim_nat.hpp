// Address translators for a SimNetwork: hosts behind them are reached from outside only where they have sent something
// themselves. What they make of a port, and whom they let in, is what kinds of translators differ in (RFC 4787).
#pragma once

#include "support/sim_network.hpp"

#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace cepa::test {

struct NatKind {
    /// Every destination sees the same port; else each address sees another one ("symmetric").
    bool one_mapping = true;
    /// In comes only what is from an address that was sent to; else whatever finds the mapping.
    bool filters = true;
};

/// One translator with one host behind it.
class SimNat {
public:
    static constexpr auto kMappingLife = std::chrono::seconds(120);

    SimNat(const SimNetwork& network, const Endpoint& inside, const IpAddress& outside, NatKind kind)
        : network_(network), inside_(inside), outside_(outside), kind_(kind)
    {
    }

    /// False: swallowed.
    bool pass(SimPacket& packet)
    {
        if (packet.from == inside_) return go_out(packet);
        if (packet.to == inside_) return false; // no such address out there
        return packet.to.ip == outside_ ? come_in(packet) : true;
    }
    /// Whether something from `address` would get in now.
    [[nodiscard]] bool lets_in(const Endpoint& address) const
    {
        for (const auto& [remote, mapping] : mappings_)
            for (const auto& [ip, until] : mapping.sent_to)
                if (ip == address.ip && until > network_.now()) return true;
        return false;
    }

private:
    struct Mapping {
        std::uint16_t port = 0;
        std::map<IpAddress, TimePoint> sent_to; ///< and until when that counts
    };
    bool go_out(SimPacket& packet)
    {
        Mapping& mapping = mappings_[kind_.one_mapping ? IpAddress{} : packet.to.ip];
        if (mapping.port == 0) mapping.port = next_port_++;
        mapping.sent_to[packet.to.ip] = network_.now() + kMappingLife;
        packet.from = {outside_, mapping.port};
        return true;
    }
    bool come_in(SimPacket& packet)
    {
        for (const auto& [remote, mapping] : mappings_) {
            if (mapping.port != packet.to.port) continue;
            const auto sent = mapping.sent_to.find(packet.from.ip);
            const bool known = sent != mapping.sent_to.end() && sent->second > network_.now();
            if (kind_.filters && !known) return false;
            packet.to = inside_;
            return true;
        }
        return false;
    }

    const SimNetwork& network_;
    Endpoint inside_;
    IpAddress outside_;
    NatKind kind_;
    std::uint16_t next_port_ = 20'001;
    std::map<IpAddress, Mapping> mappings_; ///< by destination, where each has its own
};

/// All translators of a network, as its tap.
class SimNats {
public:
    explicit SimNats(SimNetwork& network) : network_(network)
    {
        network_.tap = [this](SimPacket& packet) {
            for (const auto& nat : nats_)
                if (!nat->pass(packet)) return false;
            return true;
        };
    }
    SimNat& add(const Endpoint& inside, const IpAddress& outside, NatKind kind)
    {
        nats_.push_back(std::make_unique<SimNat>(network_, inside, outside, kind));
        return *nats_.back();
    }

private:
    SimNetwork& network_;
    std::vector<std::unique_ptr<SimNat>> nats_;
};

} // namespace cepa::test
