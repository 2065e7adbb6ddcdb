// One node of ours on loopback, for tests against the deployed implementation: a Tunnel with a real UDP socket, and
// nothing of main or worker. Speaks JSON lines with the test that started it, and ends when its stdin does.
//   tunnel_node --overlay HEX [--relay] [--exit] [--peer ADDR:PORT]... [--bootstrap ADDR:PORT] [--hops N --to ADDR:PORT --count N --size N
//   --relays N --exits N]
// With --hops it waits until it knows that many relays and exits, builds one circuit, sends datagrams to an echo
// server, and exits 0 when all came back as they were sent.
#include "tunnel/crypto/random.hpp"
#include "tunnel/tunnel.hpp"
#include "tunnel/udp_endpoint.hpp"
#include "tunnel/udp_exit_socket.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

#include "interop/echo_transfer.hpp"

namespace cepa::interop {
namespace {

using namespace tunnel;
using namespace std::chrono_literals;

struct Options {
    TunnelSettings settings;
    std::uint8_t hops = 0;
    Endpoint to;
    std::uint32_t count = 1000;
    std::size_t size = 1200;
    std::uint32_t relays = 1;
    std::uint32_t exits = 1;
};

Endpoint endpoint_of(const std::string& text)
{
    const auto endpoint = Endpoint::parse(text);
    if (!endpoint || !endpoint->ip.is_loopback()) throw std::runtime_error("not a loopback address: " + text);
    return *endpoint;
}

OverlayId overlay_of(const std::string& hex)
{
    OverlayId out{};
    if (hex.size() != 2 * out.size()) throw std::runtime_error("an overlay id has 40 digits");
    for (std::size_t i = 0; i < out.size(); ++i)
        out[i] = static_cast<std::uint8_t>(std::stoul(hex.substr(2 * i, 2), nullptr, 16));
    return out;
}

Options parse(const std::vector<std::string>& arguments)
{
    Options out;
    TunnelSettings& s = out.settings;
    s.allow_loopback = s.allow_equal_prefixes = true;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string& name = arguments[i];
        if (name == "--relay")
            s.relay = true;
        else if (name == "--exit")
            s.exit_bittorrent = s.exit_ipv8 = true;
        else if (i + 1 == arguments.size())
            throw std::runtime_error("a value is missing after " + name);
        else if (name == "--overlay")
            s.overlay = overlay_of(arguments[++i]);
        else if (name == "--peer")
            s.walk_to.push_back(endpoint_of(arguments[++i]));
        else if (name == "--bootstrap")
            s.bootstrap.push_back(endpoint_of(arguments[++i]));
        else if (name == "--hops")
            out.hops = static_cast<std::uint8_t>(std::stoul(arguments[++i]));
        else if (name == "--to")
            out.to = endpoint_of(arguments[++i]);
        else if (name == "--count")
            out.count = static_cast<std::uint32_t>(std::stoul(arguments[++i]));
        else if (name == "--size")
            out.size = std::stoul(arguments[++i]);
        else if (name == "--relays")
            out.relays = static_cast<std::uint32_t>(std::stoul(arguments[++i]));
        else if (name == "--exits")
            out.exits = static_cast<std::uint32_t>(std::stoul(arguments[++i]));
        else
            throw std::runtime_error("unknown option " + name);
    }
    s.identity = PrivateKey::generate();
    s.identity_public = s.identity->public_key();
    return out;
}

std::string hex(ByteSpan bytes)
{
    std::string out;
    for (const std::uint8_t byte : bytes)
        out += fmt::format("{:02x}", byte);
    return out;
}

void say(const std::string& json)
{
    std::puts(json.c_str());
    std::fflush(stdout);
}

FileDescriptor bound_socket()
{
    FileDescriptor fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_storage address{};
    const socklen_t size = Endpoint{IpAddress::v4(0x7f000001), 0}.to_sockaddr(address);
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) throw std::runtime_error("bind");
    set_socket_buffers(fd.get(), 4 << 20);
    return fd;
}

struct AllMine final : CircuitIdOwner {
    [[nodiscard]] bool is_mine(CircuitId) const noexcept override { return true; }
};

/// The tests name no hosts.
struct NoNames final : Resolver {
    explicit NoNames(boost::asio::io_context& on) : io(on) {}
    void resolve(const std::string&, Done done) override
    {
        boost::asio::post(io, [done = std::move(done)] { done(fail(boost::asio::error::host_not_found)); });
    }
    boost::asio::io_context& io;
};

class Node final : public PacketReceiver, public TunnelObserver {
public:
    explicit Node(Options options)
        : options_(std::move(options)), endpoint_(io_, bound_socket(), *this), exits_(io_, endpoint_.local()),

          tunnel_(settings(), Environment{clock_, random_, endpoint_, exits_, resolver_, all_mine_}, *this),
          transfer_(options_.count, options_.size, [this](ByteSpan datagram) { send(datagram); }),
          started_(clock_.now())
    {
    }

    int run()
    {
        say(fmt::format(R"({{"event":"listening","address":"{}","mid":"{}"}})", endpoint_.local().to_string(),
                        hex(options_.settings.identity_public.mid())));
        endpoint_.start();
        watch_stdin();
        tick();
        io_.run();
        tunnel_.shut_down();
        if (options_.hops == 0) report_traffic();
        return result_;
    }

