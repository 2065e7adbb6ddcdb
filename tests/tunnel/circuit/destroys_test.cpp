#include "support/joined_node.hpp"
#include "support/silent_observer.hpp"
#include "tunnel/circuit/destroys.hpp"

namespace cepa::tunnel {
namespace {

using test::kId;
using test::kSource;

struct NoNetwork final : PathSource {
    const std::vector<Candidate>& candidates() const override { return none; }
    PathLoads loads() const override { return {}; }
    std::int64_t now_unix_s() const override { return 0; }
    void connectable(const PublicKey&) override {}
    void unreachable(const PublicKey&) override {}
    bool is_unreachable(const PublicKey&) const override { return false; }
    bool may_probe() const override { return false; }
    std::vector<Candidate> none;
};

/// Of joined circuits; own circuits and relays, with real neighbours, are in tests/sim.
class DestroysTest : public test::JoinedNode {
protected:
    DestroysTest()
        : own_({selection_, network_, bench_.routes, bench_.sender, bench_.aead, bench_.counters, bench_.environment,
                observer_}),
          destroys_({bench_.routes, bench_.counters, own_, *joined_, *relays_, *exits_, *splices_})
    {
        join();
    }
    Bytes destroy(const PrivateKey& signer, CircuitId circuit = kId)
    {
        return build_signed(bench_.sender.prefix(), 8, signer, std::nullopt, encode_body(Destroy{circuit, 4}));
    }
    void receive(ByteSpan packet, const Endpoint& from = kSource) { destroys_.on_packet(from, packet, bench_.now()); }

    NoNetwork network_;
    test::SilentObserver observer_;
    PathSelection selection_{{}, {}, bench_.random};
    OwnCircuits own_;
    Destroys destroys_;
};

TEST_F(DestroysTest, ThePreviousNodeEndsACircuit)
{
    receive(destroy(originator_));
    EXPECT_EQ(joined_->size(), 0U);
    EXPECT_EQ(bench_.routes.find(kId).kind, RouteKind::lingering);
    receive(destroy(originator_)); // once more, as a network may
    EXPECT_EQ(bench_.dropped(Drop::unknown_circuit), 1U);
}

TEST_F(DestroysTest, NobodyElseDoes)
{
    receive(destroy(PrivateKey::generate()));
    receive(destroy(*settings_.identity));
    receive(destroy(originator_), {IpAddress::v4(0x33640009), 1000});
    EXPECT_EQ(bench_.dropped(Drop::destroy_refused), 3U);
    receive(destroy(originator_, CircuitId(12)));
    EXPECT_EQ(bench_.dropped(Drop::unknown_circuit), 1U);
    EXPECT_EQ(joined_->size(), 1U);
}

TEST_F(DestroysTest, NoChangedOrCutOneDoes)
{
    const Bytes whole = destroy(originator_);
    for (std::size_t i = kPrefixSize + 1; i < whole.size(); ++i) {
        Bytes flipped = whole;
        flipped[i] ^= 1;
        receive(flipped);
    }
    for (std::size_t size = kPrefixSize + 1; size < whole.size(); ++size)
        receive(ByteSpan(whole).first(size));
    Bytes longer = whole;
    longer.push_back(0);
    receive(longer);
    EXPECT_EQ(joined_->size(), 1U);
    receive(whole);
    EXPECT_EQ(joined_->size(), 0U);
}

} // namespace
} // namespace cepa::tunnel
