#include "main/quantity.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace cepa::main {
namespace {

struct Number {
    double value;
    std::string_view unit;
};

std::string_view trimmed(std::string_view text) noexcept
{
    while (!text.empty() && text.front() == ' ')
        text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ')
        text.remove_suffix(1);
    return text;
}

/// Splits "1.5 GiB" into the number and the unit. from_chars would also take "inf", "nan" and exponents, so the
/// characters are checked first.
std::optional<Number> split(std::string_view text)
{
    text = trimmed(text);
    const std::size_t end = std::min(text.find_first_not_of("0123456789."), text.size());
    if (end == 0 || end > 24) return std::nullopt;
    double value = 0;
    const auto [last, error] = std::from_chars(text.data(), text.data() + end, value, std::chars_format::fixed);
    if (error != std::errc{} || last != text.data() + end) return std::nullopt;
    return Number{value, trimmed(text.substr(end))};
}

constexpr std::array<std::pair<std::string_view, double>, 10> kSizeUnits{{
    {"", 1.0},
    {"B", 1.0},
    {"kB", 1e3},
    {"MB", 1e6},
    {"GB", 1e9},
    {"TB", 1e12},
    {"KiB", 1024.0},
    {"MiB", 1024.0 * 1024},
    {"GiB", 1024.0 * 1024 * 1024},
    {"TiB", 1024.0 * 1024 * 1024 * 1024},
}};

constexpr std::array<std::pair<std::string_view, double>, 5> kTimeUnits{{
    {"ms", 1e-3},
    {"s", 1.0},
    {"min", 60.0},
    {"h", 3600.0},
    {"d", 86400.0},
}};

template <std::size_t N>
std::optional<double> scaled(std::string_view text, const std::array<std::pair<std::string_view, double>, N>& units)
{
    const auto number = split(text);
    if (!number) return std::nullopt;
    for (const auto& [unit, factor] : units)
        if (number->unit == unit) return number->value * factor;
    return std::nullopt;
}

} // namespace

std::optional<std::uint64_t> parse_size(std::string_view text)
{
    const auto bytes = scaled(text, kSizeUnits);
    // 2^63: what file sizes and libtorrent can hold.
    if (!bytes || *bytes >= 9223372036854775808.0) return std::nullopt;
    return static_cast<std::uint64_t>(std::llround(*bytes));
}

std::optional<std::uint64_t> parse_rate(std::string_view text)
{
    text = trimmed(text);
    if (text.ends_with("/s")) text.remove_suffix(2);
    return parse_size(text);
}

std::optional<Duration> parse_duration(std::string_view text)
{
    const auto seconds = scaled(text, kTimeUnits);
    if (!seconds || *seconds > 100.0 * 365 * 86400) return std::nullopt;
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(*seconds));
}

std::string format_size(std::uint64_t bytes)
{
    constexpr std::array<const char*, 4> kUnits{"KiB", "MiB", "GiB", "TiB"};
    if (bytes < 1024) return fmt::format("{} B", bytes);
    double value = static_cast<double>(bytes) / 1024;
    std::size_t unit = 0;
    while (value >= 1023.95 && unit + 1 < kUnits.size()) {
        value /= 1024;
        ++unit;
    }
    return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string format_rate(double bytes_per_s)
{
    return format_size(bytes_per_s > 0 ? static_cast<std::uint64_t>(bytes_per_s) : 0) + "/s";
}

std::string format_duration(double seconds)
{
    seconds = std::max(0.0, seconds);
    if (seconds < 59.95) return fmt::format("{:.1f}s", seconds);
    const auto whole = static_cast<std::uint64_t>(std::llround(seconds));
    if (whole < 3600) return fmt::format("{}min {:02}s", whole / 60, whole % 60);
    if (whole < 86400) return fmt::format("{}h {:02}min", whole / 3600, whole % 3600 / 60);
    return fmt::format("{}d {:02}h", whole / 86400, whole % 86400 / 3600);
}

} // namespace cepa::main
