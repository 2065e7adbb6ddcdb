// Against libsodium's implementation of the same RFC. Input: key, nonce, where the output lies, plaintext.
#include "fuzz/fuzz.hpp"

#include "tunnel/crypto/cipher.hpp"

#include <sodium.h>

#include <algorithm>

using namespace cepa;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    static tunnel::Aead aead;
    Reader reader(ByteSpan(data, size));
    const tunnel::SecretBytes key(reader.array<32>());
    const tunnel::Nonce nonce = reader.array<12>();
    const std::size_t in_at = reader.u8();
    const std::size_t out_at = reader.u8();
    const ByteSpan plain = reader.rest();
    if (!reader.ok()) return 0;

    Bytes expected(plain.size() + tunnel::kTagSize);
    crypto_aead_chacha20poly1305_ietf_encrypt(expected.data(), nullptr, plain.data(), plain.size(), nullptr, 0, nullptr,
                                              nonce.data(), key.data());
    Bytes room(256 + expected.size());
    std::ranges::copy(plain, room.begin() + static_cast<std::ptrdiff_t>(in_at));
    fuzz::require(aead.seal(key, nonce, ByteSpan(room).subspan(in_at, plain.size()), room.data() + out_at));
    fuzz::require(std::ranges::equal(ByteSpan(room).subspan(out_at, expected.size()), expected));
    fuzz::require(aead.open(key, nonce, ByteSpan(room).subspan(out_at, expected.size()), room.data() + in_at));
    fuzz::require(std::ranges::equal(ByteSpan(room).subspan(in_at, plain.size()), plain));
    // The input itself as something sealed: both must agree on whether it is.
    Bytes theirs(plain.size());
    const bool good = crypto_aead_chacha20poly1305_ietf_decrypt(theirs.data(), nullptr, nullptr, plain.data(), plain.size(),
                                                                nullptr, 0, nonce.data(), key.data()) == 0;
    Bytes ours(plain.size());
    fuzz::require(aead.open(key, nonce, plain, ours.data()) == good);
    return 0;
}
