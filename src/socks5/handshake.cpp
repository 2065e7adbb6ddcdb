#include "socks5/handshake.hpp"

#include <algorithm>
#include <cstring>

namespace cepa::socks5 {
namespace {

template <std::size_t N>
void append(Bytes& to_send, const std::array<std::uint8_t, N>& message)
{
    to_send.insert(to_send.end(), message.begin(), message.end());
}

} // namespace

Handshake::Step Handshake::on_bytes(ByteSpan received, Bytes& to_send)
{
    while (state_ != State::associate && state_ != State::failed) {
        const std::size_t taken = std::min(received.size(), buffer_.size() - used_);
        if (taken > 0) std::memcpy(buffer_.data() + used_, received.data(), taken);
        used_ += taken;
        received = received.subspan(taken);
        if (!advance(to_send)) return Step::more;
    }
    return state_ == State::associate ? Step::associate : Step::failed;
}

bool Handshake::advance(Bytes& to_send)
{
    switch (state_) {
    case State::greeting: return on_greeting(to_send);
    case State::login: return on_login(to_send);
    case State::request: return on_request(to_send);
    case State::associate:
    case State::failed: break;
    }
    return true;
}

bool Handshake::on_greeting(Bytes& to_send)
{
    Greeting greeting;
    const Parse parsed = parse_greeting(buffered(), greeting);
    if (parsed == Parse::incomplete) return false;
    if (parsed != Parse::complete) {
        state_ = State::failed; // another protocol (SOCKS4, HTTP): no answer of ours would be understood
        return true;
    }
    choose(greeting, to_send);
    consume(greeting.size);
    return true;
}

/// A login wins over "none" where there is a check for it: it can name another route.
void Handshake::choose(const Greeting& greeting, Bytes& to_send)
{
    if (greeting.offers_login && policy_.login) {
        append(to_send, encode_choice(Method::login));
        state_ = State::login;
    } else if (greeting.offers_none && policy_.route) {
        append(to_send, encode_choice(Method::no_authentication));
        route_ = *policy_.route;
        state_ = State::request;
    } else {
        append(to_send, encode_choice(Method::none_acceptable));
        state_ = State::failed;
    }
}

bool Handshake::on_login(Bytes& to_send)
{
    Login login;
    const Parse parsed = parse_login(buffered(), login);
    if (parsed == Parse::incomplete) return false;
    const auto route = parsed == Parse::complete ? policy_.login(login.user, login.password) : std::nullopt;
    append(to_send, encode_verdict(route.has_value()));
    if (!route) {
        state_ = State::failed;
        return true;
    }
    route_ = *route;
    state_ = State::request;
    consume(login.size);
    return true;
}

bool Handshake::on_request(Bytes& to_send)
{
    Request request;
    switch (parse_request(buffered(), request)) {
    case Parse::incomplete: return false;
    case Parse::bad_version: state_ = State::failed; return true;
    case Parse::malformed: refuse(ReplyCode::general_failure, to_send); return true;
    case Parse::bad_address_type: refuse(ReplyCode::address_type_not_supported, to_send); return true;
    case Parse::complete: break;
    }
    if (request.command != static_cast<std::uint8_t>(Command::udp_associate)) {
        refuse(ReplyCode::command_not_supported, to_send);
        return true;
    }
    client_ = request.address.endpoint;
    consume(request.size);
    state_ = State::associate;
    return true;
}

void Handshake::refuse(ReplyCode code, Bytes& to_send)
{
    append(to_send, encode_reply(code, {}));
    state_ = State::failed;
}

void Handshake::consume(std::size_t count) noexcept
{
    std::memmove(buffer_.data(), buffer_.data() + count, used_ - count);
    used_ -= count;
}

} // namespace cepa::socks5
