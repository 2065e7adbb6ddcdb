#include "main/torrent_cleaning.hpp"
#include "main/torrent_creator.hpp"
#include "support/temporary_folder.hpp"

#include <gtest/gtest.h>
#include <libtorrent/address.hpp>
#include <libtorrent/bdecode.hpp>
#include <libtorrent/bencode.hpp>
#include <libtorrent/entry.hpp>
#include <libtorrent/torrent_info.hpp>

#include <fstream>

namespace cepa::main {
namespace {

namespace lt = libtorrent;

constexpr CleaningPolicy kAnonymous{true, false};
constexpr CleaningPolicy kPlain{false, false};
constexpr CleaningPolicy kPrivateLab{true, true};

Bytes torrent_of_a_file(TorrentFormat format)
{
    const cepa::test::TemporaryFolder folder;
    std::ofstream(folder.path() / "file") << std::string(100'000, 'x');
    return create_torrent({.path = folder.path() / "file", .format = format, .piece_bytes = 16384, .trackers = {}})
        ->content;
}

/// A torrent with everything in it that has leaked from somebody's client once.
Bytes evil(TorrentFormat format)
{
    const Bytes good = torrent_of_a_file(format);
    lt::entry torrent = lt::bdecode(
        lt::span<const char>(reinterpret_cast<const char*>(good.data()), static_cast<std::ptrdiff_t>(good.size())));
    lt::entry::list_type node{lt::entry("unique-name.node.example"), lt::entry(6881)};
    torrent["nodes"] = lt::entry::list_type{lt::entry(node)};
    torrent["announce"] = "http://tracker.example/announce";
    lt::entry::list_type tiers;
    for (const char* url :
         {"http://tracker.example/announce", "udp://tracker2.example:6969/announce", "http://abcdef.i2p/announce",
          "http://127.0.0.1:8080/announce", "http://192.168.1.1/announce", "http://[::1]/announce",
          "http://localhost/announce", "http://0x7f000001/announce", "http://2130706433/", "http://127.1/announce",
          "wss://tracker.example/announce", "http://user@10.0.0.1/announce", "http://printer.local/"})
        tiers.push_back(lt::entry(lt::entry::list_type{lt::entry(url)}));
    torrent["announce-list"] = tiers;
    torrent["url-list"] = "http://seed.example/file";
    torrent["httpseeds"] = lt::entry::list_type{lt::entry("http://httpseed.example/")};
    Bytes out;
    lt::bencode(std::back_inserter(out), torrent);
    return out;
}

class EvilTorrent : public testing::TestWithParam<TorrentFormat> {};

TEST_P(EvilTorrent, NothingOfItRemains)
{
    const Bytes content = evil(GetParam());
    const lt::torrent_info before(lt::span<const char>(reinterpret_cast<const char*>(content.data()),
                                                       static_cast<std::ptrdiff_t>(content.size())),
                                  lt::from_span);
    ASSERT_FALSE(before.nodes().empty()) << "the fault is planted";
    ASSERT_TRUE(before.is_i2p());

    auto params = parse_torrent_file(content);
    ASSERT_TRUE(params) << params.error();
    EXPECT_TRUE(params->ti->nodes().empty()) << "libtorrent looks these names up by itself";
    clean(*params, kAnonymous);
    EXPECT_TRUE(params->dht_nodes.empty());
    EXPECT_TRUE(params->ti->nodes().empty());
    EXPECT_TRUE(params->ti->trackers().empty());
    EXPECT_TRUE(params->ti->web_seeds().empty());
    EXPECT_FALSE(params->ti->is_i2p());
    EXPECT_TRUE(params->url_seeds.empty());
    EXPECT_TRUE(params->http_seeds.empty());
    const std::vector<std::string> kept = params->trackers;
    EXPECT_EQ(kept,
              (std::vector<std::string>{"http://tracker.example/announce", "udp://tracker2.example:6969/announce"}));
    EXPECT_EQ(params->trackers.size(), params->tracker_tiers.size());
    EXPECT_EQ(params->ti->info_hashes(), before.info_hashes());
    if (GetParam() == TorrentFormat::hybrid) {
        EXPECT_TRUE(params->ti->v2());
        EXPECT_FALSE(params->merkle_trees.empty() && params->ti->piece_layer(lt::file_index_t{0}).empty())
            << "hash trees are kept";
    }
}

TEST_P(EvilTorrent, ParametersMadeElsewhereAreRebuilt)
{
    const Bytes content = evil(GetParam());
    lt::add_torrent_params params;
    params.ti = std::make_shared<lt::torrent_info>(lt::span<const char>(reinterpret_cast<const char*>(content.data()),
                                                                        static_cast<std::ptrdiff_t>(content.size())),
                                                   lt::from_span);
    params.dht_nodes.emplace_back("node.example", 1);
    const auto hashes = params.ti->info_hashes();
    clean(params, kAnonymous);
    ASSERT_TRUE(params.ti);
    EXPECT_TRUE(params.ti->nodes().empty());
    EXPECT_FALSE(params.ti->is_i2p());
    EXPECT_EQ(params.ti->info_hashes(), hashes);
    EXPECT_EQ(params.trackers.size(), 2U) << "its good trackers are kept";
}

INSTANTIATE_TEST_SUITE_P(Formats, EvilTorrent, testing::Values(TorrentFormat::v1, TorrentFormat::hybrid),
                         [](const auto& about) { return about.param == TorrentFormat::v1 ? "V1" : "Hybrid"; });

TEST(TorrentCleaning, MagnetWithEverything)
{
    auto params = parse_magnet(
        "magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567&dn=name"
        "&tr=http%3A%2F%2Ftracker.example%2Fannounce&tr=http%3A%2F%2Fx.i2p%2Fa&tr=udp%3A%2F%2F10.0.0.1%3A80"
        "&ws=http%3A%2F%2Fseed.example%2F&x.pe=1.2.3.4:5&x.pe=127.0.0.1:6&x.pe=10.1.1.1:7&x.pe=240.0.0.1:8"
        "&x.pe=[::1]:9&x.pe=[2a00:1450::1]:10&dht=unique.example:1");
    ASSERT_TRUE(params) << params.error();
    ASSERT_FALSE(params->dht_nodes.empty()) << "the fault is planted";
    clean(*params, kAnonymous);
    EXPECT_TRUE(params->dht_nodes.empty());
    EXPECT_TRUE(params->url_seeds.empty());
    ASSERT_EQ(params->trackers.size(), 1U);
    EXPECT_EQ(params->trackers[0], "http://tracker.example/announce");
    ASSERT_EQ(params->peers.size(), 2U);
    for (const auto& peer : params->peers)
        EXPECT_TRUE(peer.port() == 5 || peer.port() == 10);
    EXPECT_EQ(torrent_id(params->info_hashes), "0123456789abcdef0123456789abcdef01234567");
}

TEST(TorrentCleaning, APrivateLabKeepsItsOwnAddresses)
{
    auto params = parse_magnet("magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567&tr=udp%3A%2F%2F127.0.0.9%"
                               "3A80&x.pe=127.0.0.1:6&dht=n.example:1");
    ASSERT_TRUE(params);
    clean(*params, kPrivateLab);
    EXPECT_EQ(params->peers.size(), 1U);
    EXPECT_EQ(params->trackers.size(), 1U);
    EXPECT_TRUE(params->dht_nodes.empty()) << "names leak everywhere";
}

TEST(TorrentCleaning, APlainTorrentKeepsTrackersAndSeedsButNoNodes)
{
    auto params = parse_torrent_file(evil(TorrentFormat::v1));
    ASSERT_TRUE(params);
    clean(*params, kPlain);
    EXPECT_EQ(params->url_seeds.size(), 1U);
    EXPECT_GE(params->trackers.size(), 10U);
    EXPECT_TRUE(params->dht_nodes.empty());
}

TEST(TorrentCleaning, TrackersByUrl)
{
    for (const char* good : {"http://t.example/a", "HTTPS://T.Example:443/a?x=http://127.0.0.1/", "udp://t.example:80",
                             "udp://8.8.8.8:80", "http://[2a00:1450::1]:80/"})
        EXPECT_TRUE(tracker_allowed(good, false)) << good;
    for (const char* bad :
         {"", "http://", "http:///a", "ws://t.example", "file:///etc/passwd", "t.example/a", "http://x.i2p",
          "http://X.I2P./a", "http://x.i2p:80/", "udp://127.0.0.1:80", "udp://[::ffff:127.0.0.1]:80", "http://10.0.0.1",
          "http://169.254.1.1/", "http://localhost:80", "http://a.localhost", "http://1.2.3.4@127.0.0.1/",
          "http://017700000001/", "http://127.0.0.1./a", "http://fe80::1%eth0/"})
        EXPECT_FALSE(tracker_allowed(bad, false)) << bad;
    EXPECT_TRUE(tracker_allowed("udp://127.0.0.1:80", true));
    EXPECT_FALSE(tracker_allowed("http://x.i2p", true));
}

TEST(TorrentCleaning, BadInputIsAnErrorWithAReason)
{
    const auto fails = [](std::string_view text) { return parse_torrent_file(as_bytes(text)).error(); };
    EXPECT_NE(fails("").find("not a .torrent file"), std::string::npos);
    EXPECT_NE(fails("<html>").find("not a .torrent file"), std::string::npos);
    EXPECT_NE(fails("le").find("info"), std::string::npos);
    EXPECT_NE(fails("d4:infodee").find("not a usable"), std::string::npos);
    EXPECT_NE(
        fails("d4:infod6:lengthi-5e4:name1:a12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaaee").find("usable"),
        std::string::npos);
    EXPECT_NE(parse_magnet("magnet:?xt=urn:btih:xyz").error().find("expected magnet:?xt="), std::string::npos);
    EXPECT_NE(parse_magnet("magnet:?dn=x").error().find("magnet link"), std::string::npos);
    EXPECT_FALSE(
        parse_magnet("magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567&dn=" + std::string(70'000, 'a')));
}

TEST(TorrentCleaning, EveryTruncationIsRefusedOrHarmless)
{
    const Bytes content = evil(TorrentFormat::hybrid);
    for (std::size_t size = 0; size < content.size(); ++size)
        EXPECT_FALSE(parse_torrent_file(ByteSpan(content).first(size))) << size;
}

TEST(TorrentCleaning, ForgetsThePlainLife)
{
    lt::add_torrent_params params;
    params.peers.emplace_back(lt::make_address("1.2.3.4"), std::uint16_t{5});
    params.banned_peers.emplace_back(lt::make_address("1.2.3.4"), std::uint16_t{5});
    params.trackerid = "me";
    params.dht_nodes.emplace_back("n", 1);
    params.trackers.push_back("http://t.example/a");
    forget_plain_life(params);
    EXPECT_TRUE(params.peers.empty() && params.banned_peers.empty() && params.trackerid.empty() &&
                params.dht_nodes.empty());
    EXPECT_EQ(params.trackers.size(), 1U) << "where it announces is public";
}

} // namespace
} // namespace cepa::main
