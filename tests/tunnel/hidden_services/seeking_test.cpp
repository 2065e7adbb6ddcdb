#include "support/seeker_bench.hpp"

#include <map>
#include <set>

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;

class SeekingTest : public test::SeekerBench {
protected:
    PrivateKey seeder_ = PrivateKey::generate();
};

TEST_F(SeekingTest, LinksToASeederOverItsRendezvousPoint)
{
    const CircuitId id = link(seeder_);
    ASSERT_NE(id, CircuitId());
    ASSERT_TRUE(linked_.contains(id));
    EXPECT_EQ(linked_.at(id), seeder_.public_key());
    EXPECT_EQ(layers_.at(id).size(), 3U); // one more than the swarm's hops
    EXPECT_EQ(last_hops_.at(id), network_[4].key);
    EXPECT_EQ(seeking_->links(), 1U);
    const auto ping = take_a<Ping>(); // so that the seeder hears of us
    ASSERT_TRUE(ping);
    EXPECT_EQ(ping->first, id);
    say(id, Data{{}, {}, Bytes(77, 1)}, end_.get());
    EXPECT_EQ(data_.size(), 1U);
}

TEST_F(SeekingTest, WhoeverHasNotTheSwarmKeyIsNotBelieved)
{
    ASSERT_TRUE(answer_lookup({peer(seeder_.public_key())}));
    const auto asked = take_request();
    ASSERT_TRUE(asked);
    const PrivateKey impostor = PrivateKey::generate();
    from(asked->circuit, {asked->to.ip, 4444}, created(*asked, impostor, network_[4].address, network_[4].key));
    EXPECT_EQ(dropped(Drop::bad_tag), 1U);
    EXPECT_TRUE(circuits_of(CircuitPurpose::rendezvous).empty());
    // And the seeder itself may still answer.
    from(asked->circuit, {asked->to.ip, 4445}, created(*asked, seeder_, network_[4].address, network_[4].key));
    EXPECT_EQ(circuits_of(CircuitPurpose::rendezvous).size(), 1U);
}

TEST_F(SeekingTest, AnAnswerNeedsItsIdentifierSenderAndCircuitAndCountsOnce)
{
    ASSERT_TRUE(answer_lookup({peer(seeder_.public_key())}));
    const auto asked = take_request();
    ASSERT_TRUE(asked);
    const Bytes answer = created(*asked, seeder_, network_[4].address, network_[4].key);
    Bytes other_id = answer;
    other_id[kPrefixSize + 2] ^= 1U;
    from(asked->circuit, {asked->to.ip, 1}, other_id);
    from(asked->circuit, {IpAddress::v4(0x0c000001), 1}, answer);
    for (const CircuitId id : circuits_of(CircuitPurpose::lookup))
        if (id != asked->circuit) from(id, {asked->to.ip, 1}, answer);
    EXPECT_EQ(dropped(Drop::unexpected_answer), 3U);
    EXPECT_TRUE(circuits_of(CircuitPurpose::rendezvous).empty());
    from(asked->circuit, {asked->to.ip, 1}, answer);
    from(asked->circuit, {asked->to.ip, 1}, answer);
    EXPECT_EQ(circuits_of(CircuitPurpose::rendezvous).size(), 1U);
    EXPECT_EQ(dropped(Drop::unexpected_answer), 4U);
    for (std::size_t size = kPrefixSize + 1; size < answer.size(); size += 11)
        from(asked->circuit, {asked->to.ip, 1}, Bytes(answer.begin(), answer.begin() + static_cast<long>(size)));
    EXPECT_EQ(circuits_of(CircuitPurpose::rendezvous).size(), 1U);
}

