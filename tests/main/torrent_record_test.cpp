#include "main/torrent_record.hpp"

#include <gtest/gtest.h>
#include <libtorrent/error_code.hpp>
#include <libtorrent/torrent_flags.hpp>

namespace cepa::main {
namespace {

namespace lt = libtorrent;
using namespace std::chrono_literals;

lt::torrent_status downloading()
{
    lt::torrent_status status;
    status.state = lt::torrent_status::downloading;
    status.name = "name";
    status.has_metadata = true;
    status.total_wanted = 1000;
    status.total_wanted_done = 250;
    status.progress_ppm = 250'000;
    status.download_payload_rate = 100;
    status.num_peers = 2;
    status.num_seeds = 1;
    status.all_time_upload = 500;
    return status;
}

TEST(TorrentRecord, TakesOverTheStatus)
{
    TorrentRecord record;
    update_record(record, downloading());
    const TorrentInfo& info = record.info;
    EXPECT_EQ(info.state, TorrentState::downloading);
    EXPECT_DOUBLE_EQ(info.progress, 0.25);
    EXPECT_EQ(info.bytes_done, 250U);
    EXPECT_EQ(info.bytes_total, 1000U);
    EXPECT_DOUBLE_EQ(info.ratio, 0.5);
    ASSERT_TRUE(info.eta);
    EXPECT_EQ(info.eta->count(), 7);
    EXPECT_FALSE(info.complete);
}

TEST(TorrentRecord, StatesByWhatCountsMost)
{
    TorrentRecord record;
    lt::torrent_status status = downloading();
    status.state = lt::torrent_status::seeding;
    status.is_finished = true;
    update_record(record, status);
    EXPECT_EQ(record.info.state, TorrentState::seeding);
    EXPECT_TRUE(record.info.complete);
    record.paused = true;
    update_record(record, status);
    EXPECT_EQ(record.info.state, TorrentState::paused);
    EXPECT_TRUE(record.info.complete) << "paused or not, all of it is there";
    status.errc = lt::error_code(ENOSPC, boost::system::generic_category());
    status.save_path = "/downloads";
    update_record(record, status);
    EXPECT_EQ(record.info.state, TorrentState::failed);
    EXPECT_EQ(record.info.error, "/downloads: No space left on device");
    for (int i = 0; i <= static_cast<int>(TorrentState::failed); ++i)
        EXPECT_STRNE(to_string(static_cast<TorrentState>(i)), "unknown");
}

TEST(TorrentRecord, AFullDiskIsAFailureThoughLibtorrentOnlyStopsWriting)
{
    TorrentRecord record;
    record.write_error = "/downloads/film.bin: No space left on device";
    lt::torrent_status status = downloading();
    update_record(record, status);
    EXPECT_EQ(record.info.state, TorrentState::downloading) << "an error that is over";
    status.flags |= lt::torrent_flags::upload_mode;
    update_record(record, status);
    EXPECT_EQ(record.info.state, TorrentState::failed);
    EXPECT_EQ(record.info.error, "/downloads/film.bin: No space left on device");
    status.errc = lt::error_code(lt::errors::file_too_short);
    update_record(record, status);
    EXPECT_EQ(record.info.error, "/downloads/film.bin: No space left on device") << "why it is too short";
    status.errc.clear();
    record.write_error.clear();
    status.save_path = "/downloads";
    update_record(record, status);
    EXPECT_EQ(record.info.error, "/downloads: cannot be written to");
}

TEST(TorrentRecord, NegativeAndUnknownNumbersBecomeZero)
{
    TorrentRecord record;
    lt::torrent_status status;
    status.total_wanted = -1;
    status.num_peers = -1;
    status.progress_ppm = 2'000'000;
    update_record(record, status);
    EXPECT_EQ(record.info.bytes_total, 0U);
    EXPECT_EQ(record.info.peers, 0U);
    EXPECT_DOUBLE_EQ(record.info.progress, 1.0);
    EXPECT_DOUBLE_EQ(record.info.ratio, 0.0);
    EXPECT_FALSE(record.info.eta);
}

TEST(TorrentRecord, SaysWhatItWaitsForAndHowLong)
{
    TorrentRecord record;
    RouteState route{false, "no exits known", {}};
    update_record(record, downloading());
    const TimePoint start(100s);
    update_waiting(record, route, start);
    EXPECT_EQ(record.info.waiting_for, "no exits known");
    update_waiting(record, route, start + 5s);
    EXPECT_EQ(record.info.waiting, 5s);

    route.ready = true;
    record.info.peers = 0;
    update_waiting(record, route, start + 6s);
    EXPECT_EQ(record.info.waiting_for, "peers (none connected)");
    EXPECT_EQ(record.info.waiting, 0s) << "another reason, another count";

    record.info.findable = false;
    EXPECT_TRUE(
        missing_of(record.info, route).starts_with("no way to find peers: no UDP tracker, DHT has no entry point"));
    record.info.seen_plainly = true;
    EXPECT_NE(missing_of(record.info, route).find("or see --although-seen"), std::string::npos);
    record.info.seen_plainly = false;
    EXPECT_EQ(missing_of(record.info, route).find("--although-seen"), std::string::npos);
    record.info.findable = true;

    record.info.peers = 1;
    record.info.seeds = 0;
    record.info.download_bytes_per_s = 0;
    update_waiting(record, route, start + 7s);
    EXPECT_EQ(record.info.waiting_for, "a peer that has the missing pieces");
    record.info.download_bytes_per_s = 1;
    update_waiting(record, route, start + 8s);
    EXPECT_TRUE(record.info.waiting_for.empty());
    EXPECT_EQ(record.info.waiting, 0s);

    record.info.state = TorrentState::metadata;
    EXPECT_NE(missing_of(record.info, route).find("description"), std::string::npos);
    record.info.state = TorrentState::paused;
    EXPECT_TRUE(missing_of(record.info, RouteState{}).empty()) << "who paused waits for nothing";
}

TEST(TorrentRecord, TheClockOfAWaitGoesOnWhileOnlyItsDetailsChange)
{
    TorrentRecord record;
    const RouteState route{true, "", {}};
    record.info.peer_mode = PeerMode::hidden;
    record.info.state = TorrentState::metadata;
    const TimePoint start(100s);
    record.hidden_waiting = "a hidden seeder: none found yet (last search 3.0s ago)";
    update_waiting(record, route, start);
    record.hidden_waiting = "a hidden seeder: none found yet (last search 0.5s ago)";
    update_waiting(record, route, start + 9s);
    EXPECT_EQ(record.info.waiting_for, record.hidden_waiting);
    EXPECT_EQ(record.info.waiting, 9s);
    record.hidden_waiting = "a link with 1 hidden seeder";
    update_waiting(record, route, start + 10s);
    EXPECT_EQ(record.info.waiting, 0s);
}

TEST(TorrentRecord, WhatADownloadWaitedForEndsWithIt)
{
    TorrentRecord record;
    record.info.peer_mode = PeerMode::hidden;
    record.hidden_waiting = "an answer of 1 hidden seeder, linked";
    lt::torrent_status status = downloading();
    status.is_finished = true;
    status.has_metadata = true;
    status.state = lt::torrent_status::seeding;
    update_record(record, status);
    EXPECT_EQ(missing_of(record.info, {true, "", {}}, record.hidden_waiting), "");
    record.hidden_waiting = "an introduction point: nobody finds it without one"; // a seed's own
    update_record(record, status);
    EXPECT_NE(missing_of(record.info, {true, "", {}}, record.hidden_waiting), "");
}

TEST(TorrentRecord, WhatWasUploadedIsCountedBeforeLibtorrentAddsItToItsSum)
{
    TorrentRecord record;
    record.uploaded_before = 400;
    lt::torrent_status status = downloading(); // 500 in all
    status.total_payload_upload = 300;
    update_record(record, status);
    EXPECT_EQ(record.info.uploaded, 700U);
    EXPECT_DOUBLE_EQ(record.info.ratio, 0.7);
    status.all_time_upload = 900;
    update_record(record, status);
    EXPECT_EQ(record.info.uploaded, 900U);
    status.all_time_upload = 0;
    update_record(record, status);
    EXPECT_EQ(record.info.uploaded, 900U) << "what was sent stays sent";
}

} // namespace
} // namespace cepa::main
