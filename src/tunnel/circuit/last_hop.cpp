#include "tunnel/circuit/last_hop.hpp"

#include "tunnel/circuit/joined_reply.hpp"

#include <algorithm>

namespace cepa::tunnel {

namespace {

/// No answer to a test is more than this many times its request, or we would be an amplifier.
constexpr std::size_t kMostTestGain = 8;
constexpr std::size_t kMostTestBytes = 1300;

} // namespace

bool LastHop::on_cell(JoinedCircuit& circuit, const Endpoint& source, const CellHeader& header, PacketBuffer& packet,
                      TimePoint now)
{
    Counters& counters = tools_.counters;
    const auto dropped = [&](Drop why) {
        counters.drop(why);
        return false;
    };
    if (header.plaintext) return dropped(Drop::refused_cell);
    if (!circuit.may_come_from(source)) return dropped(Drop::wrong_source);
    packet.strip_front(kCellHeaderSize);
    const Result<Opened> opened = circuit.layer.open(tools_.aead, packet);
    if (!opened) return dropped(Drop::bad_tag);
    if (!circuit.window.accept(*opened)) return dropped(Drop::replayed);
    circuit.previous.port = source.port; // authentic, so the neighbour's port may have moved
    if (now - circuit.last_activity > std::chrono::seconds(1) || circuit.last_activity == circuit.created)
        tools_.joining.prove(source, now);
    circuit.last_activity = now;
    if (check_cell(header, packet.bytes()) != CellCheck::accepted) {
        counters.drop(Drop::refused_cell);
        return true;
    }
    dispatch(circuit, packet, now);
    return true;
}

void LastHop::dispatch(JoinedCircuit& circuit, PacketBuffer& message, TimePoint now)
{
    const ByteSpan body = ByteSpan(message.bytes()).subspan(1);
    switch (static_cast<MessageId>(message.bytes()[0])) {
    case MessageId::data:
        return tools_.exits.on_data(circuit, message, now);
    case MessageId::extend:
        return tools_.joining.on_extend(circuit, body, now);
    case MessageId::ping:
        if (const auto ping = Ping::parse(body))
            send_reply(circuit, Pong{ping->identifier}, tools_.aead, tools_.sender);
        return;
    case MessageId::test_request:
        return answer_test<TestResponse>(circuit, TestRequest::parse(body), message.size(), now);
    case MessageId::native_test_request:
        return answer_test<NativeTestResponse>(circuit, NativeTestRequest::parse(body), message.size(), now);
    default:
        dispatch_hidden(circuit, static_cast<MessageId>(message.bytes()[0]), body, now);
    }
}

void LastHop::dispatch_hidden(JoinedCircuit& circuit, MessageId id, ByteSpan body, TimePoint now)
{
    const auto act = [&](const auto& request, auto&& on_request) {
        if (!request) return tools_.counters.drop(Drop::malformed);
        if constexpr (requires { request->lookup_hash; }) tools_.lookup_hash(request->lookup_hash);
        if (tools_.hidden == nullptr) return tools_.counters.drop(Drop::unknown_message);
        on_request(*tools_.hidden, *request);
    };
    switch (id) {
    case MessageId::establish_intro:
        return act(EstablishIntro::parse(body),
                   [&](HiddenRequests& to, const auto& request) { to.on_establish_intro(circuit, request, now); });
    case MessageId::peers_request:
        return act(PeersRequest::parse(body),
                   [&](HiddenRequests& to, const auto& request) { to.on_peers_request(circuit, request, now); });
    case MessageId::establish_rendezvous:
        return act(EstablishRendezvous::parse(body),
                   [&](HiddenRequests& to, const auto& request) { to.on_establish_rendezvous(circuit, request); });
    case MessageId::link_e2e:
        return act(LinkE2e::parse(body),
                   [&](HiddenRequests& to, const auto& request) { to.on_link_e2e(circuit, request, now); });
    default:
        tools_.counters.drop(Drop::unknown_message);
    }
}

template <class Response, class Request>
void LastHop::answer_test(JoinedCircuit& circuit, const std::optional<Request>& request, std::size_t request_size,
                          TimePoint now)
{
    if (!request) return tools_.counters.drop(Drop::malformed);
    const std::size_t size =
        std::min({std::size_t{request->response_size}, request_size * kMostTestGain, kMostTestBytes});
    if (!tools_.rate.pass(size, now) || !tools_.budget.spend(size)) return tools_.counters.drop(Drop::test_refused);
    std::array<std::uint8_t, kMostTestBytes> bytes;
    tools_.random.fill(MutableByteSpan(bytes).first(size));
    send_reply(circuit, Response{request->identifier, ByteSpan(bytes).first(size)}, tools_.aead, tools_.sender);
}

} // namespace cepa::tunnel
