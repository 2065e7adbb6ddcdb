// A value that must not reach a log: prints as [redacted] at info level and above, whatever it holds.
// Process: all. Used for peers' addresses, info hashes, paths and names of torrents. Keys never get this far.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

namespace cepa {

class Sensitive {
public:
    explicit Sensitive(std::string text) : text_(std::move(text)) {}
    /// The value itself, for a log line below info level or for the user's own terminal.
    [[nodiscard]] const std::string& reveal() const noexcept { return text_; }

private:
    std::string text_;
};

} // namespace cepa

template <>
struct fmt::formatter<cepa::Sensitive> : fmt::formatter<std::string_view> {
    template <class Context>
    auto format(const cepa::Sensitive&, Context& context) const
    {
        return fmt::formatter<std::string_view>::format("[redacted]", context);
    }
};
