// The log: one event, one line of key=value on stderr. The only global of the program.
// Levels: error = someone must act, and the line says how; warn = degraded, and for whom; info = rare, for the user;
// debug and trace = for us. Nothing an outsider can trigger at will stands above debug. Never keys or payload; peers'
// addresses, info hashes and paths only below info, through Sensitive. Process: all; thread-safe.
#pragma once

#include "base/sensitive.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace cepa::log {

enum class Level : std::uint8_t { trace, debug, info, warn, error };

/// One key=value of a line.
struct Field {
    std::string_view key;
    std::string value;
    bool sensitive = false;
};

/// `field("took_ms", 820)`. Text with spaces is quoted when the line is written.
template <class T>
[[nodiscard]] Field field(std::string_view key, const T& value)
{
    return {key, fmt::format("{}", value), false};
}

/// On a line below info the value is shown, from info on it is redacted: the line's level decides, not the caller.
[[nodiscard]] inline Field field(std::string_view key, const Sensitive& value)
{
    return {key, value.reveal(), true};
}

[[nodiscard]] bool enabled(Level level) noexcept;
void set_level(Level level) noexcept;
/// Accepts trace, debug, info, warn, error; nullopt otherwise.
[[nodiscard]] std::optional<Level> parse_level(std::string_view name) noexcept;
/// Writes a line that a worker wrote on its stderr: in our own form its level is kept, and the text follows `source`.
/// What is not in our form comes from no log call (an assertion, the system's libraries) and is a warning.
void forward(std::string_view source, std::string_view line);
void write(Level level, std::string_view event, std::initializer_list<Field> fields);

inline void error(std::string_view event, std::initializer_list<Field> fields = {})
{
    write(Level::error, event, fields);
}
inline void warn(std::string_view event, std::initializer_list<Field> fields = {})
{
    write(Level::warn, event, fields);
}
inline void info(std::string_view event, std::initializer_list<Field> fields = {})
{
    write(Level::info, event, fields);
}
inline void debug(std::string_view event, std::initializer_list<Field> fields = {})
{
    if (enabled(Level::debug)) write(Level::debug, event, fields);
}

} // namespace cepa::log
