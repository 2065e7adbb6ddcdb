// A hostile BitTorrent peer (a libtorrent session of its own) that talks to a torrent service as the other end of a
// hidden circuit, or through an exit, and tries to learn and to set addresses.
#include "main/peer_discretion.hpp"
#include "main/torrent_settings.hpp"
#include "support/torrent_node.hpp"

#include <boost/asio/ip/udp.hpp>
#include <libtorrent/bdecode.hpp>
#include <libtorrent/extensions.hpp>
#include <libtorrent/load_torrent.hpp>
#include <libtorrent/peer_connection_handle.hpp>
#include <libtorrent/session.hpp>

#include <atomic>
#include <mutex>

namespace cepa::main {
namespace {

namespace lt = libtorrent;
using boost::asio::ip::udp;

TEST(PeerDiscretion, NeitherIsSaid)
{
    lt::entry handshake;
    handshake["yourip"] = std::string("\xf1\x02\x03\x04", 4);
    handshake["m"]["ut_holepunch"] = 4;
    handshake["m"]["ut_metadata"] = 2;
    leave_out_addresses(handshake);
    EXPECT_EQ(handshake.find_key("yourip"), nullptr);
    EXPECT_EQ(handshake["m"].find_key("ut_holepunch"), nullptr);
    EXPECT_EQ(handshake["m"]["ut_metadata"].integer(), 2);
    lt::entry odd(std::string("m"));
    lt::entry without = lt::entry::dictionary_type{{"m", lt::entry(1)}};
    EXPECT_NO_THROW(leave_out_addresses(without));
}

TEST(PeerDiscretion, NeitherIsRead)
{
    for (const char* text : {"d1:md12:ut_holepunchi4ee6:yourip4:abcde",
                             "d1:md12:ut_holepunchi4e12:ut_holepunchi5ee1:md12:ut_holepunchi6eee"}) {
        std::string bytes(text);
        lt::error_code error;
        const lt::bdecode_node root = lt::bdecode({bytes.data(), static_cast<std::ptrdiff_t>(bytes.size())}, error);
        ASSERT_FALSE(error) << text;
        blind_to_addresses(root);
        EXPECT_EQ(root.dict_find_dict("m").dict_find_int_value("ut_holepunch", 0), 0) << text;
        EXPECT_TRUE(root.dict_find_string_value("yourip").empty()) << text;
        EXPECT_EQ(bytes.find("ut_holepunch"), std::string::npos) << text;
    }
    for (const char* text : {"de", "d1:mi4ee", "le", "i1e"}) {
        lt::error_code error;
        const lt::bdecode_node root = lt::bdecode({text, static_cast<std::ptrdiff_t>(std::strlen(text))}, error);
        ASSERT_FALSE(error);
        EXPECT_NO_THROW(blind_to_addresses(root)) << text;
    }
}

/// What the hostile peer was told; libtorrent's thread writes it.
struct Heard {
    std::mutex lock;
    std::string handshake;           ///< the last extended one, bencoded
    std::atomic<int> handshakes = 0; ///< after which it has sent its tricks
    std::atomic<int> fast = 0;       ///< pieces allowed to it by its address
};

/// Asks to connect to kBait, by ut_holepunch and by peer exchange, and says which address we have.
class HostilePeer final : public lt::torrent_plugin {
public:
    HostilePeer(Heard& heard, const Endpoint& bait) : heard_(heard), bait_(bait) {}
    std::shared_ptr<lt::peer_plugin> new_connection(const lt::peer_connection_handle& connection) override
    {
        return std::make_shared<Talk>(heard_, bait_, connection);
    }

private:
    struct Talk final : lt::peer_plugin {
        Talk(Heard& h, const Endpoint& b, const lt::peer_connection_handle& c) : heard(h), bait(b), connection(c) {}
        void add_handshake(lt::entry& handshake) override { handshake["yourip"] = std::string("\x08\x07\x06\x05", 4); }
        bool on_extension_handshake(const lt::bdecode_node& root) override
        {
            const auto section = root.data_section();
            {
                const std::lock_guard guard(heard.lock);
                heard.handshake.assign(section.data(), static_cast<std::size_t>(section.size()));
            }
            std::string message("\0\0\0\x0a\x14\x04\x01\0", 8); // extended, holepunch, connect, IPv4
            message += compact();
            send(message);
            const auto exchange =
                root.dict_find_dict("m") ? root.dict_find_dict("m").dict_find_int_value("ut_pex", 0) : 0;
            std::string peers = "d5:added6:" + compact() + "7:added.f1:";
            peers += std::string("\x10", 1) + "e";
            message = std::string("\0\0\0", 3) + static_cast<char>(peers.size() + 2) + "\x14" +
                      static_cast<char>(exchange) + peers;
            if (exchange != 0) send(message);
            ++heard.handshakes;
            return true;
        }
        bool on_allowed_fast(lt::piece_index_t) override
        {
            ++heard.fast;
            return false;
        }
        std::string compact() const
        {
            const std::uint32_t ip = bait.ip.to_v4();
            std::string out;
            for (int shift = 24; shift >= 0; shift -= 8)
                out += static_cast<char>(ip >> shift);
            out += static_cast<char>(bait.port >> 8U);
            return out += static_cast<char>(bait.port & 0xffU);
        }
        void send(const std::string& message) const
        {
            lt::bt_peer_connection_handle(connection).send_buffer(message.data(), static_cast<int>(message.size()));
        }
        Heard& heard;
        Endpoint bait;
        lt::peer_connection_handle connection;
    };
    Heard& heard_;
    Endpoint bait_;
};

const Endpoint kBait = Endpoint::parse("203.0.113.66:7777").value();
const Endpoint kMadeUpPeer = Endpoint::parse("241.1.2.3:1024").value();
const Endpoint kOpenPeer = Endpoint::parse("203.0.113.50:5050").value();

class HostilePeerTest : public TorrentNodesTest {
protected:
    HostilePeerTest()
        : between(io, {boost::asio::ip::make_address("127.0.7.2"), 0}), victim(io, containment, options("127.0.0.1"))
    {
        begin_session();
        between.non_blocking(true);
        receive();
    }