    void on_packet(const Endpoint& source, PacketBuffer& packet) override { tunnel_.on_packet(source, packet); }
    void on_packet_batch_end() override { tunnel_.on_batch_end(); }

    void on_data(CircuitId, const Address& origin, PacketBuffer& payload) override
    {
        if (origin == Address(options_.to))
            transfer_.on_echo(payload.bytes(), clock_.now());
        else
            ++strays_;
    }
    void on_circuit_ready(CircuitId circuit) override
    {
        ready_ = true;
        for (const CircuitView& view : tunnel_.circuits()) {
            if (view.id != circuit) continue;
            for (const HopView& hop : view.hops)
                path_ += (path_.empty() ? "\"" : ",\"") + hex(hop.mid) + '"';
        }
    }
    void on_circuit_closed(CircuitId, std::string_view reason) override
    {
        say(fmt::format(R"({{"event":"circuit closed","reason":"{}"}})", reason));
        ready_ = building_ = false;
        path_.clear();
    }
    void on_candidates_changed() override {}
    void on_guards_changed(const std::vector<Guard>&) override {}
    void on_address_changed() override {}
    void on_resumed() override {}
    void on_limit(std::string_view) override {}
    void on_swarm_seen(ByteSpan) override {}

private:
    static constexpr auto kTick = 50ms;
    static constexpr auto kAtMost = 150s;
    static constexpr int kCircuits = 5;

    TunnelSettings settings()
    {
        options_.settings.listen = endpoint_.local();
        return options_.settings;
    }

    void watch_stdin()
    {
        stdin_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](const ErrorCode&) {
            std::array<char, 256> ignored;
            if (::read(0, ignored.data(), ignored.size()) > 0)
                watch_stdin();
            else
                io_.stop();
        });
    }

    void tick()
    {
        tunnel_.tick();
        if (options_.hops > 0) drive();
        tunnel_.on_batch_end();
        timer_.expires_after(kTick);
        timer_.async_wait([this](const ErrorCode& error) {
            if (!error) tick();
        });
    }

    void drive()
    {
        if (ready_) transfer_.tick(clock_.now());
        if (transfer_.done()) return finish(transfer_.wrong() == 0 ? 0 : 1, "done");
        if (clock_.now() - started_ > kAtMost || built_ > kCircuits) return finish(1, "failed");
        const DiscoveryView known = tunnel_.discovery();
        if (building_ || known.relays < options_.relays || known.exits < options_.exits) return;
        const auto circuit = tunnel_.create_circuit(options_.hops, 1);
        if (!circuit) return;
        circuit_ = *circuit;
        building_ = true;
        ++built_;
    }

    void send(ByteSpan datagram)
    {
        if (!ready_) return;
        std::array<std::uint8_t, kPacketSlot> slot;
        std::ranges::copy(datagram, slot.begin() + kPacketHeadroom);
        PacketBuffer packet(slot, kPacketHeadroom, datagram.size());
        if (!tunnel_.send_data(circuit_, Address(options_.to), packet)) ++refused_;
        tunnel_.on_batch_end(); // the slot is ours only until here
    }

    void finish(int result, const char* event)
    {
        const DiscoveryView known = tunnel_.discovery();
        say(fmt::format(
            R"({{"event":"{}","path":[{}],"circuits":{},"echoed":{},"repeated":{},"wrong":{},"strays":{},"refused":{},"relays":{},"exits":{},"seconds":{:.1f},"drops":{{{}}}}})",
            event, path_, built_, transfer_.echoed(), transfer_.repeated(), transfer_.wrong(), strays_, refused_,
            known.relays, known.exits, std::chrono::duration<double>(clock_.now() - started_).count(), drops()));
        result_ = result;
        io_.stop();
    }

    void report_traffic()
    {
        const TunnelCounters counters = tunnel_.counters();
        say(fmt::format(R"({{"event":"traffic","relayed":{},"exited":{},"peers":{},"drops":{{{}}}}})",
                        counters.relayed_bytes, counters.exited_bytes, tunnel_.discovery().peers, drops()));
    }

    [[nodiscard]] std::string drops() const
    {
        std::string out;
        for (const auto& [why, count] : tunnel_.counters().drops)
            out += fmt::format(R"({}"{}":{})", out.empty() ? "" : ",", why, count);
        return out;
    }

    Options options_;
    boost::asio::io_context io_{1};
    boost::asio::steady_timer timer_{io_};
    boost::asio::posix::stream_descriptor stdin_{io_, ::dup(0)};
    BootClock clock_;
    SystemRandom random_;
    AllMine all_mine_;
    UdpEndpoint endpoint_;
    UdpExitSockets exits_;
    NoNames resolver_{io_};
    Tunnel tunnel_;
    EchoTransfer transfer_;
    TimePoint started_;
    CircuitId circuit_;
    std::string path_;
    bool building_ = false;
    bool ready_ = false;
    int built_ = 0;
    int result_ = 0;
    std::uint32_t strays_ = 0;
    std::uint32_t refused_ = 0;
};

} // namespace
} // namespace cepa::interop

int main(int count, char** arguments)
{
    try {
        cepa::tunnel::init_crypto();
        return cepa::interop::Node(cepa::interop::parse({arguments + 1, arguments + count})).run();
    } catch (const std::exception& error) {
        std::fprintf(stderr, "tunnel_node: %s\n", error.what());
        return 2;
    }
}
