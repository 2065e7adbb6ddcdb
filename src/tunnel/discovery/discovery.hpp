// Finds the peers of the tunnel overlay and keeps watch over them: walking, introductions, punctures, pings, own
// addresses. Sans-IO: packets and ticks come in, packets leave through Environment::packets.
// In a worker without discovery (TunnelSettings::discover false) it only holds what worker 0 shared, and drops packets.
// It does not build circuits, and it knows no cells and no destroys.
// Process: worker, io thread. Spec: docs/protocol.md, sections 4 to 7.
#pragma once

#include "base/address.hpp"
#include "base/bytes.hpp"
#include "tunnel/discovery/own_addresses.hpp"
#include "tunnel/environment.hpp"
#include "tunnel/settings.hpp"
#include "tunnel/tunnel.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cepa::tunnel {

/// What changed since somebody last asked.
struct DiscoveryChanges {
    bool candidates = false; ///< the observer should hear on_candidates_changed()
    bool addresses = false;  ///< the observer should hear on_address_changed() too
};

class Discovery {
public:
    /// `settings` and what `environment` refers to must outlive it. Throws std::invalid_argument when discover is set
    /// without an identity.
    Discovery(const TunnelSettings& settings, Environment environment);
    ~Discovery();

    /// A packet of the tunnel overlay that is neither cell (0) nor destroy (8), or any of kDiscoveryOverlay, with its
    /// prefix. False when the message is none of discovery's: the caller may know it, else drops and counts it.
    /// A malformed, forged or unexpected one of ours is dropped and counted here (true).
    bool on_packet(const Endpoint& source, ByteSpan packet);
    /// Something of the tunnel overlay came from `source` and concerned this node itself (not merely relayed):
    /// refreshes the peer that has this address. One hash lookup.
    void heard_from(const Endpoint& source) noexcept;
    /// To be called about every 50 ms: walks, pings, forgets.
    void tick();

    /// Facts from worker 0 (worker 1..N), or the last snapshot after a restart (worker 0): usable at once. Worker 0
    /// walks to them; those that stay silent are forgotten like any peer.
    void share(const std::vector<Candidate>& candidates, const std::vector<Endpoint>& own_addresses);
    /// Worker 0: these are walked to until they answer, and nobody pushes them out of the table.
    void keep_guards(const std::vector<Guard>& guards);
    /// An extend by address to `key` succeeded.
    void mark_connectable(const PublicKey& key);

    /// Peers fit to be a hop: proven or shared, with flags, never ourselves or our family. At most 30.
    [[nodiscard]] const std::vector<Candidate>& candidates() const noexcept;
    [[nodiscard]] std::optional<Candidate> find(const PublicKey& key) const;
    /// The address of any peer with this key, candidate or not; nullopt when it is unknown.
    [[nodiscard]] std::optional<Endpoint> address_of(const PublicKey& key) const;
    /// The key last proven to live at `address`.
    [[nodiscard]] std::optional<PublicKey> key_at(const Endpoint& address) const;

    /// Where peers of the tunnel overlay were proven to live: their one socket carries their other overlays too.
    [[nodiscard]] std::vector<Endpoint> proven_addresses() const;

    /// What is known of our own addresses, for the other overlays of this node.
    [[nodiscard]] OwnAddresses& own() noexcept;
    /// All addresses by which this node may be known: listen, LAN, WAN estimate and those shared.
    [[nodiscard]] std::vector<Endpoint> own_addresses() const;
    /// True also for another port of an own public address (a sibling behind the same address is no independent hop);
    /// on networks with equal prefixes allowed only for the exact endpoint.
    [[nodiscard]] bool is_own(const Endpoint& address) const;
    /// What we announce as our address; null when nobody has told us yet.
    [[nodiscard]] Endpoint wan() const;

    /// Returns what changed since the last call and forgets it. Ask after each batch and each tick.
    [[nodiscard]] DiscoveryChanges take_changes() noexcept;
    /// The addresses of this machine's interfaces.
    void set_host_addresses(const std::vector<IpAddress>& addresses);
    [[nodiscard]] DiscoveryView view() const;
    /// Adds this object's drop counters to `drops`.
    void add_drops(std::map<std::string, std::uint64_t>& drops) const;

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

} // namespace cepa::tunnel
