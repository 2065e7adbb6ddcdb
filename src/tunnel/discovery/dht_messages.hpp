// The messages and values of the DHT overlay: codecs only, the table and the lookups are not here. All are signed
// packets without time (discovery/signed_packet.hpp). Trailing bytes are malformed. Spans point into the parsed bytes.
// Process: worker 0, io thread. Spec: docs/protocol.md, sections 14.5 and 15.
#pragma once

#include "tunnel/cell/hidden_payloads.hpp"
#include "tunnel/crypto/keys.hpp"

#include "base/address.hpp"
#include "base/bytes.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace cepa::tunnel {

/// A place in the DHT: a node's, a value's key or a mid.
using DhtId = std::array<std::uint8_t, 20>;
/// Opaque proof of having been answered at one's address.
using DhtToken = std::array<std::uint8_t, 20>;

namespace dht_id {
inline constexpr std::uint8_t kPingRequest = 1;
inline constexpr std::uint8_t kPingResponse = 2;
inline constexpr std::uint8_t kStoreRequest = 3;
inline constexpr std::uint8_t kStoreResponse = 4;
inline constexpr std::uint8_t kFindRequest = 5;
inline constexpr std::uint8_t kFindResponse = 6;
inline constexpr std::uint8_t kStorePeerRequest = 7;
inline constexpr std::uint8_t kStorePeerResponse = 8;
inline constexpr std::uint8_t kConnectPeerRequest = 9;
inline constexpr std::uint8_t kConnectPeerResponse = 10;
} // namespace dht_id

/// 1, 2, 4 and 8: nothing but the identifier of the exchange.
struct DhtPlain {
    std::uint32_t identifier = 0;

    [[nodiscard]] static std::optional<DhtPlain> parse(ByteSpan body) noexcept;
    void write(Writer& writer) const noexcept { writer.u32(identifier); }
};

struct DhtStoreRequest {
    std::uint32_t identifier = 0;
    DhtToken token{};
    DhtId target{};
    std::vector<ByteSpan> values; ///< at most 255

    [[nodiscard]] static std::optional<DhtStoreRequest> parse(ByteSpan body);
    void write(Writer& writer) const noexcept;
};

struct DhtFindRequest {
    std::uint32_t identifier = 0;
    Endpoint lan;
    DhtId target{};
    std::uint32_t offset = 0;
    bool force_nodes = false;

    [[nodiscard]] static std::optional<DhtFindRequest> parse(ByteSpan body) noexcept;
    void write(Writer& writer) const noexcept;
};

struct DhtNode {
    Endpoint address;
    PublicKey key;
};

struct DhtFindResponse {
    std::uint32_t identifier = 0;
    DhtToken token{};
    std::vector<ByteSpan> values; ///< at most 255
    std::vector<DhtNode> nodes;   ///< at most 255; nodes with foreign keys are left out when parsed

    [[nodiscard]] static std::optional<DhtFindResponse> parse(ByteSpan body);
    void write(Writer& writer) const noexcept;
};

struct DhtStorePeerRequest {
    std::uint32_t identifier = 0;
    DhtToken token{};
    DhtId target{}; ///< the sender's mid

    [[nodiscard]] static std::optional<DhtStorePeerRequest> parse(ByteSpan body) noexcept;
    void write(Writer& writer) const noexcept;
};

struct DhtConnectPeerRequest {
    std::uint32_t identifier = 0;
    Endpoint lan;
    DhtId target{};

    [[nodiscard]] static std::optional<DhtConnectPeerRequest> parse(ByteSpan body) noexcept;
    void write(Writer& writer) const noexcept;
};

struct DhtConnectPeerResponse {
    std::uint32_t identifier = 0;
    std::vector<DhtNode> nodes; ///< as in DhtFindResponse

    [[nodiscard]] static std::optional<DhtConnectPeerResponse> parse(ByteSpan body);
    void write(Writer& writer) const noexcept;
};

/// Where a node stands: bound to its address and its key.
[[nodiscard]] DhtId dht_node_id(const IpAddress& ip, const Mid& mid) noexcept;

/// A stored value whose signature, if it has one, was checked.
struct DhtValue {
    ByteSpan data;
    std::optional<PublicKey> signer;
    std::uint32_t version = 0; ///< of a signed value

    /// Nullopt for an unknown kind, a wrong signature or a foreign key.
    [[nodiscard]] static std::optional<DhtValue> parse(ByteSpan value) noexcept;
    [[nodiscard]] static Bytes encode_unsigned(ByteSpan data);
    [[nodiscard]] static Bytes encode_signed(ByteSpan data, std::uint32_t version, const PrivateKey& key);
};

/// The data of the unsigned value by which an introduction point is found.
struct IntroductionPointRecord {
    Endpoint address;
    std::uint32_t last_seen_unix_s = 0;
    PublicKey key;
    PublicKey swarm_key;

    [[nodiscard]] static std::optional<IntroductionPointRecord> parse(ByteSpan data) noexcept;
    void write(Writer& writer) const noexcept;
};

} // namespace cepa::tunnel
