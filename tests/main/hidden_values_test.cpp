// What hidden peers add to values that have tests of their own: claims of workers, the snapshot, the circuit table,
// resume data, what a torrent waits for.
#include "main/circuit_table.hpp"
#include "main/resume_store.hpp"
#include "main/snapshot_merger.hpp"
#include "main/torrent_cleaning.hpp"
#include "main/torrent_record.hpp"
#include "main/torrent_source.hpp"
#include "main/worker_claims.hpp"

#include <gtest/gtest.h>
#include <libtorrent/bdecode.hpp>
#include <libtorrent/bencode.hpp>
#include <libtorrent/entry.hpp>
#include <libtorrent/torrent_flags.hpp>

namespace cepa::main {
namespace {

namespace lt = libtorrent;
const std::string kValueHash(20, 'h');

proto::Sync swarms_of(std::initializer_list<std::pair<const char, std::uint32_t>> links)
{
    proto::Sync sync;
    sync.mutable_swarms();
    for (const auto& [name, count] : links) {
        proto::SwarmInfo& info = *sync.mutable_swarms()->add_swarms();
        info.set_lookup_hash(std::string(20, name));
        info.set_links(count);
        info.set_seeders_found(count);
        info.set_looked_up_ms(1000 * count);
    }
    return sync;
}

TEST(HiddenClaims, AreBoundedAndOfTheirSize)
{
    EXPECT_TRUE(within_bounds(swarms_of({{'a', 1}, {'b', 1}})));
    EXPECT_FALSE(within_bounds(swarms_of({{'a', 1}, {'a', 1}}))) << "one twice";
    proto::Sync sync = swarms_of({{'a', 1}});
    sync.mutable_swarms()->mutable_swarms(0)->set_lookup_hash("short");
    EXPECT_FALSE(within_bounds(sync));
    proto::HiddenLink link;
    link.set_lookup_hash(kValueHash);
    EXPECT_TRUE(within_bounds(link));
    link.set_seeder_key(std::string(74, 'k'));
    EXPECT_TRUE(within_bounds(link));
    link.set_seeder_key("key");
    EXPECT_FALSE(within_bounds(link));
    link.clear_seeder_key();
    link.set_lookup_hash("short");
    EXPECT_FALSE(within_bounds(link));
}

TEST(HiddenSnapshot, SumsTheWorkersAndForgetsWhoIsGone)
{
    const proto::SlotTable table = proto::SlotTable::make(11, 13, 2);
    proto::TunnelSnapshot snapshot;
    SnapshotMerger merger{snapshot};
    EXPECT_EQ(merger.merge(WorkerId(0), 1, swarms_of({{'a', 2}}), table), 0U);
    EXPECT_EQ(merger.merge(WorkerId(1), 2, swarms_of({{'a', 3}, {'b', 1}}), table), 0U);
    const proto::SwarmInfo& sum = snapshot.swarms.at(std::string(20, 'a'));
    EXPECT_EQ(sum.links(), 5U);
    EXPECT_EQ(sum.seeders_found(), 3U) << "all look for the same";
    EXPECT_EQ(sum.looked_up_ms(), 2000U) << "the younger";
    merger.remove(WorkerId(1));
    EXPECT_EQ(snapshot.swarms.at(std::string(20, 'a')).links(), 2U);
    EXPECT_FALSE(snapshot.swarms.contains(std::string(20, 'b')));
    EXPECT_EQ(merger.merge(WorkerId(0), 1, swarms_of({}), table), 0U);
    EXPECT_TRUE(snapshot.swarms.empty());
}

TEST(HiddenCircuits, AreKnownAsSuchUntilTheyEnd)
{
    CircuitTable table;
    EXPECT_TRUE(table.add(CircuitId(1), WorkerId(0), true));
    EXPECT_FALSE(table.add(CircuitId(1), WorkerId(1), true));
    EXPECT_TRUE(table.add(CircuitId(2), WorkerId(0)));
    EXPECT_TRUE(table.is_hidden(CircuitId(1)));
    EXPECT_FALSE(table.is_hidden(CircuitId(2)));
    EXPECT_EQ(table.hidden_count(WorkerId(0)), 1U);
    (void)table.remove(CircuitId(1));
    EXPECT_FALSE(table.is_hidden(CircuitId(1)));
    EXPECT_TRUE(table.add(CircuitId(3), WorkerId(0), true));
    (void)table.remove_all(WorkerId(0));
    EXPECT_FALSE(table.is_hidden(CircuitId(3)));
}

StoredTorrent stored(PeerMode mode, unsigned hops = 2)
{
    StoredTorrent out;
    out.id = std::string(40, 'a');
    out.route = {hops, "default"};
    out.peer_mode = mode;
    out.params.info_hashes = lt::info_hash_t(lt::sha1_hash(std::string(20, 'i').data()));
    out.params.save_path = "/somewhere";
    return out;
}

Bytes changed(const Bytes& bytes, const char* key, const lt::entry& value)
{
    lt::entry whole = lt::bdecode(
        lt::span<const char>(reinterpret_cast<const char*>(bytes.data()), static_cast<std::ptrdiff_t>(bytes.size())));
    whole["cepa"][key] = value;
    Bytes out;
    lt::bencode(std::back_inserter(out), whole);
    return out;
}

TEST(HiddenResumeData, KeepsTheKindOfPeers)
{
    for (const PeerMode mode : {PeerMode::open, PeerMode::hidden, PeerMode::both}) {
        const auto back = ResumeStore::decode(ResumeStore::encode(stored(mode)));
        ASSERT_TRUE(back) << back.error();
        EXPECT_EQ(back->peer_mode, mode);
    }
}

TEST(HiddenResumeData, IsNotReadWhenItIsInDoubt)
{
    const Bytes hidden = ResumeStore::encode(stored(PeerMode::hidden));
    EXPECT_FALSE(ResumeStore::decode(changed(hidden, "peers", lt::entry("frogs"))));
    EXPECT_FALSE(ResumeStore::decode(changed(hidden, "peers", lt::entry(""))));
    EXPECT_FALSE(ResumeStore::decode(changed(hidden, "hops", lt::entry(0))));
    EXPECT_FALSE(ResumeStore::decode(changed(hidden, "hops", lt::entry(5))));
    const auto former =
        ResumeStore::decode(changed(ResumeStore::encode(stored(PeerMode::open)), "peers", lt::entry("")));
    ASSERT_TRUE(former) << "a former version wrote none";
    EXPECT_EQ(former->peer_mode, PeerMode::open);
}

TEST(HiddenParams, HaveNoPeerExchangeAndHiddenOnlyNoWayOutside)
{
    AddTorrent request;
    request.save_path = "/tmp";
    const auto flags_of_mode = [&](PeerMode mode) {
        request.peer_mode = mode;
        lt::add_torrent_params params;
        params.trackers = {"udp://203.0.113.1:80/announce"};
        params.peers = {lt::tcp::endpoint(lt::make_address_v4("203.0.113.2"), 1),
                        lt::tcp::endpoint(lt::make_address_v4("241.0.0.1"), 1024)};
        EXPECT_TRUE(complete_params(params, request, {true, true, mode == PeerMode::hidden}));
        EXPECT_EQ(params.trackers.empty(), mode == PeerMode::hidden);
        EXPECT_EQ(params.peers.size(), mode == PeerMode::hidden ? 0U : 1U) << "a made-up one means nothing now";
        return params.flags;
    };
    using namespace lt::torrent_flags;
    EXPECT_FALSE(flags_of_mode(PeerMode::open) & (disable_pex | disable_dht | disable_lsd));
    EXPECT_TRUE(flags_of_mode(PeerMode::both) & disable_pex);
    EXPECT_FALSE(flags_of_mode(PeerMode::both) & disable_dht);
    EXPECT_EQ(flags_of_mode(PeerMode::hidden) & (disable_pex | disable_dht | disable_lsd),
              disable_pex | disable_dht | disable_lsd);
}

TEST(HiddenWaiting, SaysWhatEachSideWaitsFor)
{
    TorrentInfo info;
    info.state = TorrentState::downloading;
    info.peer_mode = PeerMode::hidden;
    const RouteState without{false, "an exit", {}};
    const RouteState with{true, "", {}};
    EXPECT_EQ(missing_of(info, without, "a hidden seeder"), "a hidden seeder") << "it needs no exit";
    info.peer_mode = PeerMode::both;
    EXPECT_EQ(missing_of(info, without, "a hidden seeder"), "a hidden seeder; open peers: an exit");
    EXPECT_EQ(missing_of(info, with, "a hidden seeder"), "a hidden seeder");
    info.peer_mode = PeerMode::open;
    EXPECT_EQ(missing_of(info, without, "a hidden seeder"), "an exit");
    info.peer_mode = PeerMode::hidden;
    info.complete = true;
    EXPECT_EQ(missing_of(info, without, ""), "");
}

TEST(PeerModes, TextsAndDefaults)
{
    for (const PeerMode mode : {PeerMode::open, PeerMode::hidden, PeerMode::both})
        EXPECT_EQ(parse_peer_mode(to_string(mode)), mode);
    EXPECT_EQ(parse_peer_mode("frogs"), std::nullopt);
    EXPECT_EQ(default_peer_mode(0), PeerMode::open);
    EXPECT_EQ(default_peer_mode(1), PeerMode::both);
    EXPECT_EQ(default_peer_mode(4), PeerMode::both);
    EXPECT_EQ(default_peer_mode(5), PeerMode::open) << "an introduction needs a hop more";
}

} // namespace
} // namespace cepa::main
