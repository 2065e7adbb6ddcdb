// Input: a message of a cell, id first.
#include "fuzz/fuzz.hpp"

#include "support/packet.hpp"
#include "tunnel/cell/payloads.hpp"

#include <algorithm>

using namespace cepa;
using namespace cepa::tunnel;

namespace {

void data_in_place(ByteSpan body)
{
    const auto parsed = Data::parse(body);
    if (!parsed) return;
    fuzz::require(parsed->payload.data() + parsed->payload.size() == body.data() + body.size());
    test::OwnedPacket packet(parsed->payload);
    if (prepend_data_header(packet.buffer(), parsed->destination, parsed->origin))
        fuzz::require(std::ranges::equal(packet.bytes().subspan(1), fuzz::encoded(*parsed)));
    else
        fuzz::require(std::ranges::equal(packet.bytes(), parsed->payload));
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size == 0) return 0;
    const ByteSpan body = ByteSpan(data, std::min(size, kMaxPacket)).subspan(1);
    switch (static_cast<MessageId>(data[0])) {
    case MessageId::data: fuzz::round_trip<Data>(body); return data_in_place(body), 0;
    case MessageId::create: return fuzz::round_trip<Create>(body), 0;
    case MessageId::created: return fuzz::round_trip<Created>(body), 0;
    case MessageId::extend: return fuzz::round_trip<Extend>(body), 0;
    case MessageId::extended: return fuzz::round_trip<Extended>(body), 0;
    case MessageId::ping: return fuzz::round_trip<Ping>(body), 0;
    case MessageId::pong: return fuzz::round_trip<Pong>(body), 0;
    case MessageId::test_request: return fuzz::round_trip<TestRequest>(body), 0;
    case MessageId::test_response: return fuzz::round_trip<TestResponse>(body), 0;
    case MessageId::native_test_request: return fuzz::round_trip<NativeTestRequest>(body), 0;
    case MessageId::native_test_response: return fuzz::round_trip<NativeTestResponse>(body), 0;
    case MessageId::http_request: return fuzz::round_trip<HttpRequest>(body), 0;
    case MessageId::http_response: return fuzz::round_trip<HttpResponse>(body), 0;
    default: return 0;
    }
}
