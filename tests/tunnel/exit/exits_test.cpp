#include "support/circuit_bench.hpp"
#include "tunnel/exit/exits.hpp"

#include <gtest/gtest.h>

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;

const Endpoint kPrevious{IpAddress::v4(0x33010001), 1000};
const Endpoint kHost{IpAddress::v4(0x05060708), 6881};
constexpr CircuitId kId(11);

Bytes utp(std::size_t size = 60)
{
    Bytes out(size, 1);
    out[0] = 0x01;
    return out;
}

class ExitsTest : public ::testing::Test {
protected:
    ExitsTest()
    {
        settings_.overlay = bench_.overlay();
        settings_.exit_bittorrent = settings_.relay = true;
        start();
        add(kId);
    }
    void start()
    {
        exits_ = std::make_unique<Exits>(Exits::Tools{settings_, bench_.environment, bench_.routes, bench_.sender,
                                                      bench_.aead, bench_.counters, bench_.rate, bench_.budget});
    }
    JoinedCircuit& add(CircuitId id)
    {
        auto [ours, theirs] = bench_.session();
        originator_ = std::make_unique<Layer>(std::move(ours));
        return joined_.add(
            std::make_unique<JoinedCircuit>(id, kPrevious, PublicKey{}, std::move(theirs), bench_.now()));
    }
    void data(const Address& to, ByteSpan payload, CircuitId id = kId)
    {
        test::OwnedPacket packet(test::message_bytes(Data{to, {}, payload}));
        exits_->on_data(bench_.routes.find(id).joined(), packet.buffer(), bench_.now());
        exits_->flush();
    }
    void answer(const Endpoint& from, ByteSpan payload, CircuitId id = kId)
    {
        test::OwnedPacket packet(payload);
        exits_->on_exit_datagram(id, from, packet.buffer());
        exits_->on_exit_batch_end();
    }
    const std::vector<test::RecordedDatagram>& sent() const { return bench_.sockets.sent; }

    test::CircuitBench bench_;
    TunnelSettings settings_;
    std::unique_ptr<Exits> exits_;
    JoinedCircuits joined_{bench_.routes};
    std::unique_ptr<Layer> originator_;
};

TEST_F(ExitsTest, SendsFromOneSocketPerCircuitAndBringsAnswersBack)
{
    data(kHost, utp());
    data(kHost, utp());
    ASSERT_EQ(sent().size(), 2U);
    EXPECT_EQ(sent()[0].to, kHost);
    EXPECT_EQ(sent()[0].bytes, utp());
    EXPECT_EQ(bench_.sockets.opened, std::vector<CircuitId>{kId});
    answer(kHost, utp(700));
    const test::SentPacket back = bench_.packets.take();
    EXPECT_EQ(back.to, kPrevious);
    EXPECT_EQ(back.header().circuit, kId);
    const Bytes message = bench_.open(back, {originator_.get()});
    ASSERT_FALSE(message.empty());
    const auto parsed = Data::parse(ByteSpan(message).subspan(1));
    ASSERT_TRUE(parsed);
    EXPECT_TRUE(parsed->destination.is_null());
    EXPECT_EQ(parsed->origin, Address(kHost));
    EXPECT_TRUE(std::ranges::equal(parsed->payload, utp(700)));
    EXPECT_EQ(bench_.packets.flushes, 1);
    EXPECT_EQ(bench_.counters.exited_bytes, 60U + 60U + 700U);
}

TEST_F(ExitsTest, FiltersBothWays)
{
    const Bytes web = {'G', 'E', 'T', ' ', '/', ' ', 'H', 'T', 'T', 'P', '/', '1', '.', '1', '\r', '\n'};
    data(kHost, web);
    EXPECT_EQ(bench_.dropped(Drop::exit_filter), 1U);
    EXPECT_TRUE(bench_.sockets.opened.empty()); // nothing is opened for what may not leave
    data(kHost, utp());
    answer(kHost, web);
    EXPECT_EQ(bench_.dropped(Drop::exit_filter), 2U);
    EXPECT_TRUE(bench_.packets.sent.empty());
}

