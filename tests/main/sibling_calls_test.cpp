#include "main/sibling_calls.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace cepa::main {
namespace {

using namespace std::chrono_literals;
using proto::Answer;
using proto::Envelope;
using Verdict = SiblingCalls::Verdict;

/// Workers that the test plays. A circuit is the worker's whose number its hundreds are.
class FakeWires final : public SiblingWires {
public:
    struct Asked {
        WorkerId worker;
        Envelope call;
        Duration timeout;
        proto::Rpc::Reply reply;
    };
    bool runs(WorkerId worker) override { return running.contains(worker); }
    bool may_have(WorkerId worker, CircuitId circuit) override { return circuit.value / 100 == worker.value; }
    void call(WorkerId worker, Envelope envelope, Duration timeout, proto::Rpc::Reply reply) override
    {
        asked.push_back({worker, std::move(envelope), timeout, std::move(reply)});
    }
    void notify(WorkerId worker, Envelope envelope) override { told.emplace_back(worker, std::move(envelope)); }

    /// The circuits that a worker was told to be unlinked, so far.
    [[nodiscard]] std::vector<std::uint32_t> unlinked(WorkerId worker) const
    {
        std::vector<std::uint32_t> out;
        for (const auto& [to, notice] : told)
            if (to == worker && notice.has_unlink()) out.push_back(notice.unlink().circuit_id());
        return out;
    }

    std::set<WorkerId> running{WorkerId(0), WorkerId(1), WorkerId(2), WorkerId(3)};
    std::vector<Asked> asked;
    std::vector<std::pair<WorkerId, Envelope>> told;
};

class SiblingCallsTest : public testing::Test {
protected:
    static constexpr WorkerId kOne{1};
    static constexpr WorkerId kTwo{2};

    Verdict say(WorkerId from, const Envelope& call)
    {
        return calls_->on_call(from, call, [this](Answer answer) { answers_.push_back(std::move(answer)); });
    }
    static Envelope lookup()
    {
        Envelope out;
        out.mutable_find_introductions()->set_lookup_hash(std::string(20, 'h'));
        return out;
    }
    static Envelope introduction(std::uint32_t circuit, char key = 'k')
    {
        Envelope out;
        out.mutable_register_introduction()->set_lookup_hash(std::string(20, 'h'));
        out.mutable_register_introduction()->set_swarm_key(std::string(74, key));
        out.mutable_register_introduction()->set_circuit_id(circuit);
        return out;
    }
    static std::string cookie(std::uint32_t n)
    {
        std::string out = std::to_string(n);
        out.resize(20, 'c');
        return out;
    }
    static Envelope offer(std::uint32_t n, std::uint32_t circuit)
    {
        Envelope out;
        out.mutable_offer_rendezvous()->set_cookie(cookie(n));
        out.mutable_offer_rendezvous()->set_circuit_id(circuit);
        return out;
    }
    static proto::LinkHalf half(std::uint32_t circuit)
    {
        proto::LinkHalf out;
        out.set_circuit_id(circuit);
        out.set_key(std::string(32, 's'));
        out.set_salt("salt");
        out.set_left(5);
        out.mutable_neighbour()->set_ip("\1\2\3\4");
        out.mutable_neighbour()->set_port(5);
        return out;
    }
    static Envelope link(std::uint32_t n, std::uint32_t circuit)
    {
        Envelope out;
        out.mutable_link()->set_cookie(cookie(n));
        *out.mutable_link()->mutable_half() = half(circuit);
        return out;
    }
    static Envelope unlink(std::uint32_t circuit)
    {
        Envelope out;
        out.mutable_unlink()->set_circuit_id(circuit);
        return out;
    }
    static Answer with_half(std::uint32_t circuit)
    {
        Answer out;
        *out.mutable_half() = half(circuit);
        return out;
    }
    /// Worker 1's circuit 100 + n linked with worker 2's 200 + n.
    void make_link(std::uint32_t n)
    {
        ASSERT_EQ(say(kTwo, offer(n, 200 + n)), Verdict::served);
        ASSERT_EQ(say(kOne, link(n, 100 + n)), Verdict::served);
        ASSERT_FALSE(wires_.asked.empty());
        wires_.asked.back().reply(with_half(200 + n));
    }
    void die(WorkerId worker)
    {
        wires_.running.erase(worker);
        calls_->on_worker_gone(worker);
    }

