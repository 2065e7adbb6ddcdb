#include "worker/shared_facts.hpp"

#include <algorithm>
#include <span>
#include <string>

namespace cepa::worker {
namespace {

template <class Array>
std::string to_string(const Array& bytes)
{
    return {bytes.begin(), bytes.end()};
}

std::optional<tunnel::Candidate> candidate_from_proto(const proto::Candidate& from)
{
    const auto key = tunnel::PublicKey::parse(as_bytes(from.public_key()));
    const auto address = endpoint_from_proto(from.address());
    if (!key || !address || from.flags() > 0xffff) return std::nullopt;
    return tunnel::Candidate{*key, *address, static_cast<tunnel::PeerFlags>(from.flags()), from.connectable()};
}

} // namespace

std::optional<Endpoint> endpoint_from_proto(const proto::IpEndpoint& from)
{
    const std::string& ip = from.ip();
    if ((ip.size() != 4 && ip.size() != 16) || from.port() > 0xffff) return std::nullopt;
    Endpoint out;
    out.ip.v6 = ip.size() == 16;
    out.port = static_cast<std::uint16_t>(from.port());
    std::ranges::copy(as_bytes(ip), out.ip.bytes.begin());
    return out;
}

proto::IpEndpoint endpoint_to_proto(const Endpoint& from)
{
    proto::IpEndpoint out;
    out.set_ip(from.ip.bytes.data(), from.ip.v6 ? 16 : 4);
    out.set_port(from.port);
    return out;
}

std::optional<tunnel::Guard> guard_from_proto(const proto::Guard& from)
{
    const auto key = tunnel::PublicKey::parse(as_bytes(from.public_key()));
    const auto address = endpoint_from_proto(from.address());
    if (!key || !address) return std::nullopt;
    return tunnel::Guard{*key,           *address, from.chosen_unix_s(), from.for_exits(), from.second_hop(),
                         from.kept_until_unix_s()};
}

proto::Guard guard_to_proto(const tunnel::Guard& from)
{
    proto::Guard out;
    out.set_public_key(to_string(from.key.encode()));
    *out.mutable_address() = endpoint_to_proto(from.address);
    out.set_chosen_unix_s(from.chosen_unix_s);
    out.set_for_exits(from.for_exits);
    out.set_second_hop(from.second_hop);
    out.set_kept_until_unix_s(from.kept_until_unix_s);
    return out;
}

SharedFacts facts_from_proto(const proto::Share& from)
{
    SharedFacts out;
    for (int i = 0; i < std::min(from.candidates_size(), kMaxCandidates); ++i)
        if (auto candidate = candidate_from_proto(from.candidates(i))) out.candidates.push_back(std::move(*candidate));
    for (const proto::IpEndpoint& own : from.own_addresses())
        if (const auto endpoint = endpoint_from_proto(own)) out.own_addresses.push_back(*endpoint);
    for (const proto::Guard& kept : from.guards())
        if (const auto guard = guard_from_proto(kept)) out.guards.push_back(*guard);
    if (proto::Translation_IsValid(from.translation()))
        out.reach.translation = static_cast<tunnel::Translation>(from.translation());
    out.reach.strangers_get_in = from.strangers_get_in();
    return out;
}

proto::Share facts_to_proto(const SharedFacts& from, std::uint64_t version)
{
    constexpr std::size_t kMost = kMaxCandidates;
    proto::Share out;
    out.set_version(version);
    for (const tunnel::Candidate& c : std::span(from.candidates).first(std::min(from.candidates.size(), kMost))) {
        proto::Candidate& added = *out.add_candidates();
        added.set_public_key(to_string(c.key.encode()));
        *added.mutable_address() = endpoint_to_proto(c.address);
        added.set_flags(c.flags);
        added.set_connectable(c.connectable);
    }
    for (const Endpoint& own :
         std::span(from.own_addresses).first(std::min(from.own_addresses.size(), kMaxOwnAddresses)))
        *out.add_own_addresses() = endpoint_to_proto(own);
    for (const tunnel::Guard& guard : from.guards)
        *out.add_guards() = guard_to_proto(guard);
    out.set_translation(static_cast<proto::Translation>(from.reach.translation));
    out.set_strangers_get_in(from.reach.strangers_get_in);
    return out;
}

} // namespace cepa::worker
