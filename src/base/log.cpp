#include "base/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <memory>
#include <utility>

namespace cepa::log {
namespace {

constexpr std::array<std::pair<std::string_view, spdlog::level::level_enum>, 5> kLevels{{
    {"trace", spdlog::level::trace},
    {"debug", spdlog::level::debug},
    {"info", spdlog::level::info},
    {"warn", spdlog::level::warn},
    {"error", spdlog::level::err},
}};

spdlog::level::level_enum spdlog_level(Level level) noexcept
{
    return kLevels[static_cast<std::size_t>(level)].second;
}

spdlog::logger& logger()
{
    static const std::shared_ptr<spdlog::logger> instance = [] {
        auto made = std::make_shared<spdlog::logger>("cepa", std::make_shared<spdlog::sinks::stderr_sink_mt>());
        made->set_pattern("%Y-%m-%dT%H:%M:%S.%e %l %v");
        made->set_level(spdlog::level::info);
        made->flush_on(spdlog::level::trace);
        return made;
    }();
    return *instance;
}

struct LoggedLine {
    spdlog::level::level_enum level;
    std::string_view text;
};

/// Takes a line apart that the pattern above made: time, level, text.
LoggedLine read_line(std::string_view line) noexcept
{
    constexpr std::size_t kTime = std::string_view("2026-11-20T11:23:45.678 ").size();
    const LoggedLine foreign{spdlog::level::warn, line};
    if (line.size() <= kTime || line[10] != 'T' || line[kTime - 1] != ' ') return foreign;
    const std::string_view rest = line.substr(kTime);
    for (const auto& [name, level] : kLevels) {
        const auto written = spdlog::level::to_string_view(level);
        const std::string_view word(written.data(), written.size());
        if (rest.starts_with(word) && rest.substr(word.size()).starts_with(' '))
            return {level, rest.substr(word.size() + 1)};
    }
    return foreign;
}

bool needs_quotes(std::string_view value) noexcept
{
    return value.empty() || value.find_first_of(" \"=\n\t") != std::string_view::npos;
}

void append_quoted(std::string& line, std::string_view value)
{
    line += '"';
    for (const char c : value) {
        const bool control = static_cast<unsigned char>(c) < 0x20;
        if (c == '"' || c == '\\') line += '\\';
        line += control ? ' ' : c; // a line break inside a value would forge a line
    }
    line += '"';
}

} // namespace

bool enabled(Level level) noexcept
{
    return logger().should_log(spdlog_level(level));
}

void set_level(Level level) noexcept
{
    logger().set_level(spdlog_level(level));
}

std::optional<Level> parse_level(std::string_view name) noexcept
{
    for (std::size_t i = 0; i < kLevels.size(); ++i)
        if (kLevels[i].first == name) return static_cast<Level>(i);
    return std::nullopt;
}

void forward(std::string_view source, std::string_view line)
{
    const LoggedLine read = read_line(line);
    logger().log(read.level, "{} {}", source, read.text);
}

void write(Level level, std::string_view event, std::initializer_list<Field> fields)
{
    if (!enabled(level)) return;
    std::string line(event);
    for (const Field& f : fields) {
        line += ' ';
        line += f.key;
        line += '=';
        if (f.sensitive && level >= Level::info)
            line += "[redacted]";
        else if (needs_quotes(f.value))
            append_quoted(line, f.value);
        else
            line += f.value;
    }
    logger().log(spdlog_level(level), "{}", line);
}

} // namespace cepa::log
