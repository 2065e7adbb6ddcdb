// A libtorrent session that does everything wrong, for containment_test.py. What leaves is counted from outside.
//   worst_settings contained   libtorrent's own defaults, every discovery on, inside the containment: nothing may leave
//   worst_settings open        the same without: the control, which must leak
//   worst_settings hardened    our settings and our cleaning without containment: nothing may leave
//   worst_settings uncleaned   our settings, the torrent not cleaned, without containment: a control that must leak
// Exit status 0 when it ran, 77 when the system refuses containment, 1 when something else was wrong.
#include "main/containment.hpp"
#include "main/torrent_cleaning.hpp"
#include "main/torrent_settings.hpp"

#include <libtorrent/add_torrent_params.hpp>
#include <libtorrent/magnet_uri.hpp>
#include <libtorrent/session.hpp>
#include <libtorrent/settings_pack.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>

namespace {

namespace lt = libtorrent;
using namespace cepa::main;

constexpr std::uint16_t kNobody = 9; // a SOCKS5 port where nothing answers
constexpr std::chrono::seconds kRun{5};

lt::settings_pack worst()
{
    lt::settings_pack pack;
    pack.set_str(lt::settings_pack::listen_interfaces, "0.0.0.0:6881,[::]:6881");
    pack.set_str(lt::settings_pack::dht_bootstrap_nodes, "bootstrap.leak.test:6881,198.51.100.9:6881");
    for (const int on : {lt::settings_pack::enable_dht, lt::settings_pack::enable_lsd, lt::settings_pack::enable_upnp, lt::settings_pack::enable_natpmp})
        pack.set_bool(on, true);
    return pack;
}

lt::add_torrent_params evil()
{
    lt::add_torrent_params params = lt::parse_magnet_uri(
        "magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567&tr=http%3A%2F%2Ftracker.leak.test%2Fannounce"
        "&tr=udp%3A%2F%2F198.51.100.5%3A6969&tr=http%3A%2F%2Fx.i2p%2Fa&ws=http%3A%2F%2Fseed.leak.test%2F"
        "&x.pe=198.51.100.6:6881&x.pe=[2001:db8::6]:6881&x.pe=peer.leak.test:6881&dht=unique.leak.test:6881");
    params.save_path = "/tmp";
    return params;
}

/// A socket of the host's network serves while the session is inside: the API's case.
bool serves_outside()
{
    const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof here;
    if (::bind(listener, reinterpret_cast<sockaddr*>(&here), size) != 0 || ::listen(listener, 1) != 0) return false;
    ::getsockname(listener, reinterpret_cast<sockaddr*>(&here), &size);
    const int client = ::socket(AF_INET, SOCK_STREAM, 0);
    return ::connect(client, reinterpret_cast<sockaddr*>(&here), size) == 0 && ::accept(listener, nullptr, nullptr) >= 0;
}

} // namespace

int main(int argc, char** argv)
{
    const std::string mode = argc > 1 ? argv[1] : "";
    const bool contained = mode == "contained";
    Containment containment(contained ? Containment::prepare() : ContainmentPermit{false, "not wanted"});
    containment.start();
    if (contained && !containment.status().on) {
        std::fprintf(stderr, "%s\n", containment.status().why_off.c_str());
        return 77;
    }
    const bool ours = mode == "hardened" || mode == "uncleaned";
    if (!ours && mode != "open" && !contained) return 1;
    lt::add_torrent_params params = evil();
    if (mode == "hardened") clean(params, {true, false});
    std::unique_ptr<lt::session> session;
    containment.run_inside([&] {
        session = std::make_unique<lt::session>(ours ? session_parameters(anonymous_settings(kNobody, {})) : lt::session_params(worst()));
    });
    session->async_add_torrent(std::move(params));
    const bool served = serves_outside();
    std::this_thread::sleep_for(kRun);
    std::fflush(nullptr);
    std::_Exit(served ? 0 : 1); // a session's end takes seconds and would send no other kind of packet
}
