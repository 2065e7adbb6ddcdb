// Moves one torrent between libtorrent sessions over uTP, to find the engine's own ceiling and cost: directly, or through
// a SOCKS5 proxy. `./run bench` compares Cepa with it.
//
//   lt_transfer make FILE MEGABYTES TORRENT [PIECE_KIB]      a file of pseudo-random bytes and its torrent
//   lt_transfer seed FOLDER TORRENT [k=v ...]                prints "ready PORT", then seeds until SIGTERM
//   lt_transfer get  FOLDER TORRENT PEERS [k=v ...]          PEERS: ADDRESS:PORT[,ADDRESS:PORT...]
//
// k=v is any libtorrent setting, or listen=ADDRESS[:PORT], proxy=PORT, disk=mmap|posix|disabled, timeout=SECONDS.
// `get` and a stopped `seed` print one JSON object: rate, CPU seconds of the process and per GB, CPU by thread.
#include <libtorrent/alert_types.hpp>
#include <libtorrent/create_torrent.hpp>
#include <libtorrent/disabled_disk_io.hpp>
#include <libtorrent/mmap_disk_io.hpp>
#include <libtorrent/posix_disk_io.hpp>
#include <libtorrent/session.hpp>
#include <libtorrent/session_params.hpp>
#include <libtorrent/torrent_info.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace lt = libtorrent;
using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;
using Pack = lt::settings_pack;

volatile std::sig_atomic_t stop = 0;

double seconds_since(Steady::time_point start) { return std::chrono::duration<double>(Steady::now() - start).count(); }

/// CPU seconds of this process's living threads, summed by name.
std::map<std::string, double> cpu_by_thread()
{
    std::map<std::string, double> out;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
        std::ifstream name_file(entry.path() / "comm");
        std::ifstream time_file(entry.path() / "schedstat");
        std::string name;
        double nanoseconds = 0;
        std::getline(name_file, name);
        time_file >> nanoseconds;
        out[name] += nanoseconds / 1e9;
    }
    return out;
}

double sum(const std::map<std::string, double>& by_thread)
{
    double out = 0;
    for (const auto& [name, s] : by_thread) out += s;
    return out;
}

std::string json_of(const std::map<std::string, double>& by_thread)
{
    std::string out = "{";
    for (const auto& [name, s] : by_thread) {
        std::array<char, 96> text{};
        std::snprintf(text.data(), text.size(), "%s\"%.40s\": %.3f", out.size() > 1 ? ", " : "", name.c_str(), s);
        out += text.data();
    }
    return out + "}";
}

struct Options {
    Pack pack;
    std::map<std::string, std::string> own;

    [[nodiscard]] std::string get(const std::string& key, const std::string& otherwise) const
    {
        const auto found = own.find(key);
        return found == own.end() ? otherwise : found->second;
    }
};

void use_proxy(Pack& pack, int port)
{
    pack.set_int(Pack::proxy_type, Pack::socks5);
    pack.set_str(Pack::proxy_hostname, "127.0.0.1");
    pack.set_int(Pack::proxy_port, port);
    pack.set_bool(Pack::proxy_peer_connections, true);
    pack.set_bool(Pack::proxy_hostnames, true);
}

void set_by_name(Pack& pack, int id, const std::string& value)
{
    switch (id & Pack::type_mask) {
    case Pack::string_type_base: pack.set_str(id, value); break;
    case Pack::int_type_base: pack.set_int(id, std::stoi(value)); break;
    default: pack.set_bool(id, value == "1" || value == "true");
    }
}

