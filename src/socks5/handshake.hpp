// The server's side of the conversation that opens a SOCKS5 connection, from the greeting to the request. It owns no
// socket and no clock: bytes in, bytes to send and the next step out. Policy is injected.
// Process: main, io thread. Spec: RFC 1928 sections 3, 4, 6; RFC 1929.
//
//   greeting --no-auth--> request --UDP ASSOCIATE--> associate (the owner opens the relay and sends the reply)
//       \--login--> login --granted--^   \--any other command, bad address type--> answered here, failed
//        \--nothing acceptable--> answered, failed
#pragma once

#include "socks5/datagram_sink.hpp"
#include "socks5/message.hpp"

#include "base/bytes.hpp"

#include <array>
#include <functional>
#include <optional>
#include <string_view>

namespace cepa::socks5 {

/// The route of a user, or nullopt to refuse the login.
using LoginCheck = std::function<std::optional<Route>(std::string_view user, std::string_view password)>;

/// Who may use a listener, and by which route.
struct ListenerPolicy {
    /// For clients that do not log in; nullopt: they must.
    std::optional<Route> route = {};
    /// Empty: a login is never asked for, and one that a client offers beside "none" is not used.
    LoginCheck login = {};
};

class Handshake {
public:
    enum class Step : std::uint8_t {
        more,      ///< send what there is, then wait for the client
        associate, ///< an acceptable UDP ASSOCIATE: route() and client() are valid; the owner replies
        failed,    ///< send what there is, then close
    };

    /// `policy` must outlive the handshake.
    explicit Handshake(const ListenerPolicy& policy) noexcept : policy_(policy) {}

    /// Takes what the client sent, in pieces of any size, and appends what is to be sent to `to_send`. After
    /// `associate` or `failed` nothing more is taken. Never keeps more than one message of the client.
    [[nodiscard]] Step on_bytes(ByteSpan received, Bytes& to_send);

    [[nodiscard]] const Route& route() const noexcept { return route_; }
    /// The endpoint that the client announced to send its datagrams from. An unspecified address or a zero port means
    /// that it did not say; a host name counts as not said.
    [[nodiscard]] const Endpoint& client() const noexcept { return client_; }

private:
    enum class State : std::uint8_t { greeting, login, request, associate, failed };
    /// Handles the message at the start of the buffer; false when more bytes are needed.
    bool advance(Bytes& to_send);
    bool on_greeting(Bytes& to_send);
    bool on_login(Bytes& to_send);
    bool on_request(Bytes& to_send);
    void choose(const Greeting& greeting, Bytes& to_send);
    void refuse(ReplyCode code, Bytes& to_send);
    void consume(std::size_t count) noexcept;
    [[nodiscard]] ByteSpan buffered() const noexcept { return ByteSpan(buffer_).first(used_); }

    const ListenerPolicy& policy_;
    State state_ = State::greeting;
    std::array<std::uint8_t, kMaxLogin> buffer_{}; // the longest of the three messages
    std::size_t used_ = 0;
    Route route_;
    Endpoint client_;
};

} // namespace cepa::socks5
