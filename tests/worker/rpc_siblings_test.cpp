#include "support/packet.hpp"
#include "worker/fakes.hpp"
#include "worker/rpc_siblings.hpp"
#include "worker/shared_facts.hpp"
#include "worker/sibling_messages.hpp"
#include "worker/siblings_test.hpp"

#include <sys/socket.h>

namespace cepa::worker {
namespace {

using proto::Answer;
using proto::Envelope;

/// Main answers with `answer_`, and remembers what it was told.
class RpcSiblingsTest : public test_support::TwoEnds {
protected:
    RpcSiblingsTest()
    {
        for (const auto kind :
             {Envelope::kFindIntroductions, Envelope::kFindNode, Envelope::kRegisterIntroduction,
              Envelope::kForgetIntroduction, Envelope::kOfferRendezvous, Envelope::kWithdrawRendezvous, Envelope::kLink,
              Envelope::kUnlink, Envelope::kLinkMoved}) {
            main_->handle(kind, [this](const Envelope& call, const proto::Rpc::Respond& respond) {
                told_.push_back(call);
                respond(answer_);
            });
        }
        start();
        int ends[2];
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
        inbox_ = FileDescriptor(ends[0]);
        std::vector<FileDescriptor> writers;
        writers.emplace_back(ends[1]);
        handover_.emplace(steering_, tunnel::OverlayId{}, std::move(writers), [](CircuitId) { return false; }, mine_);
        siblings_.emplace(*worker_, *handover_);
    }
    Envelope told()
    {
        EXPECT_TRUE(wait([this] { return !told_.empty(); }));
        if (told_.empty()) return {};
        Envelope out = told_[0];
        told_.erase(told_.begin());
        return out;
    }

