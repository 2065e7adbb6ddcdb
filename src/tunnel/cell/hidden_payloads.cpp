#include "tunnel/cell/hidden_payloads.hpp"

#include "tunnel/cell/fields.hpp"

namespace cepa::tunnel {
namespace {

/// One entry of peers-response; nullopt for one whose keys are not of our kind. A short entry rejects `list`.
std::optional<PeersResponse::Peer> read_peer(Reader& list)
{
    Reader reader(list.varlen());
    PeersResponse::Peer out;
    out.address = read_endpoint(reader);
    const auto key = PublicKey::parse(reader.varlen());
    const auto swarm_key = PublicKey::parse(reader.varlen());
    out.source = reader.u8();
    if (!reader.ok()) list.reject();
    if (!reader.ok() || !key || !swarm_key) return std::nullopt;
    out.key = *key;
    out.swarm_key = *swarm_key;
    return out;
}

std::size_t encoded_peer_size(const PeersResponse::Peer& peer) noexcept
{
    return encoded_size(peer.address) + 2 * (2 + kEncodedKeySize) + 1;
}

} // namespace

std::optional<EstablishIntro> EstablishIntro::parse(ByteSpan body) noexcept
{
    Reader reader(body);
    EstablishIntro out;
    out.identifier = reader.u16();
    out.lookup_hash = reader.array<20>();
    out.swarm_key = read_public_key(reader);
    return if_ok(reader, std::move(out));
}

void EstablishIntro::write(Writer& writer) const noexcept
{
    writer.u16(identifier);
    writer.bytes(lookup_hash);
    writer.varlen(swarm_key.encode());
}

std::optional<RendezvousEstablished> RendezvousEstablished::parse(ByteSpan body) noexcept
{
    Reader reader(body);
    RendezvousEstablished out;
    out.identifier = reader.u16();
    out.address = read_endpoint(reader);
    return if_ok(reader, std::move(out));
}

void RendezvousEstablished::write(Writer& writer) const noexcept
{
    writer.u16(identifier);
    write_endpoint(writer, address);
}

std::optional<CreateE2e> CreateE2e::parse(ByteSpan body) noexcept
{
    Reader reader(body);
    CreateE2e out;
    out.identifier = reader.u16();
    out.lookup_hash = reader.array<20>();
    out.swarm_key = read_public_key(reader);
    out.ephemeral = read_key_bytes(reader);
    return if_ok(reader, std::move(out));
}

void CreateE2e::write(Writer& writer) const noexcept
{
    writer.u16(identifier);
    writer.bytes(lookup_hash);
    writer.varlen(swarm_key.encode());
    writer.varlen(ephemeral);
}

std::optional<CreatedE2e> CreatedE2e::parse(ByteSpan body) noexcept
{
    Reader reader(body);
    CreatedE2e out;
    out.identifier = reader.u16();
    out.ephemeral = read_key_bytes(reader);
    out.auth = reader.array<32>();
    out.rendezvous_enc = reader.rest();
    return if_ok(reader, std::move(out));
}

void CreatedE2e::write(Writer& writer) const noexcept
{
    writer.u16(identifier);
    writer.varlen(ephemeral);
    writer.bytes(auth);
    writer.bytes(rendezvous_enc);
}

std::optional<RendezvousInfo> RendezvousInfo::parse(ByteSpan plain) noexcept
{
    Reader outer(plain);
    Reader reader(outer.varlen());
    RendezvousInfo out;
    out.address = read_endpoint(reader);
    out.key = read_public_key(reader);
    out.cookie = reader.array<20>();
    return if_ok(reader, std::move(out));
}

void RendezvousInfo::write(Writer& writer) const noexcept
{
    writer.u16(static_cast<std::uint16_t>(encoded_size(address) + 2 + kEncodedKeySize + cookie.size()));
    write_endpoint(writer, address);
    writer.varlen(key.encode());
    writer.bytes(cookie);
}

std::optional<PeersRequest> PeersRequest::parse(ByteSpan body) noexcept
{
    Reader reader(body);
    PeersRequest out;
    out.identifier = reader.u16();
    out.lookup_hash = reader.array<20>();
    return if_ok(reader, std::move(out));
}

void PeersRequest::write(Writer& writer) const noexcept
{
    writer.u16(identifier);
    writer.bytes(lookup_hash);
}

std::optional<PeersResponse> PeersResponse::parse(ByteSpan body)
{
    Reader reader(body);
    PeersResponse out;
    out.identifier = reader.u16();
    out.lookup_hash = reader.array<20>();
    const std::uint8_t count = reader.u8();
    for (unsigned i = 0; i < count && reader.ok(); ++i)
        if (const auto peer = read_peer(reader)) out.peers.push_back(*peer);
    return if_ok(reader, std::move(out));
}

void PeersResponse::write(Writer& writer) const noexcept
{
    writer.u16(identifier);
    writer.bytes(lookup_hash);
    writer.u8(static_cast<std::uint8_t>(peers.size()));
    for (const Peer& peer : peers) {
        writer.u16(static_cast<std::uint16_t>(encoded_peer_size(peer)));
        write_endpoint(writer, peer.address);
        writer.varlen(peer.key.encode());
        writer.varlen(peer.swarm_key.encode());
        writer.u8(peer.source);
    }
}

} // namespace cepa::tunnel
