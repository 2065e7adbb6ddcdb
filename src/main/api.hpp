// The requests that a running node answers, as a table of methods: one JSON object in, one out. It knows no transport,
// so the control socket of today and an HTTP listener of later use the same handlers.
//   request   {"id": any, "method": "list", "params": {...}}      params may be left out
//   answer    {"id": same, "result": {...}}  or  {"id": same, "error": {"message": "...", "misuse": true|false}}
// Process: main, io thread.
#pragma once

#include <nlohmann/json.hpp>

#include <expected>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace cepa::main {

using Json = nlohmann::json;

/// What a handler could not do, for the user. `misuse`: the request was wrong (exit status 2), not the world.
struct ApiError {
    std::string message;
    bool misuse = false;
};

class Api {
public:
    /// To be called exactly once, now or later.
    using Respond = std::function<void(std::expected<Json, ApiError>)>;
    /// `params` is an object. It is only valid during the call.
    using Handler = std::function<void(const Json& params, Respond respond)>;

    /// Needs a new name.
    void add(std::string method, Handler handler);

    /// Answers one request line; `done` gets the line of the answer, without a line break. Never throws: whatever is
    /// wrong with the request is an answer too.
    void handle(std::string_view line, std::function<void(std::string)> done) const;

private:
    std::map<std::string, Handler, std::less<>> handlers_;
};

// Reading parameters: each throws ApiError that names the parameter and what would be right.

/// The text `name`; `fallback` when it is absent and a fallback is given.
[[nodiscard]] std::string text_param(const Json& params, const char* name);
[[nodiscard]] std::string text_param(const Json& params, const char* name, std::string fallback);
/// A whole number from `low` to `high`.
[[nodiscard]] std::uint64_t number_param(const Json& params, const char* name, std::uint64_t low, std::uint64_t high,
                                         std::uint64_t fallback);
[[nodiscard]] bool flag_param(const Json& params, const char* name, bool fallback);
/// An array of texts, at most `limit`; empty when absent.
[[nodiscard]] std::vector<std::string> texts_param(const Json& params, const char* name, std::size_t limit);

} // namespace cepa::main