TEST_F(ExitsTest, RefusesDestinationsThatAreNotPublic)
{
    for (const char* bad : {"127.0.0.1:6881", "10.0.0.1:6881", "192.168.1.1:80", "169.254.1.1:1", "224.0.0.1:1",
                            "100.64.0.1:1", "255.255.255.255:1", "[::1]:1", "[fe80::1]:1", "[fc00::1]:1",
                            "[::ffff:127.0.0.1]:1", "[::ffff:10.0.0.1]:1", "5.6.7.8:25", "5.6.7.8:53", "5.6.7.8:0"}) {
        data(*Endpoint::parse(bad), utp());
    }
    exits_->set_own_addresses({{kHost.ip, 8090}});
    data(kHost, utp());
    EXPECT_EQ(bench_.dropped(Drop::exit_destination), 16U);
    EXPECT_TRUE(sent().empty());
}

TEST_F(ExitsTest, WaitsForANameAndChecksWhatItResolvesTo)
{
    data(Address("tracker.example", 6881), utp(61));
    data(Address("tracker.example", 6882), utp(62));
    EXPECT_TRUE(sent().empty());
    ASSERT_EQ(bench_.resolver.asked.size(), 1U);
    const IpAddress v6 = *IpAddress::parse("2a00::1");
    bench_.resolver.answer(std::vector{IpAddress::v4(0x7f000001), v6, kHost.ip, IpAddress::v4(0x0a000001)});
    ASSERT_EQ(sent().size(), 2U);
    EXPECT_EQ(sent()[0].to, (Endpoint{kHost.ip, 6881})); // the first public one, IPv4 before IPv6
    EXPECT_EQ(sent()[1].to, (Endpoint{kHost.ip, 6882}));
    data(Address("tracker.example", 6883), utp());
    EXPECT_EQ(sent().size(), 3U); // known now
    EXPECT_TRUE(bench_.resolver.asked.empty());
    data(Address("inside.example", 80), utp());
    bench_.resolver.answer(std::vector{IpAddress::v4(0x7f000001), IpAddress::v4(0xc0a80001)});
    EXPECT_EQ(bench_.dropped(Drop::exit_destination), 1U);
    data(Address("inside.example", 80), utp());
    EXPECT_EQ(bench_.dropped(Drop::exit_destination), 2U);
    EXPECT_EQ(sent().size(), 3U);
}

TEST_F(ExitsTest, NamesThatAreLiteralsOrNoNamesAreNotAskedFor)
{
    data(Address("127.0.0.1", 80), utp());
    EXPECT_EQ(bench_.dropped(Drop::exit_destination), 1U);
    data(Address("bad name", 80), utp());
    EXPECT_EQ(bench_.dropped(Drop::exit_name), 1U);
    settings_.resolve_names = false;
    data(Address("good.example", 80), utp());
    EXPECT_EQ(bench_.dropped(Drop::exit_name), 2U);
    EXPECT_TRUE(bench_.resolver.asked.empty());
}

TEST_F(ExitsTest, WaitingIsBounded)
{
    for (std::size_t i = 0; i < Exits::kMostWaiting + 5; ++i)
        data(Address("slow.example", 80), utp());
    EXPECT_EQ(bench_.dropped(Drop::exit_name), 5U);
    for (std::uint32_t i = 0; i < 2 * Exits::kMostNames; ++i) {
        add(CircuitId(100 + i));
        data(Address("host" + std::to_string(i) + ".example", 80), utp(), CircuitId(100 + i));
    }
    EXPECT_EQ(bench_.resolver.asked.size(), Exits::kMostNames);
    bench_.resolver.answer(std::vector{kHost.ip});
    EXPECT_EQ(sent().size(), Exits::kMostWaiting);
}

TEST_F(ExitsTest, AnswersOfTheResolverMayComeTooLate)
{
    data(Address("slow.example", 80), utp());
    joined_.remove(kId, bench_.now());
    bench_.resolver.answer(std::vector{kHost.ip});
    add(CircuitId(12));
    data(Address("slower.example", 80), utp(), CircuitId(12));
    joined_.remove(CircuitId(12), bench_.now());
    exits_.reset();
    bench_.resolver.answer(std::vector{kHost.ip});
    EXPECT_TRUE(sent().empty());
}

TEST_F(ExitsTest, FanOutIsBoundedPerMinute)
{
    settings_.exit_fan_out_per_min = 50;
    for (std::uint32_t i = 0; i < 200; ++i)
        data(Endpoint{IpAddress::v4(0x05060000 + i), 6881}, utp());
    EXPECT_EQ(sent().size(), 50U);
    EXPECT_EQ(bench_.dropped(Drop::exit_fan_out), 150U);
    data(Endpoint{IpAddress::v4(0x05060000), 6881}, utp()); // an old acquaintance
    EXPECT_EQ(sent().size(), 51U);
    bench_.clock.advance(60s);
    data(Endpoint{IpAddress::v4(0x05060000 + 199), 6881}, utp());
    EXPECT_EQ(sent().size(), 52U);
}