    Answer answer_;
    std::vector<Envelope> told_;
    FileDescriptor inbox_;
    Steering steering_{WorkerId(0), proto::SlotTable::make(1, 3, 2)};
    test::FakeReceiver mine_;
    std::optional<Handover> handover_;
    std::optional<RpcSiblings> siblings_;
};

TEST_F(RpcSiblingsTest, FindsIntroductionsAndNothingWhenRefused)
{
    found_to_proto({{*Endpoint::parse("1.2.3.4:5"), introduction().swarm_key, introduction().swarm_key, 1}}, answer_);
    std::optional<std::size_t> found;
    siblings_->find_introductions(introduction().lookup_hash, [&](const auto& peers) { found = peers.size(); });
    EXPECT_FALSE(found) << "never from inside the call";
    EXPECT_TRUE(wait([&] { return found.has_value(); }));
    EXPECT_EQ(found, 1U);
    EXPECT_EQ(told().find_introductions().lookup_hash(), std::string(20, '\x08'));
    answer_.set_error("no");
    found.reset();
    siblings_->find_introductions(introduction().lookup_hash, [&](const auto& peers) { found = peers.size(); });
    EXPECT_TRUE(wait([&] { return found.has_value(); }));
    EXPECT_EQ(found, 0U);
}

TEST_F(RpcSiblingsTest, FindsANode)
{
    *answer_.add_addresses() = endpoint_to_proto(*Endpoint::parse("1.2.3.4:5"));
    std::optional<std::optional<Endpoint>> found;
    siblings_->find_node(introduction().swarm_key, [&](const std::optional<Endpoint>& at) { found = at; });
    EXPECT_TRUE(wait([&] { return found.has_value(); }));
    EXPECT_EQ(**found, *Endpoint::parse("1.2.3.4:5"));
    EXPECT_EQ(told().find_node().public_key().size(), 74U);
}

TEST_F(RpcSiblingsTest, RegistersAndForgets)
{
    const tunnel::Introduction one = introduction();
    std::optional<bool> accepted;
    bool unreachable = false;
    const auto note = [&](tunnel::Registration answer) {
        accepted = answer.accepted;
        unreachable = answer.unreachable;
    };
    siblings_->register_introduction(one, note);
    EXPECT_TRUE(wait([&] { return accepted.has_value(); }));
    EXPECT_EQ(accepted, true);
    EXPECT_EQ(introduction_from_proto(told().register_introduction()), one);
    answer_.set_error("taken");
    accepted.reset();
    siblings_->register_introduction(one, note);
    EXPECT_TRUE(wait([&] { return accepted.has_value(); }));
    EXPECT_EQ(accepted, false);
    EXPECT_FALSE(unreachable);
    answer_ = registration_to_proto(tunnel::Registration::nobody_reaches_us());
    accepted.reset();
    siblings_->register_introduction(one, note);
    EXPECT_TRUE(wait([&] { return accepted.has_value(); }));
    EXPECT_EQ(accepted, false);
    EXPECT_TRUE(unreachable);
    static_cast<void>(told());
    static_cast<void>(told());
    siblings_->forget_introduction(one);
    EXPECT_EQ(introduction_from_proto(told().forget_introduction()), one);
}

TEST_F(RpcSiblingsTest, LinksAndHandsOverItsHalf)
{
    *answer_.mutable_half() = half_to_proto(half(9));
    std::optional<tunnel::LinkHalf> theirs;
    siblings_->link(introduction().lookup_hash, half(5),
                    [&](std::optional<tunnel::LinkHalf> h) { theirs = std::move(h); });
    EXPECT_TRUE(wait([&] { return theirs.has_value(); }));
    EXPECT_EQ(theirs->circuit, CircuitId(9));
    EXPECT_EQ(theirs->seal.next_counter, 77U);
    const Envelope call = told();
    EXPECT_EQ(call.link().cookie(), std::string(20, '\x08'));
    EXPECT_EQ(call.link().half().circuit_id(), 5U);
    EXPECT_EQ(call.link().half().next_counter(), 77U);
}

TEST_F(RpcSiblingsTest, ALinkThatIsRefusedOrMalformedIsNone)
{
    for (const char* error : {"refused", ""}) {
        answer_.set_error(error);
        answer_.mutable_half()->set_key("short");
        std::optional<bool> linked;
        siblings_->link(introduction().lookup_hash, half(),
                        [&](const std::optional<tunnel::LinkHalf>& h) { linked = h.has_value(); });
        EXPECT_TRUE(wait([&] { return linked.has_value(); }));
        EXPECT_EQ(linked, false);
    }
}

TEST_F(RpcSiblingsTest, ALinkFailsWhenMainIsGone)
{
    main_.reset();
    std::optional<bool> linked;
    siblings_->link(introduction().lookup_hash, half(),
                    [&](const std::optional<tunnel::LinkHalf>& h) { linked = h.has_value(); });
    EXPECT_TRUE(wait([&] { return linked.has_value(); }));
    EXPECT_EQ(linked, false);
}

TEST_F(RpcSiblingsTest, TellsOfOffersEndsAndMoves)
{
    siblings_->offer_rendezvous(introduction().lookup_hash, CircuitId(3));
    EXPECT_EQ(told().offer_rendezvous().circuit_id(), 3U);
    siblings_->withdraw_rendezvous(introduction().lookup_hash);
    EXPECT_EQ(told().withdraw_rendezvous().cookie(), std::string(20, '\x08'));
    siblings_->unlinked(CircuitId(4));
    EXPECT_EQ(told().unlink().circuit_id(), 4U);
    siblings_->moved(CircuitId(4), *Endpoint::parse("1.2.3.4:5"));
    EXPECT_EQ(endpoint_from_proto(told().link_moved().neighbour()), Endpoint::parse("1.2.3.4:5"));
}

TEST_F(RpcSiblingsTest, APacketGoesIntoTheOwnersInboxAndNowhereWhenItIsMine)
{
    CircuitId theirs(1);
    while (steering_.table().owner(theirs) != WorkerId(1))
        ++theirs.value;
    CircuitId mine(1);
    while (steering_.table().owner(mine) != WorkerId(0))
        ++mine.value;
    test::OwnedPacket packet(Bytes(60, 7));
    siblings_->pass_on(mine, *Endpoint::parse("1.2.3.4:5"), packet.buffer());
    std::array<std::uint8_t, 200> got{};
    EXPECT_LT(::recv(inbox_.get(), got.data(), got.size(), 0), 0);
    siblings_->pass_on(theirs, *Endpoint::parse("1.2.3.4:5"), packet.buffer());
    EXPECT_EQ(::recv(inbox_.get(), got.data(), got.size(), 0), 1 + 7 + 60);
}

} // namespace
} // namespace cepa::worker
