// One struct and codec per message of hidden services, in and outside cells. Conventions as in cell/payloads.hpp.
// Process: worker, io thread. Spec: docs/protocol.md, sections 12 and 14.
#pragma once

#include "tunnel/cell/payloads.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace cepa::tunnel {

/// Names a swarm in tunnels and DHT, instead of its info hash.
using LookupHash = std::array<std::uint8_t, 20>;
/// Names a rendezvous between two circuits.
using Cookie = std::array<std::uint8_t, 20>;

struct EstablishIntro {
    static constexpr MessageId kId = MessageId::establish_intro;
    std::uint16_t identifier = 0;
    LookupHash lookup_hash{};
    PublicKey swarm_key;

    [[nodiscard]] static std::optional<EstablishIntro> parse(ByteSpan body) noexcept;
    void write(Writer& writer) const noexcept;
};
using IntroEstablished = IdentifierBody<MessageId::intro_established>;

/// An identifier and a cookie.
template <MessageId Id>
struct CookieBody {
    static constexpr MessageId kId = Id;
    std::uint16_t identifier = 0;
    Cookie cookie{};

    [[nodiscard]] static std::optional<CookieBody> parse(ByteSpan body) noexcept
    {
        Reader reader(body);
        CookieBody out{reader.u16(), {}};
        out.cookie = reader.array<20>();
        return reader.ok() ? std::optional(out) : std::nullopt;
    }
    void write(Writer& writer) const noexcept
    {
        writer.u16(identifier);
        writer.bytes(cookie);
    }
};
using EstablishRendezvous = CookieBody<MessageId::establish_rendezvous>;
using LinkE2e = CookieBody<MessageId::link_e2e>;
using LinkedE2e = IdentifierBody<MessageId::linked_e2e>;

struct RendezvousEstablished {
    static constexpr MessageId kId = MessageId::rendezvous_established;
    std::uint16_t identifier = 0;
    Endpoint address; ///< of the rendezvous point

    [[nodiscard]] static std::optional<RendezvousEstablished> parse(ByteSpan body) noexcept;
    void write(Writer& writer) const noexcept;
};

struct CreateE2e {
    static constexpr MessageId kId = MessageId::create_e2e;
    std::uint16_t identifier = 0;
    LookupHash lookup_hash{};
    PublicKey swarm_key;
    KeyBytes ephemeral{}; ///< X

    [[nodiscard]] static std::optional<CreateE2e> parse(ByteSpan body) noexcept;
    void write(Writer& writer) const noexcept;
};
struct CreatedE2e {
    static constexpr MessageId kId = MessageId::created_e2e;
    std::uint16_t identifier = 0;
    KeyBytes ephemeral{}; ///< Y
    HandshakeAuth auth{};
    ByteSpan rendezvous_enc; ///< a sealed RendezvousInfo

    [[nodiscard]] static std::optional<CreatedE2e> parse(ByteSpan body) noexcept;
    void write(Writer& writer) const noexcept;
};
/// Where the seeder waits. Nested in a length on the wire.
struct RendezvousInfo {
    Endpoint address;
    PublicKey key;
    Cookie cookie{};

    [[nodiscard]] static std::optional<RendezvousInfo> parse(ByteSpan plain) noexcept;
    void write(Writer& writer) const noexcept;
};

struct PeersRequest {
    static constexpr MessageId kId = MessageId::peers_request;
    std::uint16_t identifier = 0;
    LookupHash lookup_hash{};

    [[nodiscard]] static std::optional<PeersRequest> parse(ByteSpan body) noexcept;
    void write(Writer& writer) const noexcept;
};
struct PeersResponse {
    static constexpr MessageId kId = MessageId::peers_response;
    struct Peer {
        Endpoint address; ///< of the introduction point
        PublicKey key;
        PublicKey swarm_key;
        std::uint8_t source = 0; ///< 0 unknown, 1 DHT, 2 PEX
    };
    std::uint16_t identifier = 0;
    LookupHash lookup_hash{};
    std::vector<Peer> peers; ///< at most 255; entries with foreign keys are left out when parsed

    [[nodiscard]] static std::optional<PeersResponse> parse(ByteSpan body);
    void write(Writer& writer) const noexcept;
};

} // namespace cepa::tunnel
