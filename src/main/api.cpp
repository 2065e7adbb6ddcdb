#include "main/api.hpp"

#include <fmt/format.h>

#include <memory>
#include <stdexcept>
#include <utility>

namespace cepa::main {
namespace {

constexpr int kDeepest = 32;

/// Text from outside may hold bytes that are no UTF-8: they are replaced, never thrown over.
std::string to_line(const Json& json)
{
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string failure(const Json& id, const ApiError& error)
{
    return to_line({{"id", id}, {"error", {{"message", error.message}, {"misuse", error.misuse}}}});
}

/// nlohmann's parser recurses; deep nesting is refused before it can exhaust the stack.
bool too_deep(std::string_view line) noexcept
{
    int depth = 0;
    bool quoted = false;
    for (std::size_t i = 0; i < line.size(); ++i) {
        const char c = line[i];
        if (quoted) {
            if (c == '\\')
                ++i;
            else if (c == '"')
                quoted = false;
        } else if (c == '"')
            quoted = true;
        else if (c == '[' || c == '{') {
            if (++depth > kDeepest) return true;
        } else if (c == ']' || c == '}')
            --depth;
    }
    return false;
}

bool well_formed(const Json& request)
{
    if (!request.is_object() || !request.contains("method") || !request["method"].is_string()) return false;
    return !request.contains("params") || request["params"].is_object();
}

} // namespace

void Api::add(std::string method, Handler handler)
{
    if (!handlers_.emplace(std::move(method), std::move(handler)).second)
        throw std::logic_error("api: a method was added twice");
}

void Api::handle(std::string_view line, std::function<void(std::string)> done) const
{
    const Json request = too_deep(line) ? Json(Json::value_t::discarded) : Json::parse(line, nullptr, false);
    if (!well_formed(request))
        return done(
            failure(nullptr, {"not a request: expected {\"id\":...,\"method\":\"...\",\"params\":{...}}", true}));
    const Json id = request.contains("id") ? request["id"] : Json();
    const auto handler = handlers_.find(request["method"].get_ref<const std::string&>());
    if (handler == handlers_.end())
        return done(failure(id, {fmt::format("no such method: {}", request["method"].get<std::string>()), true}));

    const auto answered = std::make_shared<bool>(false); // shared with a handler that may answer and then throw
    const auto respond = [id, answered, done](std::expected<Json, ApiError> result) {
        if (std::exchange(*answered, true)) return;
        done(result ? to_line({{"id", id}, {"result", std::move(*result)}}) : failure(id, result.error()));
    };
    try {
        handler->second(request.contains("params") ? request["params"] : Json::object(), respond);
    } catch (const ApiError& error) {
        respond(std::unexpected(error));
    }
}

std::string text_param(const Json& params, const char* name)
{
    const auto found = params.find(name);
    if (found == params.end() || !found->is_string())
        throw ApiError{fmt::format("parameter {}: expected a text", name), true};
    return found->get<std::string>();
}

std::string text_param(const Json& params, const char* name, std::string fallback)
{
    return params.contains(name) ? text_param(params, name) : std::move(fallback);
}

std::uint64_t number_param(const Json& params, const char* name, std::uint64_t low, std::uint64_t high,
                           std::uint64_t fallback)
{
    const auto found = params.find(name);
    if (found == params.end()) return fallback;
    const bool right =
        found->is_number_unsigned() && found->get<std::uint64_t>() >= low && found->get<std::uint64_t>() <= high;
    if (!right)
        throw ApiError{fmt::format("parameter {}: expected a whole number from {} to {}", name, low, high), true};
    return found->get<std::uint64_t>();
}

bool flag_param(const Json& params, const char* name, bool fallback)
{
    const auto found = params.find(name);
    if (found == params.end()) return fallback;
    if (!found->is_boolean()) throw ApiError{fmt::format("parameter {}: expected true or false", name), true};
    return found->get<bool>();
}

std::vector<std::string> texts_param(const Json& params, const char* name, std::size_t limit)
{
    std::vector<std::string> out;
    const auto found = params.find(name);
    if (found == params.end()) return out;
    const ApiError wrong{fmt::format("parameter {}: expected an array of at most {} texts", name, limit), true};
    if (!found->is_array() || found->size() > limit) throw wrong;
    for (const Json& item : *found) {
        if (!item.is_string()) throw wrong;
        out.push_back(item.get<std::string>());
    }
    return out;
}

} // namespace cepa::main
