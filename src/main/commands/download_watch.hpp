// What a command that waits for a download sees of it: how much came in this run, since when, and how fast now.
// Pure. Process: main (a command's process).
#pragma once

#include "base/clock.hpp"
#include "main/api.hpp"
#include "main/progress_bar.hpp"
#include "main/rate_meter.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace cepa::main {

/// How often to look where time is measured.
inline constexpr std::chrono::milliseconds kLookEvery{50};

class DownloadWatch {
public:
    /// Takes in a torrent as show answers it.
    void look(const Json& torrent, TimePoint now);

    /// Bytes that came since the first look: not those that an earlier run or the check of the files found.
    [[nodiscard]] std::uint64_t downloaded() const noexcept { return downloaded_; }
    /// When downloaded() was first seen above 0.
    [[nodiscard]] std::optional<TimePoint> first_byte() const noexcept { return first_byte_; }
    /// When downloaded() grew last.
    [[nodiscard]] std::optional<TimePoint> last_growth() const noexcept { return last_growth_; }
    /// Whether progress is to be drawn again; looks are more frequent than that.
    [[nodiscard]] bool draw_due(TimePoint now);
    /// Of the last look, with a rate and a remaining time that follow what came just now.
    [[nodiscard]] Progress progress() const;

private:
    struct Counts {
        std::uint64_t done = 0;
        std::uint64_t received = 0;
    };

    Json torrent_ = Json::object();
    std::optional<Counts> before_; ///< what was there when the download began; none while that is being checked
    std::uint64_t downloaded_ = 0;
    RateMeter rate_;
    std::optional<TimePoint> first_byte_;
    std::optional<TimePoint> last_growth_;
    std::optional<TimePoint> drawn_;
};

/// "film.bin: 48.0 MiB in 2.0s (24.0 MiB/s)", or how much of it came in this run.
[[nodiscard]] std::string done_text(const Json& torrent, std::uint64_t downloaded, double seconds);

} // namespace cepa::main
