#include "main/commands/download_watch.hpp"

#include "main/commands/torrent_argument.hpp"
#include "main/console.hpp"
#include "main/quantity.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace cepa::main {
namespace {

constexpr Duration kDrawEvery = std::chrono::milliseconds(300);

std::uint64_t grown(std::uint64_t now, std::uint64_t before) noexcept
{
    return now > before ? now - before : 0;
}

} // namespace

void DownloadWatch::look(const Json& torrent, TimePoint now)
{
    torrent_ = torrent;
    if (torrent.value("state", "") == "checking") return; // what grows now was here already
    const Counts is{torrent.value("bytes_done", std::uint64_t{0}), torrent.value("downloaded", std::uint64_t{0})};
    if (!before_) before_ = is;
    // The first counts at once; the second is brought up to date once a second, and counts pieces that failed too.
    const std::uint64_t downloaded = std::max(grown(is.done, before_->done), grown(is.received, before_->received));
    if (downloaded > downloaded_) {
        downloaded_ = downloaded;
        last_growth_ = now;
        if (!first_byte_) first_byte_ = now;
    }
    rate_.on_total(downloaded_, now);
}

bool DownloadWatch::draw_due(TimePoint now)
{
    if (drawn_ && now - *drawn_ < kDrawEvery && !torrent_.value("complete", false)) return false;
    drawn_ = now;
    return true;
}

Progress DownloadWatch::progress() const
{
    Progress out = progress_of(torrent_);
    out.rate_bytes_per_s = out.total != 0 && out.done >= out.total ? 0 : rate_.bytes_per_s();
    out.left.reset();
    if (out.rate_bytes_per_s >= 1 && out.total > out.done)
        out.left = std::chrono::seconds(
            static_cast<std::int64_t>(static_cast<double>(out.total - out.done) / out.rate_bytes_per_s));
    return out;
}

std::string done_text(const Json& torrent, std::uint64_t downloaded, double seconds)
{
    const auto bytes = torrent.value("bytes_done", std::uint64_t{0});
    const std::string what = fmt::format(
        "{}: {}", printable((std::filesystem::path(torrent.value("folder", "")) / torrent.value("name", "")).string()),
        format_size(bytes));
    const std::string time = format_duration(seconds);
    if (downloaded == 0) return fmt::format("{}, complete already; nothing was downloaded", what);
    const std::string rate = format_rate(static_cast<double>(downloaded) / std::max(seconds, 0.001));
    if (downloaded >= bytes) return fmt::format("{} in {} ({})", what, time, rate);
    return fmt::format("{}, of these {} downloaded now, in {} ({})", what, format_size(downloaded), time, rate);
}

} // namespace cepa::main
