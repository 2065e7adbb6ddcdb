#include "support/hop_player.hpp"

#include <functional>
#include <map>
#include <set>

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;

/// The user of the circuits, which records.
struct RecordingUser final : CircuitUser {
    void on_ready(const Circuit& circuit, TimePoint) override { ready.push_back(circuit.id()); }
    void on_closed(const Circuit& circuit, TimePoint) override { closed.push_back(circuit.id()); }
    void on_message(const Circuit&, MessageId id, ByteSpan, TimePoint) override { messages.push_back(id); }
    void on_packet(const Circuit&, const Endpoint& origin, ByteSpan packet, TimePoint) override
    {
        packets.emplace_back(origin, packet_message_id(packet));
    }
    bool on_other_end(const Circuit&, TimePoint) override
    {
        ++other_ends;
        return wanted;
    }
    std::vector<CircuitId> ready;
    std::vector<CircuitId> closed;
    std::vector<MessageId> messages;
    std::vector<std::pair<Endpoint, std::uint8_t>> packets;
    int other_ends = 0;
    bool wanted = true;
};

class OwnCircuitsHidden : public test::HopPlayer {
protected:
    CircuitId ready(CircuitPurpose purpose, std::uint8_t hops = 2, std::optional<Candidate> last = std::nullopt)
    {
        CircuitWish wish;
        wish.path.purpose = purpose;
        wish.path.hops = hops;
        wish.path.last = std::move(last);
        const auto id = circuits_.begin(wish, user_, now());
        EXPECT_TRUE(id);
        play();
        EXPECT_EQ(user_.ready.back(), *id);
        return *id;
    }
    /// A seeder's circuit with its end of the layer; the test holds the downloader's.
    CircuitId seeding()
    {
        const CircuitId id = ready(CircuitPurpose::rendezvous);
        join(id, End::seeder);
        return id;
    }
    void join(CircuitId id, End end)
    {
        auto both = keys();
        const bool seeder = end == End::seeder;
        Layer ours(std::move(both.first), seeder ? Direction::forward : Direction::backward, 2);
        other_.emplace(std::move(both.second), seeder ? Direction::backward : Direction::forward, 2);
        ends_[id] = &*other_;
        own_.join_end(id, std::move(ours), end, now());
    }
    std::pair<SessionKeys, SessionKeys> keys()
    {
        const EphemeralKey fixed = EphemeralKey::generate(bench_.random);
        const EphemeralKey x = EphemeralKey::generate(bench_.random);
        auto answer = answer_handshake(fixed.secret, EphemeralKey::generate(bench_.random), x.public_key);
        auto found = finish_handshake(x, fixed.public_key, answer->ephemeral, answer->auth);
        return {std::move(answer->keys), std::move(*found)};
    }
    Bytes overlay_data(MessageId id, const Endpoint& origin)
    {
        Bytes packet(bench_.sender.prefix().begin(), bench_.sender.prefix().end());
        packet.push_back(static_cast<std::uint8_t>(id));
        packet.resize(60);
        return test::message_bytes(Data{{}, origin, packet});
    }

    RecordingUser user_;
    std::optional<Layer> other_;
    const Endpoint origin_{IpAddress::v4(0x05060708), 99};
};

TEST_F(OwnCircuitsHidden, MessagesAndOverlayPacketsReachTheUserAndNothingElseDoes)
{
    const CircuitId id = ready(CircuitPurpose::lookup);
    EXPECT_EQ(ready_told_, 0);
    say(id, IntroEstablished{7});
    EXPECT_EQ(user_.messages, std::vector{MessageId::intro_established});
    say_bytes(id, overlay_data(MessageId::created_e2e, origin_));
    ASSERT_EQ(user_.packets.size(), 1U);
    EXPECT_EQ(user_.packets[0], std::pair(origin_, std::uint8_t{14}));
    say_bytes(id, overlay_data(MessageId::created_e2e, {})); // from nowhere
    say(id, Data{{}, Address("example.org", 80), Bytes(60, 1)});
    EXPECT_EQ(dropped(Drop::unexpected_answer), 2U);
    say(id, Data{{}, origin_, Bytes(60, 0x41)}); // of no overlay
    EXPECT_EQ(dropped(Drop::inner_packet), 1U);
    EXPECT_EQ(user_.packets.size(), 1U);
    EXPECT_TRUE(data_.empty());
}

