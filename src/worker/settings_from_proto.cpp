#include "worker/settings_from_proto.hpp"

#include "worker/shared_facts.hpp"

#include <algorithm>
#include <chrono>

namespace cepa::worker {
namespace {

using tunnel::TunnelSettings;
constexpr std::uint32_t kFewestCircuitsPerDestination = 8;

using Failure = std::unexpected<std::string>;

std::string conflict(const proto::NodeSettings& from)
{
    if (from.overlay_id().size() != std::tuple_size_v<tunnel::OverlayId>) return "overlay_id must have 20 bytes";
    if (from.public_network() && from.allow_loopback()) return "allow_loopback needs a private overlay";
    if (from.public_network() && from.allow_equal_prefixes()) return "allow_equal_prefixes needs a private overlay";
    return {};
}

std::string take_endpoints(const proto::NodeSettings& from, TunnelSettings& to)
{
    for (const proto::IpEndpoint& peer : from.walk_to()) {
        const auto endpoint = endpoint_from_proto(peer);
        if (!endpoint) return "walk_to holds a malformed address";
        to.walk_to.push_back(*endpoint);
    }
    for (const proto::BootstrapServer& server : from.bootstrap()) {
        const auto endpoint = endpoint_from_proto(server.address());
        if (!endpoint) return "bootstrap holds a malformed address";
        to.bootstrap.push_back(*endpoint);
    }
    return {};
}

std::string take_keys(const proto::NodeSettings& from, TunnelSettings& to)
{
    for (const std::string& member : from.family()) {
        const auto key = tunnel::PublicKey::parse(as_bytes(member));
        if (!key) return "family holds a malformed key";
        to.family.push_back(*key);
    }
    for (const proto::Guard& kept : from.guards()) {
        // Main keeps them for another run of ours: a bad one must not keep this run from starting.
        if (const auto guard = guard_from_proto(kept)) to.guards.push_back(*guard);
    }
    // Guards are kept for days, which no clock since boot counts across restarts. Read once; nothing else is measured
    // on it.
    using namespace std::chrono;
    to.start_unix_s = duration_cast<seconds>(system_clock::now().time_since_epoch()).count();
    return {};
}

void take_limits(const proto::NodeSettings& from, TunnelSettings& to)
{
    to.relay_rate_bytes_per_s = from.relay_rate_bytes_per_s();
    to.exit_rate_bytes_per_s = from.exit_rate_bytes_per_s();
    to.exit_destination_rate_bytes_per_s = from.exit_destination_rate_bytes_per_s();
    if (from.month_bytes() != 0)
        to.month_bytes_left = from.month_bytes() - std::min(from.month_bytes(), from.month_bytes_used());
    // 0 was never written: the deployed network's figure stays.
    if (from.exit_fan_out_per_min() != 0) to.exit_fan_out_per_min = from.exit_fan_out_per_min();
    if (from.workers() != 0) {
        // A destination's and a guard's share of this worker. Few circuits spread unevenly: below some there is no part.
        to.workers = from.workers();
        to.exit_circuits_per_destination =
            std::max(to.exit_circuits_per_destination / to.workers, kFewestCircuitsPerDestination);
    }
    to.exit_refused_ports.clear();
    for (const std::uint32_t port : from.exit_refused_ports())
        if (port <= 0xffff) to.exit_refused_ports.push_back(static_cast<std::uint16_t>(port));
    if (from.max_joined_circuits() != 0) to.max_joined_circuits = from.max_joined_circuits();
}

void take_roles(const proto::NodeSettings& from, TunnelSettings& to)
{
    to.public_network = from.public_network();
    to.relay = from.relay();
    to.exit_bittorrent = from.exit_bittorrent();
    to.exit_ipv8 = from.exit_ipv8();
    to.allow_loopback = from.allow_loopback();
    to.allow_equal_prefixes = from.allow_equal_prefixes();
    to.resolve_names = from.resolve_names();
}

std::string take_identity(const proto::Create& create, TunnelSettings& to)
{
    const bool needed = to.discover || to.relay || to.exit_bittorrent || to.exit_ipv8;
    if (!needed && !create.identity_key().empty()) return "a client's worker must not get the identity key";
    if (needed) to.identity = tunnel::PrivateKey::parse(as_bytes(create.identity_key()));
    if (needed && !to.identity) return "identity_key is missing or malformed";
    const auto key = tunnel::PublicKey::parse(as_bytes(create.identity_public()));
    if (!key) return "identity_public is malformed";
    to.identity_public = *key;
    return !needed || to.identity->public_key() == *key ? ""
                                                        : "identity_key and identity_public do not belong together";
}

} // namespace

std::expected<TunnelSettings, std::string> settings_from_proto(const proto::Create& create)
{
    const proto::NodeSettings& from = create.settings();
    if (std::string error = conflict(from); !error.empty()) return Failure(std::move(error));
    const auto listen = endpoint_from_proto(create.listen());
    if (!listen) return Failure("listen is malformed");
    TunnelSettings to;
    std::ranges::copy(as_bytes(from.overlay_id()), to.overlay.begin());
    to.listen = *listen;
    to.discover = create.worker_id() == 0;
    take_roles(from, to);
    take_limits(from, to);
    if (std::string error = take_endpoints(from, to); !error.empty()) return Failure(std::move(error));
    if (std::string error = take_keys(from, to); !error.empty()) return Failure(std::move(error));
    if (std::string error = take_identity(create, to); !error.empty()) return Failure(std::move(error));
    return to;
}

tunnel::TunnelLimits limits_from_proto(const proto::Limits& limits)
{
    tunnel::TunnelLimits out;
    out.relay_rate_bytes_per_s = limits.relay_rate_bytes_per_s();
    out.exit_rate_bytes_per_s = limits.exit_rate_bytes_per_s();
    if (limits.has_month_bytes_left()) out.month_bytes_left = limits.month_bytes_left();
    // 0 was never written, as in the settings.
    out.max_joined_circuits =
        limits.max_joined_circuits() != 0 ? limits.max_joined_circuits() : TunnelSettings().max_joined_circuits;
    return out;
}

} // namespace cepa::worker
