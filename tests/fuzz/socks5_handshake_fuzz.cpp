// The stream side of SOCKS5: whatever a client sends, in one piece or byte by byte, the server says and does the same.
#include "fuzz/fuzz.hpp"

#include "socks5/handshake.hpp"

#include <algorithm>

namespace {

using namespace cepa;
using namespace cepa::socks5;

struct Outcome {
    Handshake::Step step = Handshake::Step::more;
    Bytes sent;
    Endpoint client;
    friend bool operator==(const Outcome&, const Outcome&) = default;
};

ListenerPolicy policy(bool anonymous, bool login)
{
    ListenerPolicy out;
    if (anonymous) out.route = Route{3, GroupId(1)};
    if (login)
        out.login = [](std::string_view user, std::string_view password) -> std::optional<Route> {
            fuzz::require(user.size() <= 255 && password.size() <= 255);
            if (password.empty()) return std::nullopt;
            return Route{1, GroupId(static_cast<std::uint32_t>(user.size()))};
        };
    return out;
}

Outcome talk(const ListenerPolicy& rules, ByteSpan said, std::size_t piece)
{
    Outcome out;
    Handshake handshake(rules);
    for (std::size_t at = 0; at < said.size() && out.step == Handshake::Step::more; at += piece)
        out.step = handshake.on_bytes(said.subspan(at, std::min(piece, said.size() - at)), out.sent);
    if (out.step == Handshake::Step::associate) out.client = handshake.client();
    return out;
}

void messages(ByteSpan stream)
{
    Greeting greeting;
    if (parse_greeting(stream, greeting) == Parse::complete) fuzz::require(greeting.size <= stream.size());
    else if (stream.size() >= kMaxGreeting) fuzz::require(parse_greeting(stream, greeting) != Parse::incomplete);
    Login login;
    if (parse_login(stream, login) == Parse::complete) fuzz::require(login.size <= stream.size());
    else if (stream.size() >= kMaxLogin) fuzz::require(parse_login(stream, login) != Parse::incomplete);
    Request request;
    if (parse_request(stream, request) == Parse::complete) fuzz::require(request.size <= stream.size());
    else if (stream.size() >= kMaxRequest) fuzz::require(parse_request(stream, request) != Parse::incomplete);
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size == 0) return 0;
    const ByteSpan said = ByteSpan(data, size).subspan(1);
    messages(said);
    const ListenerPolicy rules = policy((data[0] & 1U) != 0, (data[0] & 2U) != 0);
    const Outcome whole = talk(rules, said, std::max<std::size_t>(said.size(), 1));
    fuzz::require(talk(rules, said, 1) == whole);
    fuzz::require(talk(rules, said, 1U + (data[0] >> 2U)) == whole);
    fuzz::require(whole.sent.size() <= 14); // choice, verdict, one reply
    return 0;
}
