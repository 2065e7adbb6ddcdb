#include "tunnel/circuit/circuit_builder.hpp"

#include "tunnel/crypto/random.hpp"

#include <algorithm>

namespace cepa::tunnel {

namespace {

using namespace std::chrono_literals;

/// One way there and back.
constexpr Duration kPerFirstHop = 4s;
/// As long as a relay waits for the next one, and longer than it takes to find that in the DHT (8 s).
constexpr Duration kPerHop = 10s;
constexpr Duration kInTotal = 60s;

constexpr BuildStep kWaiting{};
constexpr BuildStep kReady{BuildStep::Kind::ready, {}};
constexpr BuildStep failed(std::string_view why) noexcept
{
    return {BuildStep::Kind::failed, why};
}

} // namespace

CircuitBuilder::CircuitBuilder(Circuit& circuit, Path path, Tools tools, TimePoint now, PathWish wish)
    : circuit_(circuit), path_(std::move(path)), wish_(std::move(wish)), tools_(tools), give_up_(now + kInTotal),
      moved_(now)
{
}

// The second hop of a path for hidden services is kept for long, and its last one is where somebody else will be.
bool CircuitBuilder::is_fixed(std::size_t at) const noexcept
{
    return wish_.purpose != CircuitPurpose::data && (at == 1 || at + 1 == path_.size());
}

// A stranger named it: what comes of it says nothing about that node.
bool CircuitBuilder::is_required(std::size_t at) const noexcept
{
    return wish_.last && at + 1 == path_.size();
}

void CircuitBuilder::start(TimePoint now)
{
    send_create(now);
}

// Every message has its own identifier and ephemeral key, so that its answer is known by them.
const CircuitBuilder::Asked& CircuitBuilder::prepare_message(TimePoint now)
{
    const auto in_use = [&](std::uint16_t identifier) {
        return std::ranges::find(asked_, identifier, &Asked::identifier) != asked_.end();
    };
    ++messages_;
    std::uint16_t identifier = random_u16(tools_.random);
    while (in_use(identifier))
        identifier = random_u16(tools_.random);
    retry_ = std::min(now + (position() == 0 ? kPerFirstHop : kPerHop), give_up_);
    return asked_.emplace_back(identifier, EphemeralKey::generate(tools_.random));
}

// Without relay_early, like the create of a relay: nothing tells the first hop that the path begins with us.
void CircuitBuilder::send_create(TimePoint now)
{
    forget_messages(); // they went to others
    const Asked& asked = prepare_message(now);
    circuit_.set_first_address(path_[0].address);
    tools_.sender.send_plain(path_[0].address, circuit_.id(),
                             Create{asked.identifier, circuit_.node_key().public_key(), asked.ephemeral.public_key});
}

bool CircuitBuilder::offered(const PublicKey& key) const
{
    return std::ranges::count(offered_, key) > 0;
}

bool CircuitBuilder::reachable_by_address(const Candidate& candidate) const
{
    if (has(candidate.flags, PeerFlag::exit_bittorrent)) return true;
    return candidate.connectable && !tools_.source.is_unreachable(candidate.key);
}

// The planned hop may be behind a NAT that the last hop cannot pass. Nobody says so, and most relays would never be
// used if we only took those that we know: so now and then its address is tried, at the price of the circuit. Else
// another is drawn from those known to be reachable from anywhere, and not from the offered list, which would let a
// hostile hop choose. When there is none, the planned hop is tried all the same.
void CircuitBuilder::settle_next_hop()
{
    const std::size_t at = position();
    probing_ = false;
    if (is_fixed(at)) return;
    if (offered(path_[at].key) || reachable_by_address(path_[at])) return;
    const bool risk = tools_.source.may_probe() && !tools_.source.is_unreachable(path_[at].key);
    probing_ = true;
    if (risk) return;
    const auto other = tools_.selection.choose_other(
        path_, at, silent_, [this](const Candidate& c) { return reachable_by_address(c); }, tools_.source.candidates(),
        tools_.source.loads(), tools_.source.now_unix_s());
    if (!other) return;
    path_[at] = *other;
    probing_ = false;
}

bool CircuitBuilder::send_extend(TimePoint now)
{
    if (asked_.empty()) settle_next_hop();
    const Asked& asked = prepare_message(now);
    const Candidate& next = path_[position()];
    by_address_ = !offered(next.key);
    MessageRoom room;
    PacketBuffer message =
        room.write(
            Extend{asked.identifier, next.key, asked.ephemeral.public_key, by_address_ ? next.address : Endpoint{}});
    if (!circuit_.wrap(tools_.aead, message)) return false;
    circuit_.bytes_up += message.size();
    tools_.sender.send_now(circuit_.first_address(), message, {circuit_.id(), false, true});
    return true;
}

BuildStep CircuitBuilder::on_created(const Created& answer, TimePoint now)
{
    if (position() != 0) return kWaiting;
    return on_answer(answer.identifier, answer.ephemeral, answer.auth, answer.candidates_enc, now);
}

BuildStep CircuitBuilder::on_extended(const Extended& answer, TimePoint now)
{
    if (position() == 0) return kWaiting;
    return on_answer(answer.identifier, answer.ephemeral, answer.auth, answer.candidates_enc, now);
}

BuildStep CircuitBuilder::on_answer(std::uint16_t identifier, const KeyBytes& ephemeral, const HandshakeAuth& auth,
                                    ByteSpan candidates_enc, TimePoint now)
{
    const auto asked = std::ranges::find(asked_, identifier, &Asked::identifier);
    if (asked == asked_.end()) return kWaiting;
    const Candidate& next = path_[position()];
    Result<SessionKeys> keys = finish_handshake(asked->ephemeral, next.key.x25519, ephemeral, auth);
    if (!keys) return failed("handshake wrong");
    if (position() > 0 && by_address_ && !is_required(position())) tools_.source.connectable(next.key);
    Layer layer = Layer::initiator(std::move(*keys));
    offered_.clear();
    read_offer(layer, candidates_enc);
    circuit_.add_hop({next.key, next.address, next.flags, std::move(layer)});
    forget_messages();
    moved_ = now;
    return advance(now);
}

BuildStep CircuitBuilder::advance(TimePoint now)
{
    if (circuit_.state() == CircuitState::ready) return kReady;
    if (messages_ >= kMostMessages) return failed("too many attempts");
    return send_extend(now) ? kWaiting : failed("cannot seal");
}

// The list is only a hint, so an unreadable one is an empty one.
void CircuitBuilder::read_offer(const Layer& layer, ByteSpan candidates_enc)
{
    const Result<Bytes> list = layer.open_offer(tools_.aead, candidates_enc);
    if (!list) return;
    const std::optional<Offer> offer = Offer::parse(*list);
    if (!offer) return;
    offered_ = offer->relays;
    offered_.insert(offered_.end(), offer->exits.begin(), offer->exits.end());
}

bool CircuitBuilder::replan()
{
    silent_.push_back(path_[0].key);
    PathSource& source = tools_.source;
    tools_.selection.guards().on_create(path_[0].key, false, source.now_unix_s());
    const auto other = tools_.selection.choose_other_first(wish_, path_, silent_, source.candidates(), source.loads(),
                                                           source.now_unix_s());
    if (other) path_[0] = *other;
    return other.has_value();
}

BuildStep CircuitBuilder::ask_again(TimePoint now)
{
    if (position() == 0) {
        if (!replan()) return failed("no other candidate");
        send_create(now);
        return kWaiting;
    }
    if (!probing_ && asked_.size() < kMostForHop) return send_extend(now) ? kWaiting : failed("cannot seal");
    if (by_address_ && wish_.purpose == CircuitPurpose::data) tools_.source.unreachable(path_[position()].key);
    return failed("a hop was silent");
}

BuildStep CircuitBuilder::tick(TimePoint now)
{
    if (now < retry_) return kWaiting;
    if (now >= give_up_) return failed("timed out");
    if (messages_ >= kMostMessages) return failed("too many attempts");
    return ask_again(now);
}

} // namespace cepa::tunnel
