// Input: a message of hidden services, id first; id 0 stands for a RendezvousInfo.
#include "fuzz/fuzz.hpp"

#include "tunnel/cell/hidden_payloads.hpp"

#include <algorithm>

using namespace cepa;
using namespace cepa::tunnel;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size == 0) return 0;
    const ByteSpan body = ByteSpan(data, std::min(size, kMaxPacket)).subspan(1);
    switch (static_cast<MessageId>(data[0])) {
    case MessageId::cell: return fuzz::round_trip<RendezvousInfo>(body), 0;
    case MessageId::establish_intro: return fuzz::round_trip<EstablishIntro>(body), 0;
    case MessageId::intro_established: return fuzz::round_trip<IntroEstablished>(body), 0;
    case MessageId::establish_rendezvous: return fuzz::round_trip<EstablishRendezvous>(body), 0;
    case MessageId::rendezvous_established: return fuzz::round_trip<RendezvousEstablished>(body), 0;
    case MessageId::create_e2e: return fuzz::round_trip<CreateE2e>(body), 0;
    case MessageId::created_e2e: return fuzz::round_trip<CreatedE2e>(body), 0;
    case MessageId::link_e2e: return fuzz::round_trip<LinkE2e>(body), 0;
    case MessageId::linked_e2e: return fuzz::round_trip<LinkedE2e>(body), 0;
    case MessageId::peers_request: return fuzz::round_trip<PeersRequest>(body), 0;
    case MessageId::peers_response: return fuzz::round_trip<PeersResponse>(body), 0;
    default: return 0;
    }
}
