// Input: message id, body; id 0 stands for a stored value, id 255 for an introduction point's record.
#include "fuzz/fuzz.hpp"

#include "tunnel/discovery/dht_messages.hpp"

#include <algorithm>

using namespace cepa;
using namespace cepa::tunnel;

namespace {

int value(ByteSpan bytes)
{
    const auto parsed = DhtValue::parse(bytes);
    if (parsed && !parsed->signer) fuzz::require(std::ranges::equal(DhtValue::encode_unsigned(parsed->data), bytes));
    return 0;
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size == 0) return 0;
    const ByteSpan body = ByteSpan(data, size).subspan(1);
    switch (data[0]) {
    case 0: return value(body);
    case dht_id::kPingRequest:
    case dht_id::kPingResponse:
    case dht_id::kStoreResponse:
    case dht_id::kStorePeerResponse: return fuzz::round_trip<DhtPlain>(body), 0;
    case dht_id::kStoreRequest: return fuzz::round_trip<DhtStoreRequest>(body), 0;
    case dht_id::kFindRequest: return fuzz::round_trip<DhtFindRequest>(body), 0;
    case dht_id::kFindResponse: return fuzz::round_trip<DhtFindResponse>(body), 0;
    case dht_id::kStorePeerRequest: return fuzz::round_trip<DhtStorePeerRequest>(body), 0;
    case dht_id::kConnectPeerRequest: return fuzz::round_trip<DhtConnectPeerRequest>(body), 0;
    case dht_id::kConnectPeerResponse: return fuzz::round_trip<DhtConnectPeerResponse>(body), 0;
    case 255: return fuzz::round_trip<IntroductionPointRecord>(body), 0;
    default: return 0;
    }
}
