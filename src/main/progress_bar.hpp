// Progress of one thing on stderr: a bar that is redrawn in place on a terminal (its width and NO_COLOR are respected),
// plain lines now and then when piped. Text in, text out: the caller says what it sees.
// Process: main (a command's process).
#pragma once

#include "base/clock.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace cepa::main {

struct Progress {
    std::string what; ///< "downloading"
    std::uint64_t done = 0;
    std::uint64_t total = 0; ///< 0: not known yet
    double rate_bytes_per_s = 0;
    std::optional<std::chrono::seconds> left;
    std::string detail; ///< "6 peers, 4 circuits", or what it waits for
};

struct BarStyle {
    bool terminal = false; ///< redraw in place; else lines
    bool color = false;
    unsigned width = 80;
    Duration line_every = std::chrono::seconds(2); ///< between plain lines
};

/// Of stderr and the environment: a terminal, its width, NO_COLOR and TERM=dumb.
[[nodiscard]] BarStyle bar_style_of_stderr();

class ProgressBar {
public:
    explicit ProgressBar(BarStyle style) : style_(style) {}

    /// What to write for `progress` at `now`; empty when nothing is due.
    [[nodiscard]] std::string update(const Progress& progress, TimePoint now);
    /// Ends the bar's line, so that other output can follow; the next update draws it anew.
    [[nodiscard]] std::string end_line();

private:
    [[nodiscard]] std::string bar(const Progress& progress) const;

    BarStyle style_;
    bool drawn_ = false;
    std::optional<TimePoint> last_line_;
    std::string last_text_;
};

/// "downloading  42 %  1.2 GiB of 2.9 GiB  12.0 MiB/s  2min 10s left  6 peers", as one line without a bar.
[[nodiscard]] std::string progress_text(const Progress& progress);

} // namespace cepa::main