TEST_F(SeekingTest, NoRendezvousPointIsWhereWeMayNotGo)
{
    settings_.identity_public = keys_[3].public_key();
    for (const Endpoint where : {Endpoint{IpAddress::v4(0x0a000001), 8090}, Endpoint{IpAddress::v4(0x7f000001), 80},
                                 Endpoint{IpAddress::v4(0x08080808), 8090}, Endpoint{}}) {
        ASSERT_TRUE(answer_lookup({peer(seeder_.public_key())}, 200s));
        const auto asked = take_request(100s);
        ASSERT_TRUE(asked);
        from(asked->circuit, {asked->to.ip, 1}, created(*asked, seeder_, where, test::key_number(5)));
        EXPECT_TRUE(circuits_of(CircuitPurpose::rendezvous).empty());
        run(2s);
        seeking_ = std::make_unique<Seeking>(plan_, circuits_, *lookups_);
    }
    EXPECT_EQ(dropped(Drop::rendezvous_refused), 4U);
}

TEST_F(SeekingTest, TheNextIntroductionPointIsAskedWhenOneIsSilent)
{
    ASSERT_TRUE(
        answer_lookup({peer(seeder_.public_key(), 1), peer(seeder_.public_key(), 2), peer(seeder_.public_key(), 3)}));
    std::set<Endpoint> asked;
    const TimePoint began = now();
    std::optional<Asked> first;
    for (int i = 0; i < 3; ++i) {
        auto request = take_request();
        ASSERT_TRUE(request);
        asked.insert(request->to);
        if (!first) first = std::move(request);
    }
    EXPECT_EQ(asked.size(), 3U);
    EXPECT_LE(now() - began, 10s);
    // The first one's answer is late, and good.
    from(first->circuit, {first->to.ip, 1}, created(*first, seeder_, network_[4].address, network_[4].key));
    EXPECT_EQ(circuits_of(CircuitPurpose::rendezvous).size(), 1U);
}

TEST_F(SeekingTest, ASeederThatNeverAnswersIsAskedLessAndLess)
{
    ASSERT_TRUE(answer_lookup({peer(seeder_.public_key())}));
    int requests = 0;
    for (int i = 0; i < 600; ++i) {
        step(1s);
        while (const auto told = take()) {
            if (told->id() == MessageId::peers_request) {
                const auto request = PeersRequest::parse(told->body());
                say(told->circuit, PeersResponse{request->identifier, plan_.lookup_hash, {peer(seeder_.public_key())}});
            } else if (told->id() == MessageId::data) {
                const auto data = Data::parse(told->body());
                if (packet_message_id(data->payload) == 13) ++requests;
            }
        }
    }
    EXPECT_GE(requests, 12);
    EXPECT_LE(requests, 40);
}

TEST_F(SeekingTest, ALinkThatEndsIsMadeAnewAtOnce)
{
    const CircuitId id = link(seeder_);
    const auto alive = [&](Duration time) {
        for (Duration passed{}; passed < time; passed += 1s) {
            step(1s);
            while (const auto told = take())
                if (told->id() == MessageId::ping && told->circuit == id)
                    say(id, Pong{Ping::parse(told->body())->identifier}, end_.get());
        }
    };
    alive(40s);
    ASSERT_NE(own_.find(id), nullptr);
    own_.close(id, "gone", now());
    EXPECT_TRUE(closed_.contains(id));
    EXPECT_EQ(seeking_->links(), 0U);
    EXPECT_TRUE(take_request(1s));
}

// Nobody says that a relay died.
class SeekingOverASilentLink : public SeekingTest {
protected:
    /// A link that has held, over which data comes until now, and then nothing. Two introduction points are known.
    CircuitId fallen_silent()
    {
        EXPECT_TRUE(answer_lookup({peer(seeder_.public_key(), 1), peer(seeder_.public_key(), 2)}));
        const CircuitId id = link_again(seeder_);
        for (Duration passed{}; passed < 15s; passed += 500ms) {
            step(500ms);
            while (const auto told = take())
                if (told->id() == MessageId::ping && told->circuit == id)
                    say(id, Pong{Ping::parse(told->body())->identifier}, end_.get());
            speak(id);
        }
        first_end_ = std::move(end_); // the next link has another
        return id;
    }
    void speak(CircuitId id) { say(id, Data{{}, {}, Bytes(50, 1)}, end_ ? end_.get() : first_end_.get()); }
    std::unique_ptr<Layer> first_end_;
};

