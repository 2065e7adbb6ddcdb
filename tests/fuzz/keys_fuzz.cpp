#include "fuzz/fuzz.hpp"

#include "tunnel/crypto/keys.hpp"

#include <algorithm>

using namespace cepa;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const ByteSpan input(data, size);
    if (const auto key = tunnel::PublicKey::parse(input)) {
        fuzz::require(std::ranges::equal(key->encode(), input));
        static_cast<void>(key->mid());
        static_cast<void>(key->verify(input, input.last(tunnel::kSignatureSize))); // points that are none, too
    }
    if (const auto key = tunnel::PrivateKey::parse(input)) {
        fuzz::require(std::ranges::equal(key->encode(), input));
        fuzz::require(key->public_key().verify(input, key->sign(input)));
    }
    return 0;
}
