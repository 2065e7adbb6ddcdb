#include "main/progress_bar.hpp"

#include "main/quantity.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <sys/ioctl.h>
#include <unistd.h>
#include <utility>

namespace cepa::main {
namespace {

constexpr std::string_view kGreen = "\x1b[32m";
constexpr std::string_view kPlain = "\x1b[0m";
constexpr std::string_view kRestart = "\r\x1b[K"; // back to the line's start, and clear it

double share_of(const Progress& p) noexcept
{
    return p.total == 0 ? 0.0 : std::clamp(static_cast<double>(p.done) / static_cast<double>(p.total), 0.0, 1.0);
}

/// Rounded down: 100 % is only said when everything is there.
int percent(const Progress& p) noexcept
{
    return static_cast<int>(share_of(p) * 100.0);
}

std::string numbers(const Progress& p)
{
    std::string out;
    if (p.total != 0) out += fmt::format("{:>3} %  {} of {}", percent(p), format_size(p.done), format_size(p.total));
    if (p.rate_bytes_per_s >= 1) out += fmt::format("{}{}", out.empty() ? "" : "  ", format_rate(p.rate_bytes_per_s));
    if (p.left) out += fmt::format("  {} left", format_duration(*p.left));
    return out;
}

std::string joined(const std::string& a, const std::string& b)
{
    return a.empty() || b.empty() ? a + b : a + "  " + b;
}

} // namespace

BarStyle bar_style_of_stderr()
{
    BarStyle style;
    const char* term = std::getenv("TERM");
    const char* no_color = std::getenv("NO_COLOR"); // any value but the empty one, as no-color.org has it
    style.terminal = ::isatty(STDERR_FILENO) == 1 && term != nullptr && std::string_view(term) != "dumb";
    style.color = style.terminal && (no_color == nullptr || *no_color == '\0');
    winsize size{};
    if (style.terminal && ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) style.width = size.ws_col;
    return style;
}

std::string progress_text(const Progress& progress)
{
    std::string out = joined(joined(progress.what, numbers(progress)), progress.detail);
    // Names in it come from strangers, and control characters must not reach a terminal.
    std::ranges::replace_if(out, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
    return out;
}

std::string ProgressBar::bar(const Progress& progress) const
{
    const std::string text = progress_text(progress);
    // One column stays free: a full line would wrap on some terminals.
    const std::size_t room = style_.width > 1 ? style_.width - 1 : 1;
    constexpr std::size_t kShortestBar = 10;
    constexpr std::size_t kLongestBar = 30;
    if (progress.total == 0 || text.size() + kShortestBar + 3 > room) return text.substr(0, room);
    const std::size_t cells = std::min(kLongestBar, room - text.size() - 3);
    const auto full = static_cast<std::size_t>(share_of(progress) * static_cast<double>(cells));
    const std::string filled(full, '#');
    const std::string empty(cells - full, '.');
    return fmt::format("[{}{}{}{}] {}", style_.color ? kGreen : "", filled, style_.color ? kPlain : "", empty, text);
}

std::string ProgressBar::update(const Progress& progress, TimePoint now)
{
    if (style_.terminal) {
        drawn_ = true;
        return std::string(kRestart) + bar(progress);
    }
    const std::string text = progress_text(progress);
    const bool due = !last_line_ || now - *last_line_ >= style_.line_every ||
                     (progress.total != 0 && progress.done == progress.total);
    if (!due || text == last_text_) return {};
    last_line_ = now;
    last_text_ = text;
    return text + "\n";
}

std::string ProgressBar::end_line()
{
    return std::exchange(drawn_, false) ? "\n" : "";
}

} // namespace cepa::main