TEST_F(SeekingOverASilentLink, AnotherIsMadeBesideItAndTakesItsPlace)
{
    const CircuitId id = fallen_silent();
    const TimePoint silent = now();
    const auto asked = take_request(10s);
    ASSERT_TRUE(asked);
    EXPECT_GE(now() - silent, kStalled);
    EXPECT_LE(now() - silent, kQuiet + 2800ms + Seeking::kAtOnce + 500ms);
    EXPECT_FALSE(closed_.contains(id)); // it may come back
    from(asked->circuit, {asked->to.ip, 4444}, created(*asked, seeder_, network_[4].address, network_[4].key));
    EXPECT_FALSE(closed_.contains(id));
    const auto linking = take_a<LinkE2e>();
    ASSERT_TRUE(linking);
    say(linking->first, LinkedE2e{linking->second.identifier});
    ends_[linking->first] = end_.get();
    EXPECT_TRUE(closed_.contains(id));
    EXPECT_TRUE(linked_.contains(linking->first));
    EXPECT_EQ(seeking_->links(), 1U);
}

TEST_F(SeekingOverASilentLink, TheOldOneStaysWhenItSpeaksFirst)
{
    const CircuitId id = fallen_silent();
    const auto asked = take_request(10s);
    ASSERT_TRUE(asked);
    from(asked->circuit, {asked->to.ip, 4444}, created(*asked, seeder_, network_[4].address, network_[4].key));
    EXPECT_EQ(circuits_of(CircuitPurpose::rendezvous).size(), 3U); // two at once, beside it
    end_.reset();
    speak(id);
    step();
    EXPECT_EQ(circuits_of(CircuitPurpose::rendezvous), std::vector{id});
    EXPECT_EQ(seeking_->links(), 1U);
    EXPECT_TRUE(closed_.empty());
}

TEST_F(SeekingOverASilentLink, TheNextIntroductionPointIsAskedSooner)
{
    static_cast<void>(fallen_silent());
    const auto first = take_request(10s);
    const TimePoint asked = now();
    const auto second = take_request(10s);
    ASSERT_TRUE(first && second);
    EXPECT_NE(first->to, second->to);
    EXPECT_GE(now() - asked, Seeking::kNextPointAgain);
    EXPECT_LE(now() - asked, Seeking::kNextPointAgain + 500ms);
}

TEST_F(SeekingOverASilentLink, OneThatFallsSilentAgainAndAgainIsMadeAnewLessAndLess)
{
    const CircuitId id = fallen_silent();
    int requests = 0;
    int silences = 0;
    for (int missed = 0, i = 0; i < 800; ++i) {
        step();
        while (const auto packet = take_packet())
            if (packet->id == MessageId::create_e2e) ++requests;
        missed = seeking_->links() == 0 ? missed + 1 : 0;
        if (missed < 4) continue;
        speak(id); // just when others have been asked
        ++silences;
    }
    EXPECT_GE(silences, 25);
    EXPECT_GE(requests, 1);
    EXPECT_LE(requests, 8);
    EXPECT_EQ(circuits_of(CircuitPurpose::rendezvous), std::vector{id});
}

