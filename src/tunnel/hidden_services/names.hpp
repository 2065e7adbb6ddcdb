// How a hidden swarm is called in the several places that need a name for it or for the other end of a circuit.
// Process: worker and main. Spec: docs/protocol.md, sections 14.1, 14.4 and 14.6.
#pragma once

#include "tunnel/cell/hidden_payloads.hpp"

#include "base/address.hpp"
#include "base/ids.hpp"

#include <array>
#include <cstdint>
#include <optional>

namespace cepa::tunnel {

using InfoHash = std::array<std::uint8_t, 20>;

/// What the network is asked for instead of the torrent's info hash (v1).
[[nodiscard]] LookupHash lookup_hash(const InfoHash& info_hash) noexcept;

/// The overlay in which a swarm's introduction points meet: the lookup hash plus one.
[[nodiscard]] OverlayId pex_overlay(const LookupHash& hash) noexcept;

/// The address under which the BitTorrent engine knows the other end of a rendezvous circuit.
inline constexpr std::uint16_t kFakeAddressPort = 1024;
[[nodiscard]] Endpoint fake_address(CircuitId circuit) noexcept;
/// The circuit that a fake address means; nullopt for IPv6 and for every other port.
[[nodiscard]] std::optional<CircuitId> circuit_of_fake_address(const Endpoint& address) noexcept;

} // namespace cepa::tunnel
