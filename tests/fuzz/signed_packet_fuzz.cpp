// Input: a packet as it arrives, and as the body of a packet of our own.
#include "fuzz/fuzz.hpp"

#include "tunnel/discovery/messages.hpp"
#include "tunnel/discovery/signed_packet.hpp"

#include <algorithm>

using namespace cepa;
using namespace cepa::tunnel;

namespace {

void of_a_stranger(ByteSpan packet)
{
    for (const TimeField time : {TimeField::absent, TimeField::present}) {
        static_cast<void>(open_signed(packet, time));
        const auto opened = open_unsigned(packet, time);
        if (!opened) continue;
        Prefix prefix;
        std::ranges::copy(packet.first(kPrefixSize), prefix.begin());
        const auto global_time = time == TimeField::present ? std::optional(opened->global_time) : std::nullopt;
        fuzz::require(std::ranges::equal(build_unsigned(prefix, opened->message_id, global_time, opened->body), packet));
    }
    if (const auto answer = parse_server_response(packet)) fuzz::require(answer->response.extra.empty());
    if (const auto prefix = parse_beacon(packet)) fuzz::require(std::ranges::equal(encode_beacon(*prefix), packet));
}

void of_ours(const PrivateKey& key, ByteSpan body)
{
    const Bytes packet = build_signed(Prefix{}, 245, key, 7, body);
    const auto opened = open_signed(packet, TimeField::present);
    fuzz::require(opened && opened->key == key.public_key() && opened->global_time == 7 &&
                  std::ranges::equal(opened->body, body));
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    static const PrivateKey key = PrivateKey::generate();
    const ByteSpan input(data, size);
    of_a_stranger(input);
    if (size % 16 == 0) of_ours(key, input); // signing is slow
    return 0;
}
