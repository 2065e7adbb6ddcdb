#include "main/proxies.hpp"

#include <gtest/gtest.h>

using namespace cepa;
using namespace cepa::main;

namespace {

class NoSink final : public socks5::DatagramSink {
public:
    void on_opened(socks5::AssociationId, const socks5::Route&, socks5::DatagramReturn&) override {}
    void on_closed(socks5::AssociationId) override {}
    void on_datagram(socks5::AssociationId, const Address&, PacketBuffer&) override {}
    void on_batch_end() override {}
};

class ProxiesTest : public testing::Test {
protected:
    boost::asio::io_context io;
    Containment containment{ContainmentPermit{}};
    NoSink sink;
    BootClock clock;
    Proxies proxies{io, containment, sink, clock};
};

} // namespace

TEST_F(ProxiesTest, ARouteHasOneListener)
{
    const auto a = proxies.open({3, "default"});
    const auto b = proxies.open({3, "films"});
    const auto c = proxies.open({2, "default"});
    ASSERT_TRUE(a && b && c);
    EXPECT_NE(*a, *b);
    EXPECT_NE(*a, *c);
    EXPECT_EQ(proxies.open({3, "default"}), a);
    EXPECT_EQ(proxies.stats().connections, 0u);
}

TEST_F(ProxiesTest, GroupsKeepTheirNumbers)
{
    const auto first = proxies.route_of({3, "default"});
    const auto second = proxies.route_of({3, "films"});
    EXPECT_NE(first.group, second.group);
    EXPECT_EQ(proxies.route_of({2, "default"}).group, first.group);
    EXPECT_EQ(proxies.route_of({2, "default"}).hops, 2);
    EXPECT_EQ(proxies.torrent_route(second), (TorrentRoute{3, "films"}));
}
