// settings: the table of everything that can be set, for people and for programs.
#include "main/commands/commands.hpp"
#include "main/user_error.hpp"

#include <fmt/format.h>

namespace cepa::main {
namespace {

const char* type_of(SettingKind kind) noexcept
{
    switch (kind) {
    case SettingKind::flag:
        return "true or false";
    case SettingKind::number:
        return "number";
    case SettingKind::list:
        return "list";
    case SettingKind::text:
        break;
    }
    return "text";
}

} // namespace

int settings_command(Console& console)
{
    Json all = Json::array();
    for (const SettingKey& key : setting_keys()) {
        const bool list = key.kind == SettingKind::list;
        const auto shown = !key.fallback.empty() ? fmt::format(" = {}", key.fallback) : list ? " = []" : "";
        console.line(fmt::format("{}{}\n    {}\n    expected: {}; {}", key.path, shown, key.what, key.expects,
                                 environment_name(key.path)));
        all.push_back({{"key", key.path},
                       {"type", type_of(key.kind)},
                       {"default", key.fallback},
                       {"meaning", key.what},
                       {"expected", key.expects},
                       {"environment", environment_name(key.path)}});
    }
    console.result({{"settings", std::move(all)}});
    return kDone;
}

} // namespace cepa::main