    FakeWires wires_;
    std::optional<SiblingCalls> calls_{std::in_place, wires_};
    std::vector<Answer> answers_;
};

TEST_F(SiblingCallsTest, LookupsGoToWorkerZeroAndBack)
{
    EXPECT_EQ(say(kOne, lookup()), Verdict::served);
    ASSERT_EQ(wires_.asked.size(), 1U);
    EXPECT_EQ(wires_.asked[0].worker, WorkerId(0));
    EXPECT_EQ(wires_.asked[0].call.find_introductions().lookup_hash(), std::string(20, 'h'));
    Answer found;
    proto::FoundIntroduction& one = *found.add_introductions();
    *one.mutable_address() = half(1).neighbour();
    one.set_public_key(std::string(74, 'p'));
    one.set_swarm_key(std::string(74, 'k'));
    wires_.asked[0].reply(std::move(found));
    ASSERT_EQ(answers_.size(), 1U);
    EXPECT_EQ(answers_[0].introductions_size(), 1);
}

TEST_F(SiblingCallsTest, WhatWorkerZeroFindsIsChecked)
{
    for (const int broken : {0, 1, 2}) {
        EXPECT_EQ(say(kOne, lookup()), Verdict::served);
        Answer found;
        for (int i = 0; i < (broken == 0 ? 8 : 1); ++i) {
            proto::FoundIntroduction& one = *found.add_introductions();
            *one.mutable_address() = half(1).neighbour();
            one.set_public_key(std::string(broken == 1 ? 75U : 74U, 'p'));
            one.set_swarm_key(std::string(74, 'k'));
            if (broken == 2) one.mutable_address()->set_ip("12345");
        }
        wires_.asked.back().reply(std::move(found));
        EXPECT_NE(answers_.back().error(), "");
        EXPECT_EQ(answers_.back().introductions_size(), 0);
    }
}

TEST_F(SiblingCallsTest, WithoutWorkerZeroAndPastTheBoundLookupsAreRefused)
{
    for (std::size_t i = 0; i < SiblingCalls::kMostOpen + 10; ++i)
        EXPECT_EQ(say(kOne, lookup()), Verdict::served);
    EXPECT_EQ(wires_.asked.size(), SiblingCalls::kMostOpen);
    EXPECT_EQ(answers_.size(), 10U);
    EXPECT_EQ(say(kTwo, lookup()), Verdict::served); // another has its own
    EXPECT_EQ(wires_.asked.size(), SiblingCalls::kMostOpen + 1);
    answers_.clear();
    die(WorkerId(0)); // its control stream may end without an answer
    EXPECT_EQ(answers_.size(), SiblingCalls::kMostOpen + 1);
    EXPECT_EQ(say(kOne, lookup()), Verdict::served);
    EXPECT_EQ(answers_.back().error(), "refused");
    wires_.running.insert(WorkerId(0));
    EXPECT_EQ(say(kOne, lookup()), Verdict::served); // nothing of the bound was lost
    EXPECT_EQ(wires_.asked.size(), SiblingCalls::kMostOpen + 2);
}

TEST_F(SiblingCallsTest, ARegisterForgetsADeadWorkersIntroductions)
{
    EXPECT_EQ(say(kTwo, introduction(201)), Verdict::served);
    wires_.asked.at(0).reply(Answer());
    EXPECT_EQ(answers_.at(0).error(), "");
    EXPECT_EQ(say(kTwo, introduction(202, 'm')), Verdict::served);
    wires_.asked.at(1).reply([] {
        Answer taken;
        taken.set_error("taken");
        return taken;
    }());
    EXPECT_EQ(answers_.at(1).error(), "taken");
    die(kTwo);
    ASSERT_EQ(wires_.told.size(), 1U);
    EXPECT_EQ(wires_.told[0].first, WorkerId(0));
    EXPECT_EQ(wires_.told[0].second.forget_introduction().circuit_id(), 201U);
}

TEST_F(SiblingCallsTest, AnIntroductionThatEndsBeforeItsAnswerIsForgottenEverywhere)
{
    EXPECT_EQ(say(kTwo, introduction(201)), Verdict::served);
    EXPECT_EQ(wires_.asked.at(0).timeout, SiblingCalls::kRegisterTimeout);
    EXPECT_LT(SiblingCalls::kRegisterTimeout, 5s); // as long as the worker waits
    Envelope forget;
    *forget.mutable_forget_introduction() = introduction(201).register_introduction();
    EXPECT_EQ(say(kTwo, forget), Verdict::served);
    ASSERT_EQ(wires_.told.size(), 1U);
    wires_.asked.at(0).reply(Answer()); // late
    die(kTwo);
    EXPECT_EQ(wires_.told.size(), 1U);
}

TEST_F(SiblingCallsTest, WhatIsLeftOverNeverKeepsAWorkerFromRegistering)
{
    const auto numbered = [](std::size_t n) {
        Envelope call = introduction(201);
        std::string key = std::to_string(n);
        key.resize(74, 'k');
        call.mutable_register_introduction()->set_swarm_key(key);
        return call;
    };
    EXPECT_EQ(say(kTwo, numbered(0)), Verdict::served);
    wires_.asked.back().reply(Answer());
    for (std::size_t n = 1; n <= 3 * SiblingCalls::kMostIntroductions; ++n) {
        EXPECT_EQ(say(kTwo, numbered(n)), Verdict::served); // and never forgotten
        wires_.asked.back().reply(fail(make_error_code(proto::ProtoError::timed_out)));
        EXPECT_EQ(say(kTwo, numbered(0)), Verdict::served); // stands, so it is repeated
        wires_.asked.back().reply(Answer());
        ASSERT_EQ(answers_.back().error(), "");
    }
    EXPECT_EQ(calls_->refused(), 0U);
    die(kTwo);
    EXPECT_EQ(wires_.told.size(), SiblingCalls::kMostIntroductions);
    const auto stands = [&](const auto& told) {
        return told.second.forget_introduction().swarm_key() == numbered(0).register_introduction().swarm_key();
    };
    EXPECT_EQ(std::ranges::count_if(wires_.told, stands), 1);
}

TEST_F(SiblingCallsTest, OneIsForgottenOnlyByWhoRegisteredIt)
{
    EXPECT_EQ(say(kTwo, introduction(201)), Verdict::served);
    wires_.asked.at(0).reply(Answer());
    Envelope forget;
    *forget.mutable_forget_introduction() = introduction(201).register_introduction();
    EXPECT_EQ(say(kOne, forget), Verdict::served);
    EXPECT_TRUE(wires_.told.empty());
    EXPECT_EQ(say(kTwo, forget), Verdict::served);
    EXPECT_EQ(wires_.told.size(), 1U);
}

TEST_F(SiblingCallsTest, ALinkGoesToWhoOfferedAndItsHalfBack)
{
    EXPECT_EQ(say(kTwo, offer(1, 201)), Verdict::served);
    EXPECT_EQ(say(kOne, link(1, 101)), Verdict::served);
    ASSERT_EQ(wires_.asked.size(), 1U);
    EXPECT_EQ(wires_.asked[0].worker, kTwo);
    EXPECT_EQ(wires_.asked[0].timeout, SiblingCalls::kLinkTimeout);
    EXPECT_EQ(wires_.asked[0].call.link().half().circuit_id(), 101U);
    EXPECT_EQ(calls_->offers(), 0U);
    wires_.asked[0].reply(with_half(201));
    ASSERT_EQ(answers_.size(), 1U);
    EXPECT_EQ(answers_[0].half().circuit_id(), 201U);
    EXPECT_EQ(calls_->links(), 1U);
    EXPECT_EQ(say(kOne, link(1, 102)), Verdict::served); // once
    EXPECT_EQ(answers_.back().error(), "refused");
}

TEST_F(SiblingCallsTest, ALinkThatFailsIsUndoneOnBothSides)
{
    Answer refused;
    refused.set_error("nobody waits");
    Answer malformed = with_half(201);
    malformed.mutable_half()->set_key("short");
    const Result<Answer> failures[] = {fail(make_error_code(proto::ProtoError::timed_out)), refused, malformed,
                                       with_half(205)};
    for (const Result<Answer>& failure : failures) {
        EXPECT_EQ(say(kTwo, offer(1, 201)), Verdict::served);
        EXPECT_EQ(say(kOne, link(1, 101)), Verdict::served);
        wires_.told.clear();
        wires_.asked.back().reply(Result<Answer>(failure));
        EXPECT_EQ(answers_.back().error(), "refused");
        EXPECT_FALSE(answers_.back().has_half());
        EXPECT_EQ(wires_.unlinked(kTwo), std::vector{201U});
        EXPECT_EQ(calls_->links(), 0U);
    }
}

TEST_F(SiblingCallsTest, TheEndOfOneSideIsToldToTheOtherOnce)
{
    make_link(1);
    EXPECT_EQ(say(kOne, unlink(101)), Verdict::served);
    EXPECT_EQ(wires_.unlinked(kTwo), std::vector{201U});
    EXPECT_EQ(say(kTwo, unlink(201)), Verdict::served);
    EXPECT_EQ(say(kOne, unlink(101)), Verdict::served);
    EXPECT_TRUE(wires_.unlinked(kOne).empty());
    EXPECT_EQ(calls_->links(), 0U);
}

TEST_F(SiblingCallsTest, NobodyEndsAnothersLink)
{
    make_link(1);
    EXPECT_EQ(say(WorkerId(3), unlink(101)), Verdict::served);
    EXPECT_EQ(say(kTwo, unlink(101)), Verdict::served);
    EXPECT_EQ(calls_->links(), 1U);
    EXPECT_TRUE(wires_.told.empty());
}

TEST_F(SiblingCallsTest, ADeadWorkersLinksAreToldBeforeTheCallReturns)
{
    for (std::uint32_t n = 1; n <= 50; ++n)
        make_link(n);
    die(kTwo);
    EXPECT_EQ(wires_.unlinked(kOne).size(), 50U);
    EXPECT_EQ(calls_->links(), 0U);
}

TEST_F(SiblingCallsTest, ADeathInTheMiddleOfALink)
{
    EXPECT_EQ(say(kTwo, offer(1, 201)), Verdict::served);
    EXPECT_EQ(say(kOne, link(1, 101)), Verdict::served);
    die(kTwo); // who waits: who asks hears at once, both as an answer and as an end
    EXPECT_EQ(answers_.back().error(), "refused");
    EXPECT_EQ(wires_.unlinked(kOne), std::vector{101U});
    wires_.asked.back().reply(with_half(201)); // too late
    EXPECT_EQ(answers_.size(), 1U);

    wires_.running.insert(kTwo);
    EXPECT_EQ(say(kTwo, offer(2, 202)), Verdict::served);
    EXPECT_EQ(say(kOne, link(2, 102)), Verdict::served);
    die(kOne); // who asks: who waits has linked, or will, and then hears of the end
    EXPECT_EQ(wires_.unlinked(kTwo), std::vector{202U});
    wires_.asked.back().reply(with_half(202));
    EXPECT_EQ(answers_.size(), 1U);
    EXPECT_EQ(calls_->links(), 0U);
}

TEST_F(SiblingCallsTest, ADeadWorkersOffersAreGone)
{
    EXPECT_EQ(say(kTwo, offer(1, 201)), Verdict::served);
    die(kTwo);
    EXPECT_EQ(calls_->offers(), 0U);
    EXPECT_EQ(say(kOne, link(1, 101)), Verdict::served);
    EXPECT_EQ(answers_.back().error(), "refused");
    EXPECT_TRUE(wires_.asked.empty());
}

TEST_F(SiblingCallsTest, OffersAreBoundedAndWithdrawnByTheirWorkerAlone)
{
    for (std::uint32_t n = 0; n < SiblingCalls::kMostOffers + 10; ++n)
        EXPECT_EQ(say(kTwo, offer(n, 200 + n % 100)), Verdict::served);
    EXPECT_EQ(calls_->offers(), SiblingCalls::kMostOffers);
    EXPECT_EQ(say(kOne, offer(9999, 101)), Verdict::served);
    EXPECT_EQ(calls_->offers(), SiblingCalls::kMostOffers + 1);
    Envelope withdraw;
    withdraw.mutable_withdraw_rendezvous()->set_cookie(cookie(1));
    EXPECT_EQ(say(kOne, withdraw), Verdict::served);
    EXPECT_EQ(calls_->offers(), SiblingCalls::kMostOffers + 1);
    EXPECT_EQ(say(kTwo, withdraw), Verdict::served);
    EXPECT_EQ(calls_->offers(), SiblingCalls::kMostOffers);
}

TEST_F(SiblingCallsTest, NobodyLinksWithItselfOrTwice)
{
    EXPECT_EQ(say(kOne, offer(1, 101)), Verdict::served);
    EXPECT_EQ(say(kOne, link(1, 102)), Verdict::served); // both its own: it would have known
    EXPECT_EQ(answers_.back().error(), "refused");
    make_link(5);
    EXPECT_EQ(say(kTwo, offer(6, 206)), Verdict::served);
    EXPECT_EQ(say(kOne, link(6, 105)), Verdict::served); // linked already
    EXPECT_EQ(answers_.back().error(), "refused");
    EXPECT_EQ(calls_->links(), 1U);
}

TEST_F(SiblingCallsTest, AMovedNeighbourIsToldToTheOtherSide)
{
    make_link(1);
    Envelope moved;
    moved.mutable_link_moved()->set_circuit_id(201);
    *moved.mutable_link_moved()->mutable_neighbour() = half(1).neighbour();
    EXPECT_EQ(say(WorkerId(3), moved), Verdict::served); // not its circuit
    EXPECT_TRUE(wires_.told.empty());
    EXPECT_EQ(say(kTwo, moved), Verdict::served);
    ASSERT_EQ(wires_.told.size(), 1U);
    EXPECT_EQ(wires_.told[0].first, kOne);
    EXPECT_EQ(wires_.told[0].second.link_moved().circuit_id(), 101U);
}

TEST_F(SiblingCallsTest, WhatNoHonestWorkerSaysIsMisbehaviour)
{
    Envelope broken = lookup();
    broken.mutable_find_introductions()->set_lookup_hash("short");
    EXPECT_EQ(say(kOne, broken), Verdict::misbehaved);
    broken.mutable_find_node()->set_public_key("short");
    EXPECT_EQ(say(kOne, broken), Verdict::misbehaved);
    EXPECT_EQ(say(kOne, introduction(201)), Verdict::misbehaved); // another's circuit
    EXPECT_EQ(say(kOne, offer(1, 201)), Verdict::misbehaved);
    EXPECT_EQ(say(kOne, link(1, 201)), Verdict::misbehaved);
    broken = link(1, 101);
    broken.mutable_link()->mutable_half()->set_key("short");
    EXPECT_EQ(say(kOne, broken), Verdict::misbehaved);
    broken = link(1, 101);
    broken.mutable_link()->set_cookie("short");
    EXPECT_EQ(say(kOne, broken), Verdict::misbehaved);
    broken.mutable_link_moved()->set_circuit_id(101);
    EXPECT_EQ(say(kOne, broken), Verdict::misbehaved);
    broken.mutable_sync();
    EXPECT_EQ(say(kOne, broken), Verdict::not_mine);
    EXPECT_TRUE(answers_.empty());
}

TEST_F(SiblingCallsTest, AnAnswerAfterTheEndIsForNobody)
{
    EXPECT_EQ(say(kOne, lookup()), Verdict::served);
    calls_.reset();
    wires_.asked[0].reply(Answer());
    EXPECT_TRUE(answers_.empty());
}

} // namespace
} // namespace cepa::main