Options parse(const std::vector<std::string>& arguments)
{
    Options out;
    for (const int off : {Pack::enable_dht, Pack::enable_lsd, Pack::enable_upnp, Pack::enable_natpmp,
                          Pack::enable_outgoing_tcp, Pack::enable_incoming_tcp})
        out.pack.set_bool(off, false);
    out.pack.set_bool(Pack::allow_multiple_connections_per_ip, true);
    out.pack.set_int(Pack::recv_socket_buffer_size, 4 << 20); // the default loses packets: 15 times slower
    out.pack.set_int(Pack::send_socket_buffer_size, 4 << 20);
    out.pack.set_int(Pack::alert_mask, static_cast<int>(static_cast<std::uint32_t>(
                                           lt::alert_category::error | lt::alert_category::status)));
    for (const std::string& argument : arguments) {
        const std::size_t equals = argument.find('=');
        if (equals == std::string::npos) throw std::runtime_error("not k=v: " + argument);
        const std::string key = argument.substr(0, equals);
        const std::string value = argument.substr(equals + 1);
        const int id = lt::setting_by_name(key);
        if (id >= 0) set_by_name(out.pack, id, value);
        else if (key == "proxy") use_proxy(out.pack, std::stoi(value));
        else out.own[key] = value;
    }
    const std::string listen = out.get("listen", "127.0.0.1");
    out.pack.set_str(Pack::listen_interfaces, listen.contains(':') ? listen : listen + ":0");
    return out;
}

int make(const std::vector<std::string>& arguments)
{
    const std::filesystem::path file = arguments.at(0);
    const std::int64_t megabytes = std::stoll(arguments.at(1));
    const int piece_kib = arguments.size() > 3 ? std::stoi(arguments[3]) : 1024;
    std::uint64_t state = 88172645463325252ULL; // xorshift64: not compressible, the same every time
    std::vector<std::uint64_t> block(1000000 / sizeof(std::uint64_t));
    std::ofstream out(file, std::ios::binary);
    for (std::int64_t i = 0; i < megabytes; ++i) {
        for (std::uint64_t& word : block) {
            state ^= state << 13U;
            state ^= state >> 7U;
            state ^= state << 17U;
            word = state;
        }
        out.write(reinterpret_cast<const char*>(block.data()), 1000000);
    }
    out.close();
    if (!out) throw std::runtime_error("write " + file.string());
    lt::file_storage files;
    lt::add_files(files, file.string());
    lt::create_torrent torrent(files, piece_kib * 1024, lt::create_torrent::v1_only);
    lt::set_piece_hashes(torrent, std::filesystem::absolute(file).parent_path().string());
    std::vector<char> encoded;
    lt::bencode(std::back_inserter(encoded), torrent.generate());
    std::ofstream(arguments.at(2), std::ios::binary).write(encoded.data(), static_cast<std::streamsize>(encoded.size()));
    return 0;
}

lt::session_params session_of(const Options& options)
{
    lt::session_params params(options.pack);
    const std::string disk = options.get("disk", "mmap");
    if (disk == "posix") params.disk_io_constructor = lt::posix_disk_io_constructor;
    if (disk == "disabled") params.disk_io_constructor = lt::disabled_disk_io_constructor;
    return params;
}

lt::torrent_handle add(lt::session& session, const std::string& folder, const std::string& torrent, bool seeding)
{
    lt::add_torrent_params params;
    params.ti = std::make_shared<lt::torrent_info>(torrent);
    params.save_path = folder;
    params.flags &= ~(lt::torrent_flags::auto_managed | lt::torrent_flags::paused);
    if (seeding) params.flags |= lt::torrent_flags::seed_mode;
    return session.add_torrent(params);
}

void show_failures(lt::session& session)
{
    std::vector<lt::alert*> alerts;
    session.pop_alerts(&alerts);
    for (const lt::alert* a : alerts)
        if (lt::alert_cast<lt::socks5_alert>(a) != nullptr || lt::alert_cast<lt::listen_failed_alert>(a) != nullptr)
            std::cerr << "lt_transfer: " << a->message() << '\n';
}

int seed(const std::vector<std::string>& arguments)
{
    const Options options = parse({arguments.begin() + 2, arguments.end()});
    lt::session session(session_of(options));
    const lt::torrent_handle torrent = add(session, arguments.at(0), arguments.at(1), true);
    while (stop == 0 && session.listen_port() == 0) std::this_thread::sleep_for(10ms);
    std::cout << "ready " << session.listen_port() << std::endl;
    while (stop == 0) {
        show_failures(session);
        std::this_thread::sleep_for(100ms);
    }
    const auto threads = cpu_by_thread();
    std::printf("{\"uploaded\": %lld, \"cpu_s\": %.3f, \"threads\": %s}\n",
                static_cast<long long>(torrent.status().total_payload_upload), sum(threads), json_of(threads).c_str());
    std::fflush(stdout);
    std::_Exit(0); // a session's teardown takes seconds, and nothing here needs it
}

