#include "main/commands/download_watch.hpp"

#include <gtest/gtest.h>

using namespace cepa;
using namespace cepa::main;
using namespace std::chrono_literals;

namespace {

constexpr TimePoint kBegin{};

Json torrent_at(const char* state, std::uint64_t done, std::uint64_t received, bool complete = false)
{
    return {{"state", state},
            {"bytes_done", done},
            {"bytes_total", 10'000},
            {"downloaded", received},
            {"complete", complete},
            {"download_bytes_per_s", 77},
            {"eta_s", 3}};
}

} // namespace

TEST(DownloadWatch, WhatWasThereBeforeIsNotDownloaded)
{
    DownloadWatch watch;
    watch.look(torrent_at("checking", 2000, 0), kBegin);
    watch.look(torrent_at("checking", 4000, 9000), kBegin + 50ms);
    watch.look(torrent_at("downloading", 4000, 9000), kBegin + 100ms);
    EXPECT_EQ(watch.downloaded(), 0U);
    EXPECT_FALSE(watch.first_byte());
    watch.look(torrent_at("downloading", 5000, 9000), kBegin + 150ms);
    EXPECT_EQ(watch.downloaded(), 1000U);
    watch.look(torrent_at("downloading", 5000, 10'500), kBegin + 200ms); // a piece failed: it came all the same
    EXPECT_EQ(watch.downloaded(), 1500U);
    watch.look(torrent_at("downloading", 5000, 10'500), kBegin + 250ms);
    EXPECT_EQ(watch.first_byte(), kBegin + 150ms);
    EXPECT_EQ(watch.last_growth(), kBegin + 200ms);
}

TEST(DownloadWatch, ACompleteOneFetchesNothing)
{
    DownloadWatch watch;
    watch.look(torrent_at("checking", 0, 0), kBegin);
    watch.look(torrent_at("seeding", 10'000, 0, true), kBegin + 50ms);
    EXPECT_EQ(watch.downloaded(), 0U);
}

TEST(DownloadWatch, RateAndTimeLeftFollowTheLastTwoSeconds)
{
    DownloadWatch watch;
    TimePoint now = kBegin;
    const auto pass = [&](std::uint64_t& done, std::uint64_t each, int times) {
        for (int i = 0; i < times; ++i)
            watch.look(torrent_at("downloading", done += each, 0), now += 100ms);
    };
    std::uint64_t done = 0;
    pass(done, 0, 1);
    EXPECT_EQ(watch.progress().rate_bytes_per_s, 0) << "nothing to measure yet, whatever libtorrent's mean says";
    pass(done, 200, 25);
    EXPECT_NEAR(watch.progress().rate_bytes_per_s, 2000, 1);
    EXPECT_EQ(watch.progress().left, 2s);
    pass(done, 0, 20);
    EXPECT_EQ(watch.progress().rate_bytes_per_s, 0) << "it stands still, and that is what is said";
    EXPECT_FALSE(watch.progress().left);
    watch.look(torrent_at("seeding", 10'000, 0, true), now += 100ms);
    EXPECT_EQ(watch.progress().rate_bytes_per_s, 0) << "finished";
}

TEST(DownloadWatch, ItIsDrawnLessOftenThanLookedAt)
{
    DownloadWatch watch;
    watch.look(torrent_at("downloading", 0, 0), kBegin);
    EXPECT_TRUE(watch.draw_due(kBegin));
    EXPECT_FALSE(watch.draw_due(kBegin + 50ms));
    EXPECT_TRUE(watch.draw_due(kBegin + 300ms));
    watch.look(torrent_at("seeding", 10'000, 0, true), kBegin + 350ms);
    EXPECT_TRUE(watch.draw_due(kBegin + 350ms)) << "the end is said at once";
}

TEST(DownloadWatch, TheLastLineSaysWhatWasFetched)
{
    const Json torrent{{"folder", "/f"}, {"name", "film"}, {"bytes_done", 4 << 20}};
    EXPECT_EQ(done_text(torrent, 4 << 20, 2), "/f/film: 4.0 MiB in 2.0s (2.0 MiB/s)");
    EXPECT_EQ(done_text(torrent, 2 << 20, 2), "/f/film: 4.0 MiB, of these 2.0 MiB downloaded now, in 2.0s (1.0 MiB/s)");
    EXPECT_EQ(done_text(torrent, 0, 2), "/f/film: 4.0 MiB, complete already; nothing was downloaded");
}