TEST_F(OwnCircuitsHidden, ThePacketThatWeSendLeavesTheLastHop)
{
    const CircuitId id = ready(CircuitPurpose::lookup, 3);
    EXPECT_TRUE(own_.send_packet(id, origin_, Bytes(100, 3)));
    const auto told = take_a<Data>();
    ASSERT_TRUE(told);
    EXPECT_EQ(told->second.destination, Address(origin_));
    EXPECT_EQ(told->second.payload.size(), 100U);
    EXPECT_FALSE(own_.send_packet(id, origin_, Bytes(1500, 3))); // no cell holds that
    EXPECT_FALSE(own_.send(CircuitId(1), IntroEstablished{1}));
    test::OwnedPacket payload(Bytes(100, 1)); // and datagrams of main do not
    EXPECT_FALSE(own_.send_data(id, origin_, payload.buffer(), now()));
}

TEST_F(OwnCircuitsHidden, ASeedersEndIsLinkedByTheFirstMessageOfTheOther)
{
    const CircuitId id = seeding();
    test::OwnedPacket early(Bytes(100, 1));
    EXPECT_FALSE(own_.send_data(id, {}, early.buffer(), now()));
    say(id, Ping{77}, &*other_);
    EXPECT_EQ(user_.other_ends, 1);
    const auto pong = take_a<Pong>(); // sealed for the other end: see HopPlayer
    ASSERT_TRUE(pong);
    EXPECT_EQ(pong->second.identifier, 77);
    // Whatever a datagram looks like, and wherever it says it is from, it is the other end's.
    say_bytes(id, overlay_data(MessageId::created_e2e, origin_), &*other_);
    ASSERT_EQ(data_.size(), 1U);
    EXPECT_EQ(user_.other_ends, 1);
    test::OwnedPacket payload(Bytes(300, 9));
    ASSERT_TRUE(own_.send_data(id, Address("some.where", 5), payload.buffer(), now()));
    const auto data = take_a<Data>();
    ASSERT_TRUE(data);
    EXPECT_TRUE(data->second.destination.is_null());
    EXPECT_TRUE(data->second.origin.is_null());
    EXPECT_EQ(data->second.payload.size(), 300U);
}

TEST_F(OwnCircuitsHidden, TheRendezvousPointCannotSpeakRepeatOrSwap)
{
    const CircuitId id = seeding();
    say(id, Ping{1});
    EXPECT_EQ(dropped(Drop::bad_tag) + dropped(Drop::malformed), 1U);
    say(id, Data{{}, {}, Bytes(50, 1)}, &*other_);
    EXPECT_EQ(data_.size(), 1U);
    // It opens what came and seals it anew: only the other end's own counter tells.
    test::OwnedPacket again(test::message_bytes(Data{{}, {}, Bytes(50, 2)}));
    ASSERT_TRUE(other_->seal(bench_.aead, again.buffer()));
    const Bytes sealed(again.bytes().begin(), again.bytes().end());
    say_bytes(id, sealed);
    EXPECT_EQ(data_.size(), 2U);
    say_bytes(id, sealed);
    EXPECT_EQ(data_.size(), 2U);
    EXPECT_EQ(dropped(Drop::replayed), 1U);
    auto strangers = keys();
    Layer stranger(std::move(strangers.second), Direction::backward, 2);
    say(id, Data{{}, {}, Bytes(50, 3)}, &stranger);
    say_bytes(id, Bytes(sealed.begin(), sealed.end() - 1));
    EXPECT_EQ(data_.size(), 2U);
}

TEST_F(OwnCircuitsHidden, AnEndThatIsNotWantedIsClosedAndNobodyHears)
{
    const CircuitId id = seeding();
    user_.wanted = false;
    say(id, Data{{}, {}, Bytes(50, 1)}, &*other_);
    EXPECT_EQ(own_.find(id), nullptr);
    EXPECT_TRUE(data_.empty());
    EXPECT_TRUE(closed_.empty());
    EXPECT_EQ(user_.closed, std::vector{id});
}

