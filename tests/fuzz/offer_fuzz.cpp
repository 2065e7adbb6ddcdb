// Input: the list of candidates that a hop offers. It comes from the hop, so it may name anybody, and twice.
#include "fuzz/fuzz.hpp"

#include "tunnel/cell/payloads.hpp"

#include <set>

using namespace cepa;
using namespace cepa::tunnel;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto offer = Offer::parse(ByteSpan(data, size));
    if (!offer) return 0;
    fuzz::require(offer->relays.size() + offer->exits.size() <= 255);
    std::set<PublicKey> keys(offer->relays.begin(), offer->relays.end());
    keys.insert(offer->exits.begin(), offer->exits.end());
    if (keys.size() != offer->relays.size() + offer->exits.size()) return 0; // encode() wants distinct keys
    if (keys.size() > 254) return 0;
    const auto again = Offer::parse(offer->encode());
    fuzz::require(again && again->relays == offer->relays && again->exits == offer->exits);
    return 0;
}
