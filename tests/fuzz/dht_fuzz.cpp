// Input: packets of the DHT overlay for one node that has asked for things itself. Each is a byte that says how, a
// message id, a u16 length and a body. How: bit 0 the source, bit 1 signed with a node's key (else with the body as the
// whole rest of the packet), bit 2 with the identifier of the newest request of ours, bit 3 time passes before.
#include "tunnel/dht/dht.hpp"
#include "tunnel/error.hpp"

#include <algorithm>

#include "fuzz/fuzz.hpp"

using namespace cepa;
using namespace cepa::tunnel;

namespace {

struct FuzzClock final : Clock {
    [[nodiscard]] TimePoint now() const noexcept override { return at; }
    TimePoint at{std::chrono::hours(1)};
};

struct FuzzRandom final : RandomSource {
    void fill(MutableByteSpan out) noexcept override
    {
        std::ranges::generate(out, [this] { return ++last; });
    }
    [[nodiscard]] std::uint32_t below(std::uint32_t bound) noexcept override { return ++last % bound; }
    std::uint8_t last = 0;
};

/// Remembers the identifier of the newest request that was sent.
struct FuzzPackets final : PacketSender {
    void queue(const Endpoint& to, ByteSpan packet, CircuitId) override { send_now(to, packet); }
    void flush() override {}
    void send_now(const Endpoint&, ByteSpan packet) override
    {
        fuzz::require(packet.size() <= kMaxSentPacket);
        if (packet_message_id(packet) > dht_id::kConnectPeerResponse || packet_message_id(packet) % 2 == 0) return;
        Reader reader(packet.subspan(kPrefixSize + 1));
        static_cast<void>(reader.varlen());
        identifier = reader.u32();
    }
    std::uint32_t identifier = 0;
};

struct FuzzWorld final : ExitSocketFactory, Resolver, CircuitIdOwner {
    [[nodiscard]] Result<std::unique_ptr<ExitSocket>> open(CircuitId, ExitReceiver&) override
    {
        return fail(TunnelError::refused_by_policy);
    }
    void resolve(const std::string&, Done) override {}
    [[nodiscard]] bool is_mine(CircuitId) const noexcept override { return true; }
};

PrivateKey key_of(char letter)
{
    init_crypto();
    return *PrivateKey::parse(as_bytes("LibNaCLSK:" + std::string(64, letter)));
}

TunnelSettings fuzz_settings()
{
    TunnelSettings out;
    out.identity = key_of('a');
    out.identity_public = out.identity->public_key();
    out.listen = *Endpoint::parse("10.1.0.1:8090");
    return out;
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    static const TunnelSettings settings = fuzz_settings();
    static const PrivateKey peer = key_of('b');
    const Prefix prefix = make_prefix(kDhtOverlay);
    const std::array sources{*Endpoint::parse("10.2.0.1:8090"), *Endpoint::parse("10.3.0.1:8090")};
    FuzzClock clock;
    FuzzRandom random;
    FuzzPackets packets;
    FuzzWorld world;
    const Environment environment{clock, random, packets, world, world, world};
    OwnAddresses own(settings);
    DropCounts drops;
    Dht dht({settings, environment, own, drops});
    dht.remember({sources[0], peer.public_key()});
    Reader reader(ByteSpan(data, size));
    while (reader.ok() && reader.remaining() >= 4) {
        const std::uint8_t how = reader.u8();
        const std::uint8_t id = reader.u8();
        const ByteSpan rest = reader.take(std::min<std::size_t>(reader.u16(), reader.remaining()));
        Bytes body(rest.begin(), rest.end());
        if ((how & 4U) != 0 && body.size() >= 4) Writer(body).u32(packets.identifier);
        const Bytes packet = (how & 2U) != 0 ? build_signed(prefix, id, peer, std::nullopt, body)
                                             : build_unsigned(prefix, id, std::nullopt, body);
        if ((how & 8U) != 0) clock.at += std::chrono::milliseconds(700);
        dht.on_packet(sources[how & 1U], packet);
        if ((how & 16U) != 0) dht.find_values({id}, [](const DhtClient::Result&) {});
        if ((how & 32U) != 0) dht.store({id}, {0, id}, [](std::size_t) {});
        if ((how & 64U) != 0) dht.connect(peer.public_key(), [](std::optional<Endpoint>) {});
        dht.tick();
    }
    fuzz::require(dht.values().size() <= DhtValueStore::kMostValues);
    fuzz::require(dht.table().size() <= DhtNodeTable::kMostNodes);
    return 0;
}
