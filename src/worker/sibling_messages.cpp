#include "worker/sibling_messages.hpp"

#include "worker/shared_facts.hpp"

#include <algorithm>
#include <string.h> // explicit_bzero
#include <utility>

namespace cepa::worker {
namespace {

/// An error of register_introduction that says more than no.
constexpr const char* kNobodyReachesUs = "nobody reaches us";

} // namespace

std::optional<tunnel::LookupHash> hash_from_proto(const std::string& from)
{
    tunnel::LookupHash out{};
    if (from.size() != out.size()) return std::nullopt;
    std::ranges::copy(as_bytes(from), out.begin());
    return out;
}

std::string text_of(const tunnel::LookupHash& from)
{
    return {from.begin(), from.end()};
}

std::optional<tunnel::PublicKey> key_from_proto(const std::string& from)
{
    return tunnel::PublicKey::parse(as_bytes(from));
}

std::string text_of(const tunnel::PublicKey& from)
{
    const tunnel::EncodedKey encoded = from.encode();
    return {encoded.begin(), encoded.end()};
}

std::optional<tunnel::Introduction> introduction_from_proto(const proto::Introduction& from)
{
    const auto hash = hash_from_proto(from.lookup_hash());
    const auto key = key_from_proto(from.swarm_key());
    if (!hash || !key) return std::nullopt;
    return tunnel::Introduction{*hash, *key, CircuitId(from.circuit_id())};
}

proto::Introduction introduction_to_proto(const tunnel::Introduction& from)
{
    proto::Introduction out;
    out.set_lookup_hash(text_of(from.lookup_hash));
    out.set_swarm_key(text_of(from.swarm_key));
    out.set_circuit_id(from.circuit.value);
    return out;
}

tunnel::Registration registration_from_proto(const proto::Answer& from)
{
    return from.error() == kNobodyReachesUs ? tunnel::Registration::nobody_reaches_us()
                                            : tunnel::Registration(from.error().empty());
}

proto::Answer registration_to_proto(const tunnel::Registration& from)
{
    proto::Answer out;
    if (!from) out.set_error(from.unreachable ? kNobodyReachesUs : "taken");
    return out;
}

std::optional<tunnel::LinkHalf> half_from_proto(const proto::LinkHalf& from)
{
    const auto neighbour = endpoint_from_proto(from.neighbour());
    tunnel::KeyBytes key{};
    tunnel::Salt salt{};
    if (!neighbour || from.key().size() != key.size() || from.salt().size() != salt.size()) return std::nullopt;
    std::ranges::copy(as_bytes(from.key()), key.begin());
    std::ranges::copy(as_bytes(from.salt()), salt.begin());
    tunnel::LinkHalf out{CircuitId(from.circuit_id()), *neighbour,
                         tunnel::SealingRight(tunnel::SecretBytes(key), salt, from.next_counter(), from.left())};
    ::explicit_bzero(key.data(), key.size());
    return out;
}

proto::LinkHalf half_to_proto(tunnel::LinkHalf from)
{
    proto::LinkHalf out;
    out.set_circuit_id(from.circuit.value);
    *out.mutable_neighbour() = endpoint_to_proto(from.neighbour);
    const tunnel::SealingRight right = std::move(from.seal);
    out.set_key(right.key.data(), right.key.span().size());
    out.set_salt(right.salt.data(), right.salt.size());
    out.set_next_counter(right.next_counter);
    out.set_left(right.left);
    return out;
}

std::vector<tunnel::PeersResponse::Peer> found_from_proto(const proto::Answer& from)
{
    std::vector<tunnel::PeersResponse::Peer> out;
    for (const proto::FoundIntroduction& found : from.introductions()) {
        const auto address = endpoint_from_proto(found.address());
        const auto key = key_from_proto(found.public_key());
        const auto swarm_key = key_from_proto(found.swarm_key());
        if (!address || !key || !swarm_key || found.source() > 0xff || out.size() >= kMostFound) continue;
        out.push_back({*address, *key, *swarm_key, static_cast<std::uint8_t>(found.source())});
    }
    return out;
}

void found_to_proto(const std::vector<tunnel::PeersResponse::Peer>& from, proto::Answer& to)
{
    for (const tunnel::PeersResponse::Peer& peer : from) {
        if (static_cast<std::size_t>(to.introductions_size()) >= kMostFound) return;
        proto::FoundIntroduction& found = *to.add_introductions();
        *found.mutable_address() = endpoint_to_proto(peer.address);
        found.set_public_key(text_of(peer.key));
        found.set_swarm_key(text_of(peer.swarm_key));
        found.set_source(peer.source);
    }
}

} // namespace cepa::worker
