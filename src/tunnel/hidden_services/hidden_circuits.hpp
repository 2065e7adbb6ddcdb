// Whose circuit is it? Hands what our circuits of hidden services report to the part that began them, and tells those
// parts what they need of the rest of the Tunnel. Process: worker, io thread. Spec: docs/protocol.md, section 14.
#pragma once

#include "tunnel/circuit/own_circuits.hpp"

#include <functional>
#include <unordered_map>

namespace cepa::tunnel {

class HiddenCircuits final : public CircuitUser {
public:
    struct Tools {
        OwnCircuits& circuits;
        CellSender& sender;
        Aead& aead;
        Counters& counters;
        RandomSource& random;
        const TunnelSettings& settings;
        TunnelObserver& observer;
        std::function<bool(const Endpoint&)> is_own; ///< whether an address is one of ours
    };
    /// Becomes the user of `tools.circuits`.
    explicit HiddenCircuits(Tools tools);

    [[nodiscard]] Tools& tools() noexcept { return tools_; }
    [[nodiscard]] OwnCircuits& circuits() noexcept { return tools_.circuits; }

    /// Begins a circuit whose reports go to `user`.
    [[nodiscard]] Result<CircuitId> begin(const CircuitWish& wish, CircuitUser& user, TimePoint now);
    /// Ends all circuits of `user`, which hears of it.
    void close_all_of(const CircuitUser& user, TimePoint now);
    /// Whether a stranger's word may make us send to that address.
    [[nodiscard]] bool may_contact_there(const Endpoint& address) const;

    // CircuitUser
    void on_ready(const Circuit& circuit, TimePoint now) override;
    void on_closed(const Circuit& circuit, TimePoint now) override;
    void on_message(const Circuit& circuit, MessageId id, ByteSpan body, TimePoint now) override;
    void on_packet(const Circuit& circuit, const Endpoint& origin, ByteSpan packet, TimePoint now) override;
    [[nodiscard]] bool on_other_end(const Circuit& circuit, TimePoint now) override;

private:
    [[nodiscard]] CircuitUser* user_of(const Circuit& circuit) const;

    Tools tools_;
    std::unordered_map<CircuitId, CircuitUser*> users_;
};

/// A message as an unsigned packet of the tunnel overlay, as it travels inside data.
template <class Message>
[[nodiscard]] Bytes overlay_packet(const Prefix& prefix, const Message& message)
{
    std::array<std::uint8_t, kMaxSentPacket> room;
    Writer writer(room);
    writer.bytes(prefix);
    write_message(writer, message);
    const ByteSpan written = writer.written();
    return writer.ok() ? Bytes(written.begin(), written.end()) : Bytes{};
}

} // namespace cepa::tunnel
