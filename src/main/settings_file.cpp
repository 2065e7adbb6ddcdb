#include "main/settings_file.hpp"

#include "main/user_error.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>

namespace cepa::main {
namespace {

constexpr std::uintmax_t kLargestFile = 1 << 20;

std::string at(std::string_view name, const toml::node& node)
{
    return fmt::format("{}:{}", name, node.source().begin.line);
}

/// The value as it would be written, for messages.
std::string shown(const toml::node& node)
{
    std::ostringstream out;
    node.visit([&](const auto& value) { out << value; });
    return out.str();
}

/// The value as texts, when its type is the one that the key wants.
std::optional<std::vector<std::string>> texts(const SettingKey& key, const toml::node& node)
{
    const auto text = [&] { return node.value_exact<std::string>(); };
    const auto number = [&] { return node.value_exact<std::int64_t>(); };
    switch (key.kind) {
    case SettingKind::flag:
        if (const auto value = node.value_exact<bool>()) return std::vector<std::string>{*value ? "true" : "false"};
        return std::nullopt;
    case SettingKind::number:
        if (const auto value = number()) return std::vector{std::to_string(*value)};
        return std::nullopt;
    case SettingKind::text: // sizes without a unit and worker counts are numbers, containment is mostly a flag
        if (const auto value = text()) return std::vector{*value};
        if (const auto value = node.value_exact<bool>()) return std::vector<std::string>{*value ? "true" : "false"};
        if (const auto value = number()) return std::vector{std::to_string(*value)};
        return std::nullopt;
    case SettingKind::list: {
        const toml::array* array = node.as_array();
        if (array == nullptr) return std::nullopt;
        std::vector<std::string> out;
        for (const toml::node& item : *array) {
            const auto value = item.value_exact<std::string>();
            if (!value) return std::nullopt;
            out.push_back(*value);
        }
        return out;
    }
    }
    return std::nullopt;
}

void apply_table(Settings& settings, const toml::table& table, const std::string& prefix, std::string_view name)
{
    for (const auto& [name_of_key, node] : table) {
        const std::string path = prefix + std::string(name_of_key.str());
        const bool section =
            std::ranges::any_of(setting_keys(), [&](const SettingKey& k) { return k.path.starts_with(path + "."); });
        if (section && node.is_table()) {
            apply_table(settings, *node.as_table(), path + ".", name);
            continue;
        }
        const SettingKey* key = find_setting(path);
        if (key == nullptr) {
            const std::string_view near = similar_setting(path);
            throw Misuse(fmt::format("{}: unknown {} {}{}", at(name, node),
                                     section || node.is_table() ? "section" : "key", path,
                                     near.empty() ? std::string() : fmt::format("; did you mean {}?", near)));
        }
        const auto values = texts(*key, node);
        if (!values || !key->apply(settings, *values)) {
            const char* wrapped = key->kind == SettingKind::list ? "an array of " : "";
            throw Misuse(
                fmt::format("{}: {} = {}: expected {}{}", at(name, node), path, shown(node), wrapped, key->expects));
        }
    }
}

} // namespace

void apply_settings_text(Settings& settings, std::string_view text, std::string_view name)
{
    toml::table table;
    try {
        table = toml::parse(text, name);
    } catch (const toml::parse_error& error) {
        throw Misuse(fmt::format("{}:{}: {}", name, error.source().begin.line, error.description()));
    }
    apply_table(settings, table, "", name);
}

void apply_settings_file(Settings& settings, const std::filesystem::path& file, bool required)
{
    std::error_code ignored;
    if (!required && !std::filesystem::exists(file, ignored)) return;
    if (std::filesystem::is_directory(file, ignored))
        throw Misuse(fmt::format("settings file {}: is a folder, not a settings file", file.string()));
    std::ifstream in(file, std::ios::binary);
    const auto size = std::filesystem::file_size(file, ignored);
    if (!in || ignored)
        throw Misuse(fmt::format("settings file {}: {}", file.string(), std::strerror(errno != 0 ? errno : ENOENT)));
    if (size > kLargestFile) throw Misuse(fmt::format("settings file {}: larger than 1 MiB", file.string()));
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    apply_settings_text(settings, text, file.string());
}

} // namespace cepa::main
