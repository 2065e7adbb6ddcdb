#include "worker/fake_tunnel.hpp"
#include "worker/shared_facts.hpp"
#include "worker/sibling_messages.hpp"
#include "worker/sibling_service.hpp"
#include "worker/siblings_test.hpp"

namespace cepa::worker {
namespace {

using proto::Answer;
using proto::Envelope;

class SiblingServiceTest : public test_support::TwoEnds {
protected:
    SiblingServiceTest() : service_(*worker_, tunnel_) { start(); }
    Answer ask(Envelope call)
    {
        std::optional<Answer> out;
        main_->call(std::move(call), std::chrono::seconds(10), [&](Result<Answer> a) { out = a ? *a : Answer(); });
        EXPECT_TRUE(wait([&] { return out.has_value(); }));
        return out.value_or(Answer());
    }

    tunnel::FakeForSiblings tunnel_;
    SiblingService service_;
};

TEST_F(SiblingServiceTest, FindsForOthers)
{
    tunnel_.found = {{*Endpoint::parse("1.2.3.4:5"), introduction().swarm_key, introduction().swarm_key, 1}};
    tunnel_.node = *Endpoint::parse("1.2.3.4:6");
    Envelope call;
    call.mutable_find_introductions()->set_lookup_hash(std::string(20, '\x08'));
    EXPECT_EQ(ask(call).introductions_size(), 1);
    EXPECT_EQ(tunnel_.looked_up.at(0), introduction().lookup_hash);
    call.mutable_find_node()->set_public_key(text_of(introduction().swarm_key));
    EXPECT_EQ(endpoint_from_proto(ask(call).addresses(0)), tunnel_.node);
    tunnel_.node.reset();
    EXPECT_EQ(ask(call).addresses_size(), 0);
}

TEST_F(SiblingServiceTest, KeepsTheRegister)
{
    const tunnel::Introduction one = introduction();
    Envelope call;
    *call.mutable_register_introduction() = introduction_to_proto(one);
    EXPECT_EQ(ask(call).error(), "");
    tunnel_.accepts = false;
    EXPECT_NE(ask(call).error(), "");
    EXPECT_FALSE(registration_from_proto(ask(call)).unreachable);
    tunnel_.accepts = tunnel::Registration::nobody_reaches_us();
    EXPECT_TRUE(registration_from_proto(ask(call)).unreachable);
    *call.mutable_forget_introduction() = introduction_to_proto(one);
    EXPECT_EQ(ask(call).error(), "");
    EXPECT_EQ(tunnel_.forgotten, std::vector{one});
}

TEST_F(SiblingServiceTest, LinksOnce)
{
    tunnel_.half = half(9);
    Envelope call;
    call.mutable_link()->set_cookie(std::string(20, '\x08'));
    *call.mutable_link()->mutable_half() = half_to_proto(half(5));
    const Answer answer = ask(call);
    EXPECT_EQ(answer.half().circuit_id(), 9U);
    EXPECT_EQ(answer.half().key().size(), 32U);
    EXPECT_EQ(tunnel_.links.at(0).second.circuit, CircuitId(5));
    EXPECT_NE(ask(call).error(), "");
    EXPECT_FALSE(ask(call).has_half());
}

TEST_F(SiblingServiceTest, UnlinksAndMoves)
{
    Envelope call;
    call.mutable_unlink()->set_circuit_id(4);
    static_cast<void>(ask(call));
    EXPECT_EQ(tunnel_.unlinked, std::vector{CircuitId(4)});
    call.mutable_link_moved()->set_circuit_id(4);
    static_cast<void>(ask(call)); // without an address: ignored
    EXPECT_TRUE(tunnel_.moves.empty());
    *call.mutable_link_moved()->mutable_neighbour() = endpoint_to_proto(*Endpoint::parse("1.2.3.4:5"));
    static_cast<void>(ask(call));
    EXPECT_EQ(tunnel_.moves.at(0).second, *Endpoint::parse("1.2.3.4:5"));
}

TEST_F(SiblingServiceTest, RefusesWhatIsMalformed)
{
    Envelope call;
    call.mutable_find_introductions()->set_lookup_hash("short");
    EXPECT_NE(ask(call).error(), "");
    call.mutable_find_node()->set_public_key("x");
    EXPECT_NE(ask(call).error(), "");
    call.mutable_register_introduction();
    EXPECT_NE(ask(call).error(), "");
    call.mutable_link()->set_cookie(std::string(20, '\x08'));
    EXPECT_NE(ask(call).error(), "");
    EXPECT_TRUE(tunnel_.links.empty() && tunnel_.registered.empty());
}

} // namespace
} // namespace cepa::worker