TEST_F(SeekingOverASilentLink, WhenAllAreSilentItIsOurLine)
{
    const PrivateKey second = PrivateKey::generate();
    std::map<CircuitId, std::unique_ptr<Layer>> links;
    ASSERT_TRUE(answer_lookup({peer(seeder_.public_key(), 1), peer(second.public_key(), 2)}));
    for (int i = 0; i < 2; ++i) {
        const auto asked = take_request();
        ASSERT_TRUE(asked);
        const bool first = CreateE2e::parse(asked->body)->swarm_key == seeder_.public_key();
        from(asked->circuit, {asked->to.ip, 1},
             created(*asked, first ? seeder_ : second, network_[4].address, network_[4].key));
        const auto linking = take_a<LinkE2e>();
        ASSERT_TRUE(linking);
        say(linking->first, LinkedE2e{linking->second.identifier});
        links.emplace(linking->first, std::move(end_));
        ends_[linking->first] = links.at(linking->first).get();
    }
    for (Duration passed{}; passed < 15s; passed += 250ms) {
        step();
        while (const auto told = take())
            if (told->id() == MessageId::ping && links.contains(told->circuit))
                say(told->circuit, Pong{Ping::parse(told->body())->identifier}, links.at(told->circuit).get());
        for (const auto& [id, end] : links)
            say(id, Data{{}, {}, Bytes(50, 1)}, end.get());
    }
    ASSERT_EQ(seeking_->links(), 2U);
    EXPECT_FALSE(take_request(6s)); // both are silent
    for (const auto& [id, end] : links)
        say(id, Data{{}, {}, Bytes(50, 1)}, end.get());
    step();
    EXPECT_EQ(seeking_->links(), 2U);
    for (int i = 0; i < 16; ++i) { // one of them only: its relay, most likely
        say(links.begin()->first, Data{{}, {}, Bytes(50, 1)}, links.begin()->second.get());
        step();
    }
    EXPECT_TRUE(take_request(2s));
}

TEST_F(SeekingTest, PathsToARendezvousPointAreBuiltBesideASlowOneAndTheFirstIsTaken)
{
    ASSERT_TRUE(answer_lookup({peer(seeder_.public_key())}));
    const auto asked = take_request();
    ASSERT_TRUE(asked);
    silent_ = true;
    from(asked->circuit, {asked->to.ip, 4444}, created(*asked, seeder_, network_[4].address, network_[4].key));
    const CircuitId slow = circuits_of(CircuitPurpose::rendezvous).at(0);
    step(PathRace::kPatience - 100ms);
    EXPECT_EQ(circuits_of(CircuitPurpose::rendezvous).size(), 1U);
    step(100ms);
    const auto both = circuits_of(CircuitPurpose::rendezvous);
    ASSERT_EQ(both.size(), 2U);
    EXPECT_TRUE(std::ranges::count(both, slow)); // it may be the quicker one
    run(8s);
    EXPECT_EQ(circuits_of(CircuitPurpose::rendezvous).size(), 3U);
    silent_ = false;
    run(5s);
    const auto linking = take_a<LinkE2e>();
    ASSERT_TRUE(linking);
    EXPECT_EQ(circuits_of(CircuitPurpose::rendezvous), std::vector{linking->first});
    EXPECT_FALSE(take_a<LinkE2e>());
}

TEST_F(SeekingTest, ALinkThatWasNoneIsNotMadeInALoop)
{
    int links = 0;
    ASSERT_NE(link(seeder_), CircuitId());
    for (int i = 0; i < 60; ++i) {
        for (const CircuitId id : circuits_of(CircuitPurpose::rendezvous)) {
            ++links;
            own_.close(id, "the other end went at once", now());
        }
        step(1s);
        while (const auto packet = take_packet()) {
            if (packet->id != MessageId::create_e2e) continue;
            from(packet->circuit, {packet->to.ip, 1}, created(*packet, seeder_, network_[4].address, network_[4].key));
        }
    }
    EXPECT_GE(links, 2);
    EXPECT_LE(links, 7);
}

