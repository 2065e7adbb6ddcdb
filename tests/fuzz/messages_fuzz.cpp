// Input: message id, body.
#include "fuzz/fuzz.hpp"

#include "tunnel/discovery/messages.hpp"

using namespace cepa;
using namespace cepa::tunnel;

namespace {

template <class Message>
int styled(Style style, ByteSpan body)
{
    fuzz::round_trip(body, [style](ByteSpan bytes) { return Message::parse(style, bytes); });
    return 0;
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size == 0) return 0;
    const ByteSpan body = ByteSpan(data, size).subspan(1);
    static_cast<void>(parse_flags(body));
    switch (data[0]) {
    case discovery_id::kIntroductionRequest: return styled<IntroductionRequest>(Style::old_style, body);
    case discovery_id::kIntroductionRequestNew: return styled<IntroductionRequest>(Style::new_style, body);
    case discovery_id::kIntroductionResponse: return styled<IntroductionResponse>(Style::old_style, body);
    case discovery_id::kIntroductionResponseNew: return styled<IntroductionResponse>(Style::new_style, body);
    case discovery_id::kPunctureRequest: return styled<PunctureRequest>(Style::old_style, body);
    case discovery_id::kPunctureRequestNew: return styled<PunctureRequest>(Style::new_style, body);
    case discovery_id::kPuncture: return styled<Puncture>(Style::old_style, body);
    case discovery_id::kPunctureNew: return styled<Puncture>(Style::new_style, body);
    case discovery_id::kSimilarityRequest: return fuzz::round_trip<SimilarityRequest>(body), 0;
    case discovery_id::kSimilarityResponse: return fuzz::round_trip<SimilarityResponse>(body), 0;
    case discovery_id::kPing: return fuzz::round_trip<DiscoveryPing>(body), 0;
    case static_cast<std::uint8_t>(MessageId::destroy): return fuzz::round_trip<Destroy>(body), 0;
    default: return 0;
    }
}
