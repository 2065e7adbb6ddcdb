// Input: what a stranger sends as X, and as Y and auth. Whatever it is, it must not be taken for an answer of ours.
#include "fuzz/fuzz.hpp"

#include "tunnel/crypto/handshake.hpp"

using namespace cepa;
using namespace cepa::tunnel;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    static const EphemeralKey own = EphemeralKey::from_secret(SecretBytes(KeyBytes{1, 2, 3}));
    static const EphemeralKey fixed = EphemeralKey::from_secret(SecretBytes(KeyBytes{4, 5, 6}));
    Reader reader(ByteSpan(data, size));
    const KeyBytes point = reader.array<32>();
    const HandshakeAuth auth = reader.array<32>();
    if (!reader.ok()) return 0;
    if (const auto answer = answer_handshake(own.secret, fixed, point)) {
        fuzz::require(answer->ephemeral == fixed.public_key);
    }
    fuzz::require(!finish_handshake(own, fixed.public_key, point, auth)); // 2^-256 of being wrong
    return 0;
}