// Or one seeder would have us ask the DHT every three seconds for ever.
TEST_F(SeekingTest, ASeederThatFlapsIsSearchedForInAHurryOnlyAtFirst)
{
    ASSERT_NE(link(seeder_), CircuitId());
    int links = 0;
    const auto searches = [&](Duration time) {
        int out = 0;
        for (Duration passed{}; passed < time; passed += 1s) {
            for (const auto& [id, who] : linked_)
                if (own_.find(id) != nullptr) own_.close(id, "gone", now());
            step(1s);
            while (const auto told = take()) {
                if (told->id() == MessageId::peers_request) {
                    ++out;
                    const auto request = PeersRequest::parse(told->body());
                    say(told->circuit,
                        PeersResponse{request->identifier, plan_.lookup_hash, {peer(seeder_.public_key())}});
                } else if (told->id() == MessageId::link_e2e) {
                    ++links;
                    const auto asked = LinkE2e::parse(told->body());
                    say(told->circuit, LinkedE2e{asked->identifier});
                } else if (const auto data = Data::parse(told->body());
                           told->id() == MessageId::data && packet_message_id(data->payload) == 13) {
                    const ByteSpan body = data->payload.subspan(kPrefixSize + 1);
                    const Asked asked{told->circuit, data->destination.endpoint, MessageId::create_e2e,
                                      Bytes(body.begin(), body.end())};
                    from(asked.circuit, {asked.to.ip, 1},
                         created(asked, seeder_, network_[4].address, network_[4].key));
                }
            }
        }
        return out;
    };
    EXPECT_GE(searches(40s), 6);
    static_cast<void>(searches(600s));
    links = 0;
    EXPECT_LE(searches(600s), 40);
    EXPECT_GE(links, 4); // it did flap all the time
}

TEST_F(SeekingTest, LinkedE2eNeedsItsIdentifierAndComesOnce)
{
    ASSERT_TRUE(answer_lookup({peer(seeder_.public_key())}));
    const auto asked = take_request();
    from(asked->circuit, {asked->to.ip, 4444}, created(*asked, seeder_, network_[4].address, network_[4].key));
    const auto linking = take_a<LinkE2e>();
    ASSERT_TRUE(linking);
    say(linking->first, LinkedE2e{static_cast<std::uint16_t>(linking->second.identifier + 1)});
    EXPECT_TRUE(linked_.empty());
    say(linking->first, LinkedE2e{linking->second.identifier});
    EXPECT_EQ(linked_.size(), 1U);
    ends_[linking->first] = end_.get();
    say(linking->first, LinkedE2e{linking->second.identifier}); // a second one is no message of the other end
    EXPECT_EQ(dropped(Drop::bad_tag) + dropped(Drop::malformed), 1U);
    EXPECT_EQ(seeking_->linked_ever(), 1U);
}

TEST_F(SeekingTest, WhatIsNotLinkedInTimeIsGivenUp)
{
    ASSERT_TRUE(answer_lookup({peer(seeder_.public_key())}));
    const auto asked = take_request();
    from(asked->circuit, {asked->to.ip, 4444}, created(*asked, seeder_, network_[4].address, network_[4].key));
    ASSERT_TRUE(take_a<LinkE2e>());
    run(21s);
    EXPECT_TRUE(circuits_of(CircuitPurpose::rendezvous).empty());
    EXPECT_TRUE(closed_.empty()); // nobody had heard of it
}