std::vector<lt::tcp::endpoint> peers_of(const std::string& list)
{
    std::vector<lt::tcp::endpoint> out;
    for (std::size_t at = 0; at < list.size();) {
        const std::size_t end = std::min(list.find(',', at), list.size());
        const std::string one = list.substr(at, end - at);
        const std::size_t colon = one.rfind(':');
        if (colon == std::string::npos) throw std::runtime_error("not ADDRESS:PORT: " + one);
        out.emplace_back(lt::make_address(one.substr(0, colon)), static_cast<std::uint16_t>(std::stoi(one.substr(colon + 1))));
        at = end + 1;
    }
    return out;
}

int get(const std::vector<std::string>& arguments)
{
    const auto peers = peers_of(arguments.at(2));
    const Options options = parse({arguments.begin() + 3, arguments.end()});
    lt::session session(session_of(options));
    const lt::torrent_handle torrent = add(session, arguments.at(0), arguments.at(1), false);
    const auto began = Steady::now();
    const double limit = std::stod(options.get("timeout", "120"));
    auto first_byte = began;
    auto tried = began - 10s;
    double cpu_before = 0;
    std::int64_t bytes_before = -1;
    lt::torrent_status status;
    while (stop == 0 && seconds_since(began) < limit) {
        status = torrent.status();
        if (seconds_since(tried) > 1 && status.num_peers < static_cast<int>(peers.size())) { // the proxy may be late
            for (const auto& peer : peers) torrent.connect_peer(peer);
            tried = Steady::now();
        }
        if (bytes_before < 0 && status.total_payload_download > 0) {
            first_byte = Steady::now();
            bytes_before = status.total_payload_download;
            cpu_before = sum(cpu_by_thread());
        }
        if (status.is_finished && bytes_before >= 0) break;
        show_failures(session);
        std::this_thread::sleep_for(5ms);
    }
    const double seconds = seconds_since(first_byte);
    const auto threads = cpu_by_thread();
    const double cpu = sum(threads) - cpu_before;
    const double bytes = static_cast<double>(status.total_payload_download - std::max<std::int64_t>(bytes_before, 0));
    std::printf("{\"ok\": %s, \"bytes\": %.0f, \"setup_s\": %.3f, \"seconds\": %.3f, \"mb_per_s\": %.1f, \"cpu_s\": %.3f, "
                "\"cpu_s_per_gb\": %.3f, \"threads\": %s}\n",
                status.is_finished ? "true" : "false", bytes, std::chrono::duration<double>(first_byte - began).count(),
                seconds, bytes / 1e6 / seconds, cpu, bytes > 0 ? cpu / (bytes / 1e9) : 0, json_of(threads).c_str());
    std::fflush(stdout);
    std::_Exit(status.is_finished ? 0 : 1);
}

} // namespace

int main(int argc, char** argv)
{
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    std::signal(SIGTERM, [](int) { stop = 1; });
    std::signal(SIGINT, [](int) { stop = 1; });
    try {
        const std::vector<std::string> rest(arguments.begin() + (arguments.empty() ? 0 : 1), arguments.end());
        if (!arguments.empty() && arguments[0] == "make" && rest.size() >= 3) return make(rest);
        if (!arguments.empty() && arguments[0] == "seed" && rest.size() >= 2) return seed(rest);
        if (!arguments.empty() && arguments[0] == "get" && rest.size() >= 3) return get(rest);
    } catch (const std::exception& e) {
        std::cerr << "lt_transfer: " << e.what() << '\n';
        return 1;
    }
    std::cerr << "usage: lt_transfer make FILE MEGABYTES TORRENT [PIECE_KIB] | seed FOLDER TORRENT [k=v ...] | "
                 "get FOLDER TORRENT PEERS [k=v ...]\n";
    return 2;
}