TEST_F(OwnCircuitsHidden, OnlyTheDownloaderPings)
{
    const CircuitId waiting = ready(CircuitPurpose::rendezvous);
    for (int i = 0; i < 19; ++i)
        advance(1s);
    EXPECT_FALSE(take_a<Ping>());
    advance(2s);
    EXPECT_EQ(own_.find(waiting), nullptr); // 20 s, and nobody came
    EXPECT_TRUE(closed_.empty());

    const CircuitId id = ready(CircuitPurpose::rendezvous, 3, network_[0]);
    join(id, End::downloader);
    EXPECT_TRUE(own_.find(id)->linked());
    int pings = 0;
    for (int i = 0; i < 60; ++i) {
        while (const auto ping = take_a<Ping>()) {
            ++pings;
            say(id, Pong{ping->second.identifier}, &*other_);
        }
        advance(1s);
    }
    EXPECT_GE(pings, 6); // the first at once
    EXPECT_LE(pings, 14);
    silent_ = true;
    for (int i = 0; i < 21; ++i)
        advance(1s);
    EXPECT_EQ(closed_.at(id), "silent");
}

TEST_F(OwnCircuitsHidden, TheSilenceOfALinkChangesNothingOnOtherCircuits)
{
    // Who sees both would else learn that they are one node's.
    const CircuitId lookup = ready(CircuitPurpose::lookup);
    const CircuitId introduction = ready(CircuitPurpose::introduction, 3);
    const CircuitId id = ready(CircuitPurpose::rendezvous, 3, network_[4]);
    join(id, End::downloader);
    const auto heard = [&](CircuitId of) { return own_.find(of)->keepalive().heard(); };
    int of_the_link = 0;
    std::vector<Duration> gaps; // between pings of the others
    std::map<CircuitId, TimePoint> last{{lookup, heard(lookup)}, {introduction, heard(introduction)}};
    for (int i = 0; i < 300; ++i) {
        advance(100ms);
        while (const auto ping = take_a<Ping>()) {
            ++of_the_link;
            if (i < 100) say(id, Pong{ping->second.identifier}, &*other_);
        }
        if (i < 100) say(id, Data{{}, {}, Bytes(50, 1)}, &*other_); // and nothing from then on
        for (auto& [of, before] : last)
            if (heard(of) != before) gaps.push_back(heard(of) - std::exchange(before, heard(of)));
    }
    EXPECT_GE(of_the_link, 10);
    ASSERT_GE(gaps.size(), 6U);
    for (const Duration gap : gaps)
        EXPECT_GE(gap, 5s);
}

TEST_F(OwnCircuitsHidden, DataCircuitsArePingedByTheSameRules)
{
    const auto id = own_.create(2, 0, now());
    ASSERT_TRUE(id);
    play();
    const auto pings = [&](Duration time) {
        const std::size_t before = bench_.packets.sent.size();
        for (Duration passed{}; passed < time; passed += 100ms)
            advance(100ms);
        return bench_.packets.sent.size() - before;
    };
    EXPECT_LE(pings(4s), 1U);
    test::OwnedPacket payload(Bytes(100, 1));
    ASSERT_TRUE(own_.send_data(*id, origin_, payload.buffer(), now()));
    play();
    EXPECT_GE(pings(5s), 3U); // nothing comes, so it is asked about every second
}

TEST_F(OwnCircuitsHidden, IntroductionCircuitsOutliveAnHour)
{
    const CircuitId id = ready(CircuitPurpose::introduction);
    const CircuitId lookup = ready(CircuitPurpose::lookup);
    for (int i = 0; i < 2 * 720; ++i) {
        advance(5s);
        play();
    }
    EXPECT_NE(own_.find(id), nullptr);
    EXPECT_EQ(own_.find(lookup), nullptr);
    EXPECT_EQ(own_.views(now()).at(0).state, CircuitState::ready);
    EXPECT_EQ(own_.views(now()).at(0).purpose, CircuitPurpose::introduction);
}

