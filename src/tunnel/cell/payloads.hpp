// One struct and codec per message of a circuit's life: data, building, pings, tests, HTTP. A body is what follows the
// message id; the circuit id is in the cell's header. parse() returns nullopt for anything malformed and tolerates
// trailing bytes; spans in a parsed message point into the parsed bytes. write() appends the body; write_message() the
// id and the body; check the writer's ok() afterwards.
// Process: worker, io thread. Spec: docs/protocol.md, section 12. Hidden services: cell/hidden_payloads.hpp.
#pragma once

#include "tunnel/cell/cell.hpp"
#include "tunnel/crypto/handshake.hpp"
#include "tunnel/crypto/keys.hpp"

#include "base/address.hpp"
#include "base/packet_buffer.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace cepa::tunnel {

/// User data. From the originator: to `destination`, origin null. From the exit: destination null, from `origin`.
struct Data {
    static constexpr MessageId kId = MessageId::data;
    Address destination;
    Address origin;
    ByteSpan payload;

    [[nodiscard]] static std::optional<Data> parse(ByteSpan body);
    void write(Writer& writer) const noexcept;
};

/// Makes a data message (id included) of `payload`, in place. False when the headroom is too small for the addresses;
/// `payload` is then unchanged.
[[nodiscard]] bool prepend_data_header(PacketBuffer& payload, const Address& destination, const Address& origin) noexcept;

struct Create {
    static constexpr MessageId kId = MessageId::create;
    std::uint16_t identifier = 0;
    PublicKey node_key;
    KeyBytes ephemeral{}; ///< X

    [[nodiscard]] static std::optional<Create> parse(ByteSpan body) noexcept;
    void write(Writer& writer) const noexcept;
};

/// The answer to create (Created) and to extend (Extended).
template <MessageId Id>
struct CreatedBody {
    static constexpr MessageId kId = Id;
    std::uint16_t identifier = 0;
    KeyBytes ephemeral{}; ///< Y
    HandshakeAuth auth{};
    ByteSpan candidates_enc;

    [[nodiscard]] static std::optional<CreatedBody> parse(ByteSpan body) noexcept;
    void write(Writer& writer) const noexcept;
};
using Created = CreatedBody<MessageId::created>;
using Extended = CreatedBody<MessageId::extended>;

struct Extend {
    static constexpr MessageId kId = MessageId::extend;
    std::uint16_t identifier = 0;
    PublicKey node_key;
    KeyBytes ephemeral{}; ///< X
    Endpoint address;     ///< null: "from your list"

    [[nodiscard]] static std::optional<Extend> parse(ByteSpan body) noexcept;
    void write(Writer& writer) const noexcept;
};

/// A message that is nothing but an identifier.
template <MessageId Id>
struct IdentifierBody {
    static constexpr MessageId kId = Id;
    std::uint16_t identifier = 0;

    [[nodiscard]] static std::optional<IdentifierBody> parse(ByteSpan body) noexcept
    {
        Reader reader(body);
        const IdentifierBody out{reader.u16()};
        return reader.ok() ? std::optional(out) : std::nullopt;
    }
    void write(Writer& writer) const noexcept { writer.u16(identifier); }
};
using Ping = IdentifierBody<MessageId::ping>;
using Pong = IdentifierBody<MessageId::pong>;

struct TestRequest {
    static constexpr MessageId kId = MessageId::test_request;
    std::uint16_t identifier = 0;
    std::uint16_t response_size = 0;
    ByteSpan data;

    [[nodiscard]] static std::optional<TestRequest> parse(ByteSpan body) noexcept;
    void write(Writer& writer) const noexcept;
};
struct TestResponse {
    static constexpr MessageId kId = MessageId::test_response;
    std::uint16_t identifier = 0;
    ByteSpan data;

    [[nodiscard]] static std::optional<TestResponse> parse(ByteSpan body) noexcept;
    void write(Writer& writer) const noexcept;
};
/// The same test in the deployed native engine's form, with a wider identifier.
struct NativeTestRequest {
    static constexpr MessageId kId = MessageId::native_test_request;
    std::uint32_t identifier = 0;
    std::uint16_t response_size = 0;
    ByteSpan data;

    [[nodiscard]] static std::optional<NativeTestRequest> parse(ByteSpan body) noexcept;
    void write(Writer& writer) const noexcept;
};
struct NativeTestResponse {
    static constexpr MessageId kId = MessageId::native_test_response;
    std::uint32_t identifier = 0;
    ByteSpan data;

    [[nodiscard]] static std::optional<NativeTestResponse> parse(ByteSpan body) noexcept;
    void write(Writer& writer) const noexcept;
};

struct HttpRequest {
    static constexpr MessageId kId = MessageId::http_request;
    std::uint32_t identifier = 0;
    Address target;
    ByteSpan request;

    [[nodiscard]] static std::optional<HttpRequest> parse(ByteSpan body);
    void write(Writer& writer) const noexcept;
};
struct HttpResponse {
    static constexpr MessageId kId = MessageId::http_response;
    std::uint32_t identifier = 0;
    std::uint16_t part = 0; ///< from 0
    std::uint16_t total = 0;
    ByteSpan response;

    [[nodiscard]] static std::optional<HttpResponse> parse(ByteSpan body) noexcept;
    void write(Writer& writer) const noexcept;
};

/// Message id and body.
template <class Message>
void write_message(Writer& writer, const Message& message) noexcept
{
    writer.u8(static_cast<std::uint8_t>(Message::kId));
    message.write(writer);
}

/// What a responder offers as next hops (the plaintext of candidates_enc): relays, then exits.
struct Offer {
    std::vector<PublicKey> relays;
    std::vector<PublicKey> exits;

    /// Understands the list of older nodes too (relays only). Entries that are no node key of ours are left out.
    /// Nullopt when the list is cut short.
    [[nodiscard]] static std::optional<Offer> parse(ByteSpan list);
    /// The first exit comes twice, which separates it from the relays. No key may occur twice in the whole offer, and
    /// there may be 254 of them.
    [[nodiscard]] Bytes encode() const;
};

} // namespace cepa::tunnel
