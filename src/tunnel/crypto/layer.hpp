// One layer of encryption: the keys that the two ends of a handshake share, and the send counter of one of them. Adds
// and strips the layer in place: u64 counter in front, tag behind. Owns the nonce: a (key, counter) pair is used once,
// because a Layer cannot be copied, counts only upwards, and is spent once it has been moved from.
// Process: worker, io thread. Spec: docs/protocol.md, sections 9.1, 9.2, 10 and 18.
#pragma once

#include "tunnel/crypto/sealing_right.hpp"
#include "tunnel/environment.hpp"

#include "base/packet_buffer.hpp"
#include "base/result.hpp"

#include <array>
#include <cstdint>
#include <utility>

namespace cepa::tunnel {

/// Deployed responders seal their list of candidates with FORWARD counter 2, so the initiator begins after it.
inline constexpr std::uint64_t kInitiatorFirstCounter = 3;
inline constexpr std::uint64_t kResponderFirstCounter = 2;
/// Our own responders seal that list from here on, where no initiator's counter comes.
inline constexpr std::uint64_t kOfferCounterBase = std::uint64_t{1} << 62U;

/// FORWARD is from the initiator of the handshake to the responder.
enum class Direction : std::uint8_t { forward, backward };

/// What one handshake yields. Move-only: whoever holds it may make the one Layer from it. Wipes itself.
struct SessionKeys {
    SecretBytes forward_key;
    SecretBytes backward_key;
    Salt forward_salt{};
    Salt backward_salt{};

    SessionKeys() noexcept = default;
    SessionKeys(SessionKeys&&) noexcept = default;
    SessionKeys& operator=(SessionKeys&&) noexcept = default;
};

/// What identified a sealed message on the wire, for a ReplayWindow.
struct Opened {
    std::uint64_t counter = 0;
    Tag tag{};
};

class Layer {
public:
    /// Seals in direction `sealing` with counters from `first_counter` on, opens the other one.
    Layer(SessionKeys keys, Direction sealing, std::uint64_t first_counter) noexcept;
    /// The initiator's end: seals FORWARD from kInitiatorFirstCounter on.
    [[nodiscard]] static Layer initiator(SessionKeys keys) noexcept;
    /// The responder's end: seals BACKWARD from kResponderFirstCounter on.
    [[nodiscard]] static Layer responder(SessionKeys keys) noexcept;

    /// The counter goes along; the moved-from layer seals nothing more (nonce_exhausted).
    Layer(Layer&& other) noexcept;
    Layer& operator=(Layer&& other) noexcept;

    /// Seals `message` in place. Needs kCounterSize of headroom and kTagSize of tailroom, else too_large; fails with
    /// nonce_exhausted after kMaxSealed messages: the circuit must then be closed.
    [[nodiscard]] Result<void> seal(Aead& aead, PacketBuffer& message) noexcept { return sealing_.seal(aead, message); }
    /// Gives the right to seal away, with the counter where it stands: seal() fails with nonce_exhausted from now on.
    [[nodiscard]] SealingRight take_sealing_right() noexcept { return std::move(sealing_); }
    /// Checks and strips the layer in place. Fails with malformed (too short) or bad_tag; `message` is then unchanged.
    /// Any counter is accepted: the caller asks a ReplayWindow.
    [[nodiscard]] Result<Opened> open(Aead& aead, PacketBuffer& message) const noexcept;

    /// Responder: seals the list of candidates for created/extended (candidates_enc), with the FORWARD key at a random
    /// counter from kOfferCounterBase on. Once per layer; a second call fails with wrong_state.
    [[nodiscard]] Result<Bytes> seal_offer(Aead& aead, RandomSource& random, ByteSpan candidates);
    /// Initiator: opens candidates_enc. Does not touch the send counter.
    [[nodiscard]] Result<Bytes> open_offer(Aead& aead, ByteSpan sealed) const;

    /// The counter that the next seal() will use.
    [[nodiscard]] std::uint64_t next_counter() const noexcept { return sealing_.next_counter; }

private:
    struct Half {
        SecretBytes key;
        Salt salt{};
    };

    SealingRight sealing_;
    Half opening_;
    bool offer_sealed_ = false;
};

} // namespace cepa::tunnel