TEST_F(OwnCircuitsHidden, WhatStrangersMakeUsBuildFillsNoGuard)
{
    const CircuitId introduction = ready(CircuitPurpose::introduction, 3);
    for (int i = 0; i < 80; ++i)
        static_cast<void>(ready(CircuitPurpose::rendezvous, 3));
    std::uint32_t asked_for = 0;
    for (const auto& [key, circuits] : own_.loads().strangers)
        asked_for += circuits;
    EXPECT_EQ(asked_for, 80U);
    EXPECT_EQ(own_.loads().first_hops.size(), 1U); // the introduction circuit's
    EXPECT_NE(own_.find(introduction), nullptr);
    const auto before = selection_.guards().all();
    for (int i = 0; i < 8; ++i)
        EXPECT_TRUE(own_.create(3, 0, now()));
    EXPECT_EQ(selection_.guards().all(), before);
}

/// First hops that answer, and let the rest of the path wait.
class OwnCircuitsBehindASlowHop : public OwnCircuitsHidden {
protected:
    void SetUp() override
    {
        for (int i = 0; i < 60; ++i) {
            const CircuitId id = ready(CircuitPurpose::lookup, 3);
            firsts_.insert(own_.planned_first_two(id)[0]);
            own_.close(id, "test", now());
            told_.clear();
        }
        ASSERT_EQ(firsts_.size(), 3U);
        slow_ = *firsts_.begin();
    }
    /// How often each first hop was drawn; `wait` is what a circuit over the slow one is given.
    std::map<PublicKey, int> used(const std::function<void()>& wait)
    {
        std::map<PublicKey, int> out;
        for (int i = 0; i < 60; ++i) {
            CircuitWish wish;
            wish.path.purpose = CircuitPurpose::lookup;
            wish.path.hops = 3;
            play(); // destroys
            const auto id = circuits_.begin(wish, user_, now());
            const PublicKey first = own_.planned_first_two(*id)[0];
            ++out[first];
            if (first == slow_) {
                play_one();
                held_ = {*id};
            }
            play();
            if (first == slow_) wait();
            play(); // what was asked again is held, too
            own_.close(*id, "another was quicker", now());
            held_.clear();
            held_packets_.clear();
        }
        return out;
    }
    std::set<PublicKey> firsts_;
    PublicKey slow_;
};

// Two second hops, so that it is the first hop which drops.
TEST_F(OwnCircuitsBehindASlowHop, AFirstHopOverWhichOurOwnPathsFailIsLate)
{
    const auto all_the_time_there_is = [&] {
        for (int s = 0; s < 22; ++s)
            advance(1s);
    };
    static_cast<void>(used(all_the_time_there_is));
    static_cast<void>(used(all_the_time_there_is));
    const auto later = used(all_the_time_there_is);
    EXPECT_LE(later.contains(slow_) ? later.at(slow_) : 0, 3); // where no path over another one was found
    for (const auto& [key, times] : later)
        EXPECT_TRUE(firsts_.contains(key)); // and nobody new in its place
}

// A hop that is looked for in the DHT is silent for longer, and strangers begin such races at will.
TEST_F(OwnCircuitsBehindASlowHop, WhoOnlyLosesRacesIsNoFailure)
{
    const auto until_another_is_ready = [&] {
        for (int s = 0; s < 6; ++s)
            advance(1s);
    };
    static_cast<void>(used(until_another_is_ready));
    static_cast<void>(used(until_another_is_ready));
    const auto later = used(until_another_is_ready);
    EXPECT_GE(later.contains(slow_) ? later.at(slow_) : 0, 8); // of 60 among three
}

TEST_F(OwnCircuitsHidden, FailuresBlameNobody)
{
    silent_ = true;
    Candidate nobody = test::candidate_number(150);
    CircuitWish wish;
    wish.path.purpose = CircuitPurpose::rendezvous;
    wish.path.hops = 3;
    wish.path.last = nobody;
    for (int i = 0; i < 10; ++i) {
        ASSERT_TRUE(circuits_.begin(wish, user_, now()));
        for (int s = 0; s < 70; ++s)
            advance(1s);
    }
    EXPECT_TRUE(own_.loads().exits.empty()); // and no exit counts as silent
    EXPECT_EQ(own_.size(), 0U);
}

} // namespace
} // namespace cepa::tunnel
