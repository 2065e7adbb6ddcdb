// Where a command speaks: results on stdout, everything else on stderr; with --json the last line on stdout is one JSON
// object. Process: main (a command's process).
#pragma once

#include "base/clock.hpp"
#include "main/api.hpp"
#include "main/progress_bar.hpp"

#include <string>
#include <string_view>

namespace cepa::main {

class Console {
public:
    explicit Console(bool json) : json_(json), bar_(bar_style_of_stderr()) {}

    [[nodiscard]] bool json() const noexcept { return json_; }
    /// A line of the result, for people: stdout, unless --json wants that for itself.
    void line(std::string_view text);
    /// The result as an object: the last line of stdout with --json, nothing without.
    void result(const Json& object);
    /// A remark for the person at the terminal: stderr.
    void note(std::string_view text);
    /// Draws or prints progress on stderr.
    void progress(const Progress& progress);
    void end_progress();

private:
    bool json_;
    BootClock clock_;
    ProgressBar bar_;
};

/// Text of others (names of torrents) without control characters.
[[nodiscard]] std::string printable(std::string text);

} // namespace cepa::main
