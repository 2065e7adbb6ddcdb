// Counts of one Tunnel: traffic, and what was dropped and why. Plain numbers in fixed places, so that the hot path can
// count without allocating. Process: worker, io thread.
#pragma once

#include "tunnel/tunnel.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cepa::tunnel {

/// Why something was dropped. Order is that of kDropNames.
enum class Drop : std::uint8_t {
    unknown_prefix,
    malformed,
    unknown_circuit,
    closing,
    wrong_source,
    bad_tag,
    replayed,
    refused_cell,
    early_limit,
    nonce_exhausted,
    too_large,
    no_role,
    create_id_in_use,
    create_flood,
    create_full,
    create_from_self,
    extend_refused,
    extend_unanswered,
    unexpected_answer,
    unknown_message,
    inner_packet,
    destroy_refused,
    relay_rate,
    month_limit,
    exit_filter,
    exit_destination,
    exit_name,
    exit_rate,
    exit_fan_out,
    exit_socket,
    test_refused,
    introduction_refused,
    introduction_flood,
    introduction_replayed,
    unknown_swarm,
    rendezvous_refused,
    link_refused,
    lookup_refused,
    count_,
};

inline constexpr std::array<std::string_view, static_cast<std::size_t>(Drop::count_)> kDropNames{
    "unknown_prefix",   "malformed",        "unknown_circuit",   "closing",           "wrong_source",
    "bad_tag",          "replayed",         "refused_cell",      "early_limit",       "nonce_exhausted",
    "too_large",        "no_role",          "create_id_in_use",  "create_flood",      "create_full",
    "create_from_self", "extend_refused",   "extend_unanswered", "unexpected_answer", "unknown_message",
    "inner_packet",     "destroy_refused",  "relay_rate",        "month_limit",       "exit_filter",
    "exit_destination", "exit_name",        "exit_rate",         "exit_fan_out",      "exit_socket",
    "test_refused",     "introduction_refused", "introduction_flood", "introduction_replayed", "unknown_swarm",
    "rendezvous_refused", "link_refused",   "lookup_refused"};

struct Counters {
    std::uint64_t cells_in = 0;
    std::uint64_t cells_out = 0;
    std::uint64_t packet_bytes_in = 0;
    std::uint64_t packet_bytes_out = 0;
    std::uint64_t data_bytes_up = 0;
    std::uint64_t data_bytes_down = 0;
    std::uint64_t relayed_bytes = 0;
    std::uint64_t exited_bytes = 0;
    std::array<std::uint64_t, static_cast<std::size_t>(Drop::count_)> drops{};

    void drop(Drop why) noexcept { ++drops[static_cast<std::size_t>(why)]; }
    [[nodiscard]] std::uint64_t dropped(Drop why) const noexcept { return drops[static_cast<std::size_t>(why)]; }

    /// The form for those who watch.
    [[nodiscard]] TunnelCounters view() const
    {
        TunnelCounters out{cells_in,       cells_out,       packet_bytes_in, packet_bytes_out, data_bytes_up,
                           data_bytes_down, relayed_bytes,   exited_bytes,    {}};
        for (std::size_t i = 0; i < drops.size(); ++i) {
            if (drops[i] != 0) out.drops[std::string(kDropNames[i])] = drops[i];
        }
        return out;
    }
};

} // namespace cepa::tunnel
