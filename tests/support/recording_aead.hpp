// For test binaries that link recording_aead.cpp: an Aead in place of tunnel/crypto/cipher.cpp that remembers what was
// sealed, so that no (key, counter) pair of the whole process is ever sealed twice unnoticed. Made of libsodium's AEAD,
// so it also checks ours. The product knows nothing of it.
#pragma once

#include <cstddef>

namespace cepa::test {

struct SealRecord {
    /// Messages sealed since the last clear().
    [[nodiscard]] static std::size_t sealed();
    /// Of those, with a pair of key and nonce that had been used before.
    [[nodiscard]] static std::size_t sealed_twice();
    static void clear();
};

} // namespace cepa::test
