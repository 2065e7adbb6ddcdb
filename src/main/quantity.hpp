// Quantities as people write them in settings and on the command line: "30s", "16MiB", "5MB/s".
// Process: main. Pure functions.
#pragma once

#include "base/clock.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cepa::main {

/// A number of bytes: digits, at most one decimal point, and one of B, kB, MB, GB, TB (powers of 1000), KiB, MiB,
/// GiB, TiB (powers of 1024); without a unit bytes are meant. nullopt for anything else, negative or too large.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);

/// As parse_size(), and "/s" may follow.
[[nodiscard]] std::optional<std::uint64_t> parse_rate(std::string_view text);

/// A span of time: digits, at most one decimal point, and one of ms, s, min, h, d. The unit is needed. nullopt for
/// anything else, negative or beyond 100 years.
[[nodiscard]] std::optional<Duration> parse_duration(std::string_view text);

/// "1.5 GiB", "12.0 MiB", "512 B": at most one decimal, for people.
[[nodiscard]] std::string format_size(std::uint64_t bytes);
/// "12.0 MiB/s".
[[nodiscard]] std::string format_rate(double bytes_per_s);
/// "1h 02min", "3min 20s", "4.2s": the two largest units, for people.
[[nodiscard]] std::string format_duration(double seconds);
[[nodiscard]] inline std::string format_duration(Duration duration)
{
    return format_duration(in_seconds(duration));
}

} // namespace cepa::main
