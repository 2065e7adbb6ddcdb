#include "tunnel/hidden_services/end_to_end.hpp"

#include "tunnel/error.hpp"

#include <algorithm>

namespace cepa::tunnel {

namespace {

/// Of a sealed RendezvousInfo: what an IPv6 address makes of it, and room for what a later version may add.
constexpr std::size_t kMostRendezvousEnc = 512;

struct SealedRoom {
    std::array<std::uint8_t, kCounterSize + kMostRendezvousEnc + kTagSize> bytes;
};

} // namespace

Result<EndAnswer> answer_end(const PrivateKey& swarm_key, const EphemeralKey& ephemeral, const KeyBytes& x,
                             const RendezvousInfo& where, Aead& aead)
{
    Result<HandshakeAnswer> answer = answer_handshake(swarm_key.x25519_secret(), ephemeral, x);
    if (!answer) return fail(answer.error());
    Layer layer(std::move(answer->keys), Direction::forward, kResponderFirstCounter);
    SealedRoom room;
    Writer writer(MutableByteSpan(room.bytes).subspan(kCounterSize, kMostRendezvousEnc));
    where.write(writer);
    if (!writer.ok()) return fail(TunnelError::too_large);
    PacketBuffer info(room.bytes, kCounterSize, writer.size());
    CEPA_TRY(layer.seal(aead, info));
    const ByteSpan sealed = std::as_const(info).bytes();
    return EndAnswer{answer->ephemeral, answer->auth, Bytes(sealed.begin(), sealed.end()), std::move(layer)};
}

Result<EndFound> finish_end(const EphemeralKey& own, const PublicKey& swarm_key, const CreatedE2e& answer, Aead& aead)
{
    if (answer.rendezvous_enc.size() > kMostRendezvousEnc) return fail(TunnelError::malformed);
    Result<SessionKeys> keys = finish_handshake(own, swarm_key.x25519, answer.ephemeral, answer.auth);
    if (!keys) return fail(keys.error());
    Layer layer(std::move(*keys), Direction::backward, kResponderFirstCounter);
    SealedRoom room;
    std::ranges::copy(answer.rendezvous_enc, room.bytes.begin());
    PacketBuffer info(room.bytes, 0, answer.rendezvous_enc.size());
    if (const auto opened = layer.open(aead, info); !opened) return fail(opened.error());
    const auto where = RendezvousInfo::parse(std::as_const(info).bytes());
    if (!where) return fail(TunnelError::malformed);
    return EndFound{*where, std::move(layer)};
}

} // namespace cepa::tunnel
