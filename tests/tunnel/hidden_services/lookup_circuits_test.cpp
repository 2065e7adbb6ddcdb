#include "support/hop_player.hpp"
#include "tunnel/hidden_services/lookup_circuits.hpp"

#include <algorithm>
#include <set>

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;

struct RecordingLookups final : LookupUser {
    bool on_answer(CircuitId, const PeersResponse&, TimePoint) override
    {
        ++cells;
        return takes;
    }
    bool on_answer(CircuitId, const Endpoint&, ByteSpan, TimePoint) override
    {
        ++packets;
        return takes;
    }
    int cells = 0;
    int packets = 0;
    bool takes = true;
};

class LookupCircuitsTest : public test::HopPlayer {
protected:
    LookupCircuitsTest() { lookups_.add(user_); }
    void run(Duration time)
    {
        for (Duration passed{}; passed < time; passed += 500ms) {
            advance(500ms);
            lookups_.tick(now());
            play();
        }
    }
    void packet(CircuitId at, MessageId id)
    {
        Bytes bytes(bench_.sender.prefix().begin(), bench_.sender.prefix().end());
        bytes.push_back(static_cast<std::uint8_t>(id));
        say(at, Data{{}, Endpoint{IpAddress::v4(0x05060708), 9}, bytes});
    }

    RecordingLookups user_;
    LookupCircuits lookups_{2, 7, circuits_};
};

TEST_F(LookupCircuitsTest, TwoWithDifferentEndsAreKept)
{
    EXPECT_FALSE(lookups_.any(now()));
    std::set<CircuitId> seen;
    for (int minute = 0; minute < 180; ++minute) {
        run(60s);
        const auto ids = circuits_of(CircuitPurpose::lookup);
        ASSERT_GE(ids.size(), 2U) << minute;
        ASSERT_LE(ids.size(), 4U) << minute;
        EXPECT_NE(last_hops_.at(ids[0]), last_hops_.at(ids[1]));
        EXPECT_EQ(own_.find(ids[0])->group(), 7U);
        EXPECT_TRUE(lookups_.any(now()));
        seen.insert(ids.begin(), ids.end());
    }
    EXPECT_GE(seen.size(), 6U); // each has its own life
}

TEST_F(LookupCircuitsTest, AnotherEndThanTheOneSpokenToIsPreferred)
{
    run(5s);
    const auto ids = circuits_of(CircuitPurpose::lookup);
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(lookups_.any(now(), &last_hops_.at(ids[0])), ids[1]);
        EXPECT_EQ(lookups_.any(now(), &last_hops_.at(ids[1])), ids[0]);
    }
    own_.close(ids[0], "test", now());
    EXPECT_EQ(lookups_.any(now(), &last_hops_.at(ids[1])), ids[1]); // better than none
}

TEST_F(LookupCircuitsTest, ThoseThatAreSilentKeepNoPlacesFromOthers)
{
    run(5s);
    std::size_t without = 0;
    for (Duration passed{}; passed < 180s; passed += 500ms) {
        silent_ = false; // circuits are built
        lookups_.tick(now());
        play();
        silent_ = true; // and no ping is answered
        advance(500ms);
        play();
        const auto ids = circuits_of(CircuitPurpose::lookup);
        EXPECT_LE(ids.size(), LookupCircuits::kMost);
        const bool some = std::ranges::any_of(ids, [&](CircuitId id) {
            const Circuit* circuit = own_.find(id);
            return circuit->state() == CircuitState::ready && !circuit->keepalive().doubtful(now());
        });
        without += some ? 0 : 1;
    }
    EXPECT_LE(without, 2U);
}

TEST_F(LookupCircuitsTest, AnswersGoToTheSwarmsAndNothingElseDoes)
{
    run(5s);
    const CircuitId at = *lookups_.any(now());
    say(at, PeersResponse{});
    packet(at, MessageId::created_e2e);
    packet(at, MessageId::peers_response);
    EXPECT_EQ(user_.cells, 1);
    EXPECT_EQ(user_.packets, 2);
    packet(at, MessageId::create_e2e);
    packet(at, MessageId::data);
    EXPECT_EQ(dropped(Drop::inner_packet), 2U);
    say(at, LinkedE2e{1});
    EXPECT_EQ(dropped(Drop::unexpected_answer), 1U);
    user_.takes = false;
    say(at, PeersResponse{});
    packet(at, MessageId::created_e2e);
    EXPECT_EQ(dropped(Drop::unexpected_answer), 3U);
    say_bytes(at, {static_cast<std::uint8_t>(MessageId::peers_response), 1});
    EXPECT_EQ(dropped(Drop::malformed), 1U);
}

TEST_F(LookupCircuitsTest, WithoutAnyNodeItIsTriedSeldom)
{
    network_.clear();
    run(300s);
    network_ = {test::candidate_number(0)};
    EXPECT_TRUE(circuits_of(CircuitPurpose::lookup).empty());
}

} // namespace
} // namespace cepa::tunnel