// Keys cost nothing: fakes answer and link as honest seeders do, and then give nothing.
class SeekingAmongFakes : public SeekingTest {
protected:
    struct End {
        PublicKey seeder;
        std::unique_ptr<Layer> layer;
    };
    SeekingAmongFakes()
    {
        for (std::uint32_t n = 0; n < 3 * Seeking::kMostLinks; ++n) {
            const PrivateKey key = PrivateKey::generate();
            secrets_.emplace(key.public_key(), key);
            peers_.push_back(peer(key.public_key(), n));
        }
        secrets_.emplace(seeder_.public_key(), seeder_);
        peers_.push_back(peer(seeder_.public_key(), 100)); // the last that is named
    }
    void on_question(const Told& told)
    {
        const auto request = PeersRequest::parse(told.body());
        std::vector<PeersResponse::Peer> some;
        for (; some.size() < 7; named_ = (named_ + 1) % peers_.size())
            some.push_back(peers_[named_]);
        say(told.circuit, PeersResponse{request->identifier, plan_.lookup_hash, some});
    }
    void on_request(const Told& told)
    {
        const auto data = Data::parse(told.body());
        if (packet_message_id(data->payload) != static_cast<std::uint8_t>(MessageId::create_e2e)) return;
        const ByteSpan body = data->payload.subspan(kPrefixSize + 1);
        const Asked asked{told.circuit, data->destination.endpoint, MessageId::create_e2e,
                          Bytes(body.begin(), body.end())};
        const PublicKey key = CreateE2e::parse(asked.body)->swarm_key;
        from(asked.circuit, {asked.to.ip, 1}, created(asked, secrets_.at(key), network_[4].address, network_[4].key));
        for (const CircuitId id : circuits_of(CircuitPurpose::rendezvous))
            if (!links_.contains(id)) links_.emplace(id, End{key, std::move(end_)});
    }
    void on_told(const Told& told)
    {
        if (told.id() == MessageId::peers_request) return on_question(told);
        const auto link = links_.find(told.circuit);
        if (link == links_.end() && told.id() == MessageId::data) return on_request(told);
        if (link == links_.end()) return;
        if (told.id() == MessageId::ping)
            return say(told.circuit, Pong{Ping::parse(told.body())->identifier}, link->second.layer.get());
        if (told.id() != MessageId::link_e2e) return;
        say(told.circuit, LinkedE2e{LinkE2e::parse(told.body())->identifier});
        ends_[told.circuit] = link->second.layer.get();
    }
    [[nodiscard]] bool honest_is_linked() const
    {
        return std::ranges::any_of(links_, [&](const auto& entry) {
            return entry.second.seeder == seeder_.public_key() && ends_.contains(entry.first) &&
                   own_.find(entry.first) != nullptr;
        });
    }
    void second()
    {
        step(1s);
        while (const auto told = take())
            on_told(*told);
        for (const auto& [id, end] : links_) {
            if (!ends_.contains(id) || own_.find(id) == nullptr) continue;
            say(id, Data{{}, {}, Bytes(1300, 5)}, end.layer.get()); // fakes fill their links with garbage
            if (end.seeder == seeder_.public_key()) seeking_->set_payload(id, brought_ += 1300);
        }
    }

    std::map<PublicKey, PrivateKey> secrets_;
    std::vector<PeersResponse::Peer> peers_;
    std::size_t named_ = 0;
    std::uint64_t brought_ = 0;
    std::map<CircuitId, End> links_;
};

TEST_F(SeekingAmongFakes, AnHonestSeederHasItsTurnAndStays)
{
    int seconds = 0;
    for (; seconds < 1500 && !honest_is_linked(); ++seconds)
        second();
    EXPECT_TRUE(honest_is_linked());
    EXPECT_LE(seeking_->links(), Seeking::kMostLinks);
    for (int i = 0; i < 400; ++i) {
        second();
        ASSERT_TRUE(honest_is_linked()) << i;
    }
}

TEST_F(SeekingTest, OnlySeedersOfOurPartAreAskedAndNotTooManyOfThem)
{
    plan_.parts = 3;
    plan_.part = 1;
    std::vector<PeersResponse::Peer> peers;
    std::set<PublicKey> ours;
    for (std::uint32_t n = 0; n < 40; ++n) {
        peers.push_back(peer(test::key_number(3000 + n), n));
        if (plan_.has_part(peers.back().swarm_key)) ours.insert(peers.back().swarm_key);
    }
    for (std::size_t at = 0; at < peers.size(); at += 7) {
        const std::vector<PeersResponse::Peer> some(peers.begin() + static_cast<long>(at),
                                                    peers.begin() + static_cast<long>(std::min(at + 7, peers.size())));
        if (!answer_lookup(some, 300s)) break;
    }
    std::set<PublicKey> asked;
    for (int i = 0; i < 40; ++i) {
        step();
        while (const auto packet = take_packet())
            if (packet->id == MessageId::create_e2e) asked.insert(CreateE2e::parse(packet->body)->swarm_key);
    }
    for (const PublicKey& key : asked)
        EXPECT_TRUE(ours.contains(key));
    EXPECT_GE(asked.size(), 1U);
    EXPECT_LE(seeking_->linking(), 5U); // 15 links in all
    EXPECT_GT(seeking_->found(), asked.size());
}

} // namespace
} // namespace cepa::tunnel