TEST_F(ExitsTest, OneDestinationHasOnlySoManyCircuits)
{
    settings_.exit_circuits_per_destination = 3;
    for (std::uint32_t i = 0; i < 6; ++i) {
        add(CircuitId(20 + i));
        data(Endpoint{kHost.ip, static_cast<std::uint16_t>(6000 + i)}, utp(), CircuitId(20 + i)); // any port of it
    }
    EXPECT_EQ(sent().size(), 3U);
    EXPECT_EQ(bench_.dropped(Drop::exit_fan_out), 3U);
    data(Endpoint{IpAddress::v4(0x05060709), 6881}, utp(), CircuitId(25));
    EXPECT_EQ(sent().size(), 4U);
    // Who goes on sending keeps its place, the silent ones lose theirs.
    for (int i = 0; i < 10; ++i) {
        bench_.clock.advance(30s);
        data(Endpoint{kHost.ip, 6000}, utp(), CircuitId(20));
        exits_->tick(bench_.now());
    }
    EXPECT_EQ(sent().size(), 14U);
    for (std::uint32_t i = 3; i < 6; ++i)
        data(Endpoint{kHost.ip, 6000}, utp(), CircuitId(20 + i));
    EXPECT_EQ(sent().size(), 16U);
}

TEST_F(ExitsTest, OneDestinationHasItsOwnRate)
{
    settings_.exit_destination_rate_bytes_per_s = 100'000;
    for (int i = 0; i < 200; ++i)
        data(kHost, utp(1000));
    EXPECT_EQ(sent().size(), 65U); // the smallest burst, 64 KiB
    add(CircuitId(12));
    data(kHost, utp(1000), CircuitId(12)); // from any circuit
    EXPECT_EQ(sent().size(), 65U);
    data(Endpoint{IpAddress::v4(0x05060709), 6881}, utp(1000));
    EXPECT_EQ(sent().size(), 66U);
    bench_.clock.advance(1s);
    for (int i = 0; i < 200; ++i)
        data(kHost, utp(1000));
    EXPECT_EQ(sent().size(), 66U + 65U);
}

TEST_F(ExitsTest, TheCapOnAllExitsCountsBothWays)
{
    bench_.rate = RateCap(100'000);
    for (int i = 0; i < 40; ++i) {
        data(kHost, utp(1000));
        answer(kHost, utp(1000));
    }
    EXPECT_EQ(sent().size() + bench_.packets.sent.size(), 65U);
    EXPECT_EQ(bench_.dropped(Drop::exit_rate), 15U);
}

TEST_F(ExitsTest, WithoutASocketTheDatagramIsLost)
{
    bench_.sockets.refuse = true;
    data(kHost, utp());
    EXPECT_EQ(bench_.dropped(Drop::exit_socket), 1U);
}

TEST_F(ExitsTest, AnswersForNobodyAreDropped)
{
    data(kHost, utp());
    joined_.remove(kId, bench_.now());
    answer(kHost, utp());
    EXPECT_EQ(bench_.dropped(Drop::unknown_circuit), 1U);
    add(CircuitId(12));
    answer(kHost, utp(kMaxPacket - 40), CircuitId(12));
    EXPECT_EQ(bench_.dropped(Drop::too_large), 1U);
}

TEST_F(ExitsTest, EveryTruncationOfADataMessageIsHarmless)
{
    for (const Address& to : {Address(kHost), Address("a.example", 1), Address(*Endpoint::parse("[2a00::1]:7"))}) {
        const Bytes whole = test::message_bytes(Data{to, {}, utp()});
        for (std::size_t size = 1; size < whole.size() - utp().size() + 8; ++size) {
            test::OwnedPacket packet(ByteSpan(whole).first(size));
            exits_->on_data(bench_.routes.find(kId).joined(), packet.buffer(), bench_.now());
        }
    }
    EXPECT_TRUE(sent().empty());
    EXPECT_TRUE(bench_.resolver.asked.empty());
}

} // namespace
} // namespace cepa::tunnel
