#include "main/worker_settings.hpp"

#include <algorithm>

namespace cepa::main {
namespace {

/// A neighbour's circuits and a destination's datagrams do not spread evenly over many workers: an exact part would
/// refuse honest ones.
constexpr std::uint32_t kFewestJoined = 32;
constexpr std::uint32_t kLeastDestinationRate = 512 * 1024;

template <class Number>
Number part(Number limit, std::uint32_t workers) noexcept
{
    return limit == 0 ? 0 : std::max<Number>(1, limit / workers);
}

std::uint32_t part_of_at_least(std::uint32_t limit, std::uint32_t workers, std::uint32_t least) noexcept
{
    return std::max(part(limit, workers), std::min(limit, least));
}

} // namespace

proto::NodeSettings settings_of_one(const proto::NodeSettings& node, std::uint32_t workers, std::uint64_t moved_bytes)
{
    proto::NodeSettings one = node;
    one.set_relay_rate_bytes_per_s(part(node.relay_rate_bytes_per_s(), workers));
    one.set_exit_rate_bytes_per_s(part(node.exit_rate_bytes_per_s(), workers));
    one.set_exit_destination_rate_bytes_per_s(
        part_of_at_least(node.exit_destination_rate_bytes_per_s(), workers, kLeastDestinationRate));
    one.set_max_joined_circuits(part_of_at_least(node.max_joined_circuits(), workers, kFewestJoined));
    one.set_workers(workers);
    if (node.month_bytes() == 0) return one;
    const std::uint64_t used = node.month_bytes_used() + moved_bytes;
    const std::uint64_t left = node.month_bytes() - std::min(used, node.month_bytes());
    one.set_month_bytes_used(used);
    one.set_month_bytes(std::max<std::uint64_t>(1, used + left / workers));
    return one;
}

proto::Limits limits_of_one(const proto::NodeSettings& node, std::uint32_t workers, std::uint64_t moved_bytes)
{
    const proto::NodeSettings one = settings_of_one(node, workers, moved_bytes);
    proto::Limits out;
    out.set_relay_rate_bytes_per_s(one.relay_rate_bytes_per_s());
    out.set_exit_rate_bytes_per_s(one.exit_rate_bytes_per_s());
    out.set_max_joined_circuits(one.max_joined_circuits());
    if (one.month_bytes() != 0) out.set_month_bytes_left(one.month_bytes() - one.month_bytes_used());
    return out;
}

bool serves_others(const proto::NodeSettings& node) noexcept
{
    return node.relay() || node.exit_bittorrent() || node.exit_ipv8();
}

} // namespace cepa::main