    void begin_session()
    {
        lt::settings_pack pack = plain_settings("127.0.7.1:0", false, {});
        pack.set_bool(lt::settings_pack::enable_outgoing_tcp, false);
        hostile = std::make_unique<lt::session>(session_parameters(pack));
    }
    /// The service knows it as `seen`; whatever it sends elsewhere is noted and lost.
    void appears_as(const Endpoint& seen)
    {
        victim.sink.divert = [this, seen](const Endpoint& destination, PacketBuffer& payload) {
            if (destination != seen) {
                others.insert(destination);
                return true;
            }
            if (payload.size() > 1 && payload.data()[0] == 0x41) ++called; // ST_SYN
            boost::system::error_code ignored;
            between.send_to(boost::asio::buffer(payload.data(), payload.size()), hostile_at, 0, ignored);
            return true;
        };
        seen_as = seen;
    }
    void receive()
    {
        between.async_wait(udp::socket::wait_read, [this](const ErrorCode& error) {
            if (error) return;
            Bytes room(kPacketSlot);
            boost::system::error_code failed;
            for (;;) {
                const std::size_t got = between.receive_from(
                    boost::asio::buffer(room.data() + kPacketHeadroom, kMaxPacket), hostile_at, 0, failed);
                if (failed) break;
                if (victim.sink.associations.empty()) continue;
                PacketBuffer packet(room, kPacketHeadroom, got);
                victim.sink.associations.begin()->second->send_to_client(seen_as, packet);
                victim.sink.associations.begin()->second->flush();
            }
            receive();
        });
    }
    std::string victim_seeds(const CreatedTorrent& torrent, PeerMode mode)
    {
        AddTorrent request = seed(torrent);
        request.route.hops = 1;
        request.peer_mode = mode;
        request.peer_mode_chosen = true;
        const auto id = victim.add(request);
        EXPECT_TRUE(id) << id.error();
        victim.service.set_route({1, "default"}, true, "");
        return id.value_or("");
    }
    /// The hostile session joins that torrent and calls.
    void attack(const CreatedTorrent& torrent, Heard& to)
    {
        lt::add_torrent_params params = lt::load_torrent_buffer({reinterpret_cast<const char*>(torrent.content.data()),
                                                                 static_cast<std::ptrdiff_t>(torrent.content.size())});
        params.save_path = (folder.path() / "hostile").string();
        params.flags &=
            ~(lt::torrent_flags::auto_managed | lt::torrent_flags::paused | lt::torrent_flags::apply_ip_filter);
        params.extensions.push_back(
            [&to](const lt::torrent_handle&, lt::client_data_t) { return std::make_shared<HostilePeer>(to, kBait); });
        joined.push_back(hostile->add_torrent(std::move(params)));
    }
    void call() { joined.back().connect_peer({between.local_endpoint().address(), between.local_endpoint().port()}); }
    bool talked(const Heard& to)
    {
        return run_until(io, [&] { return to.handshakes > 0; }, 30s);
    }
    bool has_answered(const lt::torrent_handle& torrent)
    {
        return run_until(io, [&] { return torrent.status().total_payload_download > 100'000; }, 30s);
    }

    udp::socket between;
    udp::endpoint hostile_at;
    Endpoint seen_as;
    std::set<Endpoint> others;
    int called = 0;
    Heard heard;
    Heard heard_elsewhere;
    TorrentNode victim;
    std::unique_ptr<lt::session> hostile; // before what its thread writes to is gone
    std::vector<lt::torrent_handle> joined;
};

TEST_F(HostilePeerTest, WithoutDiscretionItWouldSendUsAnywhere)
{
    const CreatedTorrent torrent = make_torrent(3'000'000);
    (void)victim_seeds(torrent, PeerMode::open);
    appears_as(kOpenPeer);
    attack(torrent, heard);
    ASSERT_TRUE(run_until(io, [&] { return !victim.sink.associations.empty(); }, 10s));
    call();
    ASSERT_TRUE(talked(heard));
    EXPECT_TRUE(run_until(
        io, [&] { return others.contains(kBait); }, 30s))
        << "an open torrent follows: the trick works";
    EXPECT_TRUE(victim.guard_text.empty()) << "what a peer says of our address ends nothing: " << victim.guard_text;
}

TEST_F(HostilePeerTest, AHiddenPeerSendsUsNowhereAndLearnsNoAddress)
{
    for (const PeerMode mode : {PeerMode::both, PeerMode::hidden}) {
        SCOPED_TRACE(to_string(mode));
        Heard heard_now;
        others.clear();
        const CreatedTorrent torrent = make_torrent(mode == PeerMode::both ? 3'000'000 : 3'100'000);
        const std::string id = victim_seeds(torrent, mode);
        appears_as(kMadeUpPeer);
        victim.service.hidden_linked(id, kMadeUpPeer, false);
        attack(torrent, heard_now);
        ASSERT_TRUE(run_until(io, [&] { return !victim.sink.associations.empty(); }, 10s));
        call();
        ASSERT_TRUE(talked(heard_now));
        EXPECT_TRUE(has_answered(joined.back())) << "what came after the tricks is read, so they were";
        EXPECT_TRUE(others.empty()) << others.begin()->to_string();
        EXPECT_EQ(heard_now.fast, 0) << "allowed pieces are chosen by the address";
        EXPECT_EQ(heard_now.handshake.find("yourip"), std::string::npos);
        EXPECT_EQ(heard_now.handshake.find("ut_holepunch"), std::string::npos);
        EXPECT_NE(heard_now.handshake.find("ut_metadata"), std::string::npos);
        hostile->remove_torrent(joined.back());
        ASSERT_TRUE(victim.wait_for([&](auto done) { victim.service.remove(id, false, done); }));
        hostile.reset(); // its thread writes to what goes with this round
        begin_session();
    }
}

TEST_F(HostilePeerTest, WeDoNotCallAPeerOfOneTorrentForAnother)
{
    const CreatedTorrent one = make_torrent(3'000'000);
    victim.service.hidden_linked(victim_seeds(one, PeerMode::both), kMadeUpPeer, false);
    const CreatedTorrent two = make_torrent(3'100'000);
    AddTorrent request;
    request.source = two.magnet;
    request.save_path = folder.path() / "got";
    request.route.hops = 1;
    request.peer_mode = PeerMode::both;
    request.peer_mode_chosen = true;
    const auto other = victim.add(request);
    ASSERT_TRUE(other) << other.error();
    appears_as(kMadeUpPeer);
    attack(one, heard);
    attack(two, heard_elsewhere);
    ASSERT_TRUE(run_until(io, [&] { return !victim.sink.associations.empty(); }, 10s));
    const auto port = hostile->listen_port();
    hostile_at = {boost::asio::ip::make_address("127.0.7.1"), port};
    // As if a tracker of the second torrent had named the address.
    ASSERT_TRUE(victim.wait_for([&](auto done) { victim.service.connect_peer(*other, kMadeUpPeer, done); }));
    ASSERT_TRUE(run_until(io, [&] { return called >= 2; }, 30s)) << "it tried, and again, so the first try ended";
    EXPECT_EQ(heard_elsewhere.handshakes, 0) << "not a word";
    victim.service.hidden_linked(*other, kMadeUpPeer, true);
    EXPECT_TRUE(talked(heard_elsewhere)) << "and with a link it may";
}

} // namespace
} // namespace cepa::main
