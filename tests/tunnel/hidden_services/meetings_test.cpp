#include "support/hop_player.hpp"
#include "tunnel/hidden_services/end_to_end.hpp"
#include "tunnel/hidden_services/meetings.hpp"

#include <deque>

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;

/// An introduction circuit that stands, whose other end the test is.
struct StandingUser final : CircuitUser {
    void on_ready(const Circuit&, TimePoint) override {}
    void on_closed(const Circuit&, TimePoint) override {}
    void on_message(const Circuit&, MessageId, ByteSpan, TimePoint) override {}
    void on_packet(const Circuit&, const Endpoint&, ByteSpan, TimePoint) override {}
    bool on_other_end(const Circuit&, TimePoint) override { return false; }
};

class MeetingsTest : public test::HopPlayer {
protected:
    MeetingsTest()
    {
        plan_.lookup_hash.fill(0x33);
        plan_.hops = 2;
        plan_.seed_key = PrivateKey::generate();
        meetings_ = std::make_unique<Meetings>(plan_, circuits_, load_);
        introduction_ = stand();
    }
    CircuitId stand()
    {
        CircuitWish wish;
        wish.path.purpose = CircuitPurpose::introduction;
        wish.path.hops = 3;
        const auto id = circuits_.begin(wish, standing_, now());
        play();
        told_.clear();
        return *id;
    }
    EphemeralKey request() { return request(introduction_); }
    EphemeralKey request(CircuitId introduction)
    {
        EphemeralKey x = EphemeralKey::generate(bench_.random);
        meetings_->on_request(introduction, origin_,
                              {321, plan_.lookup_hash, plan_.seed_key->public_key(), x.public_key}, now());
        return x;
    }
    /// The rendezvous point answers, saying that it is at `where`; the circuit.
    CircuitId establish(const Endpoint& where)
    {
        const auto asked = take_a<EstablishRendezvous>();
        if (!asked) {
            ADD_FAILURE() << "nobody was asked";
            return {};
        }
        cookie_ = asked->second.cookie;
        say(asked->first, RendezvousEstablished{asked->second.identifier, where});
        return asked->first;
    }
    /// What the downloader makes of the created-e2e that leaves the introduction circuit.
    std::optional<EndFound> found(const EphemeralKey& x) { return found(x, *plan_.seed_key); }
    std::optional<EndFound> found(const EphemeralKey& x, const PrivateKey& key)
    {
        const auto data = take_a<Data>();
        if (!data) return std::nullopt;
        EXPECT_EQ(data->first, introduction_);
        EXPECT_EQ(data->second.destination, Address(origin_));
        EXPECT_TRUE(has_prefix(data->second.payload, bench_.sender.prefix()));
        EXPECT_EQ(packet_message_id(data->second.payload), 14);
        const auto answer = CreatedE2e::parse(data->second.payload.subspan(kPrefixSize + 1));
        if (!answer) return std::nullopt;
        EXPECT_EQ(answer->identifier, 321);
        auto out = finish_end(x, key.public_key(), *answer, bench_.aead);
        return out ? std::optional(*std::move(out)) : std::nullopt;
    }
    void pass(Duration time)
    {
        for (Duration passed{}; passed < time; passed += 1s) {
            advance(1s);
            meetings_->tick(now());
            play();
        }
    }

    /// Another swarm of the same node.
    struct Other {
        explicit Other(MeetingsTest& test) : bench(test)
        {
            plan = test.plan_;
            plan.lookup_hash.fill(0x44);
            plan.seed_key = PrivateKey::generate();
            meetings = std::make_unique<Meetings>(plan, test.circuits_, test.load_);
            test.others_.push_back(this);
        }
        ~Other() { std::erase(bench.others_, this); }
        Other(const Other&) = delete;
        Other& operator=(const Other&) = delete;
        EphemeralKey request(CircuitId introduction) const
        {
            EphemeralKey x = EphemeralKey::generate(bench.bench_.random);
            meetings->on_request(introduction, bench.origin_,
                                 {321, plan.lookup_hash, plan.seed_key->public_key(), x.public_key}, bench.now());
            return x;
        }
        MeetingsTest& bench;
        SwarmPlan plan;
        std::unique_ptr<Meetings> meetings;
    };
    /// A downloader comes and speaks; its circuit.
    CircuitId link() { return finish_link(request(), *plan_.seed_key); }
    CircuitId link(const Other& other) { return finish_link(other.request(introduction_), *other.plan.seed_key); }
    CircuitId finish_link(const EphemeralKey& x, const PrivateKey& key)
    {
        const CircuitId id = establish(said_);
        auto there = found(x, key);
        if (!there) {
            ADD_FAILURE() << "no answer";
            return id;
        }
        ends_keep_.push_back(std::move(there->layer));
        say(id, Data{{}, {}, Bytes(80, 6)}, &ends_keep_.back());
        if (own_.find(id) != nullptr) ends_[id] = &ends_keep_.back();
        return id;
    }
    /// The other ends speak every second, and each fetches its part.
    void pass_alive(Duration time)
    {
        for (Duration passed{}; passed < time; passed += 1s) {
            for (const auto& [id, end] : ends_) {
                if (own_.find(id) == nullptr) continue;
                say(id, Data{{}, {}, Bytes(1300U, 6)}, end);
                const auto rate = fetches_.find(id);
                payload_[id] += rate == fetches_.end() ? 1300 : rate->second;
                meetings_->set_payload(id, payload_[id]);
                for (Other* other : others_)
                    other->meetings->set_payload(id, payload_[id]);
            }
            advance(1s);
            meetings_->tick(now());
            play();
            told_.clear();
        }
    }
    void fill()
    {
        for (std::size_t i = 0; i < Meetings::kMostLinks; ++i) {
            filled_.push_back(link());
            pass_alive(1s); // within the rate
        }
    }
    [[nodiscard]] std::size_t left_of(const std::vector<CircuitId>& links) const
    {
        return static_cast<std::size_t>(
            std::ranges::count_if(links, [this](CircuitId id) { return own_.find(id) != nullptr; }));
    }

    std::map<CircuitId, std::uint64_t> fetches_; ///< bytes a second of payload; 1300 unless told
    std::map<CircuitId, std::uint64_t> payload_;
    std::vector<Other*> others_;
    std::vector<CircuitId> filled_;
    const Endpoint origin_{IpAddress::v4(0x05060708), 99};
    const Endpoint said_{IpAddress::v4(0x09090909), 1234};
    SwarmPlan plan_;
    MeetingLoad load_;
    StandingUser standing_;
    std::unique_ptr<Meetings> meetings_;
    CircuitId introduction_;
    Cookie cookie_{};
    std::deque<Layer> ends_keep_;
};

TEST_F(MeetingsTest, WhileACircuitWaitsForAHopOthersAreBuiltBesideItOverOtherHops)
{
    static_cast<void>(request());
    const CircuitId slow = circuits_of(CircuitPurpose::rendezvous).at(0);
    held_ = {slow};
    const std::vector<PublicKey> hops = own_.planned_first_two(slow);
    pass(1s);
    EXPECT_EQ(circuits_of(CircuitPurpose::rendezvous), std::vector{slow});
    pass(1s);
    const auto asked = take_a<EstablishRendezvous>();
    ASSERT_TRUE(asked);
    EXPECT_NE(asked->first, slow);
    EXPECT_NE(own_.planned_first_two(asked->first).at(0), hops.at(0));
    EXPECT_NE(own_.planned_first_two(asked->first).at(1), hops.at(1));
    EXPECT_EQ(circuits_of(CircuitPurpose::rendezvous), std::vector{asked->first}); // it was quicker
    EXPECT_EQ(meetings_->waiting(), 1U);
    pass(5s);
    EXPECT_FALSE(take_a<EstablishRendezvous>());
}

// Where the next hop must first be found in the DHT, which takes 8 s, or where the way is long.
TEST_F(MeetingsTest, NoCircuitIsGivenUpForBeingSlow)
{
    static_cast<void>(request());
    bench_.packets.sent.resize(1); // create
    const CircuitId first = circuits_of(CircuitPurpose::rendezvous).at(0);
    play_one();
    hold_all_ = true; // extend, and whatever else is tried
    pass(9s);
    EXPECT_EQ(circuits_of(CircuitPurpose::rendezvous).size(), PathRace::kMost);
    ASSERT_NE(own_.find(first), nullptr);
    std::erase_if(held_packets_, [&](const test::SentPacket& sent) { return sent.header().circuit != first; });
    release();
    const auto asked = take_a<EstablishRendezvous>();
    ASSERT_TRUE(asked);
    EXPECT_EQ(asked->first, first);
    EXPECT_EQ(circuits_of(CircuitPurpose::rendezvous), std::vector{first});
}

TEST_F(MeetingsTest, ARequestIsAnsweredWithWhereWeWaitAndTheLinkIsReported)
{
    const EphemeralKey x = request();
    const CircuitId id = establish(said_);
    auto there = found(x);
    ASSERT_TRUE(there);
    EXPECT_EQ(there->where.address, said_);
    EXPECT_EQ(there->where.key, last_hops_.at(id));
    EXPECT_EQ(there->where.cookie, cookie_);
    EXPECT_EQ(layers_.at(id).size(), 2U);
    EXPECT_EQ(meetings_->waiting(), 1U);
    EXPECT_TRUE(linked_.empty());
    say(id, Data{{}, {}, Bytes(80, 6)}, &there->layer);
    ASSERT_TRUE(linked_.contains(id));
    EXPECT_FALSE(linked_.at(id)); // we are the seeder
    EXPECT_EQ(data_.size(), 1U);
    EXPECT_EQ(meetings_->links(), 1U);
    EXPECT_EQ(meetings_->waiting(), 0U);
    EXPECT_EQ(meetings_->linked_ever(), 1U);
    own_.close(id, "test", now());
    EXPECT_TRUE(closed_.contains(id));
    EXPECT_EQ(meetings_->links(), 0U);
    EXPECT_EQ(load_.links() + load_.waiting(), 0U);
}

TEST_F(MeetingsTest, ARendezvousPointThatNamesNoUsableAddressIsNamedByOurs)
{
    for (const Endpoint useless :
         {Endpoint{}, Endpoint{IpAddress::v4(0x0a000001), 8090}, Endpoint{IpAddress::v4(0x08080808), 1}}) {
        const EphemeralKey x = request();
        const CircuitId id = establish(useless);
        const auto there = found(x);
        ASSERT_TRUE(there);
        EXPECT_EQ(there->where.address, own_.find(id)->hops().back().address);
    }
}

TEST_F(MeetingsTest, TheAnswerIsOfTheKeyThatWasAskedFor)
{
    const PrivateKey asked_for = *plan_.seed_key;
    const EphemeralKey x = request();
    plan_.seed_key = PrivateKey::generate();
    establish(said_);
    EXPECT_TRUE(found(x, asked_for));
}

TEST_F(MeetingsTest, NobodyWaitsLongerThanTwentySeconds)
{
    request();
    const CircuitId id = establish(said_);
    pass(19s);
    EXPECT_NE(own_.find(id), nullptr);
    pass(2s);
    EXPECT_EQ(own_.find(id), nullptr);
    EXPECT_TRUE(closed_.empty());
    EXPECT_EQ(load_.waiting(), 0U);
}

TEST_F(MeetingsTest, AReplayIsAnsweredOnce)
{
    const EphemeralKey x = request();
    establish(said_);
    meetings_->on_request(introduction_, origin_, {9, plan_.lookup_hash, plan_.seed_key->public_key(), x.public_key},
                          now());
    EXPECT_EQ(meetings_->waiting(), 1U);
    EXPECT_EQ(dropped(Drop::introduction_replayed), 1U);
    meetings_->on_request(introduction_, origin_, {9, plan_.lookup_hash, plan_.seed_key->public_key(), KeyBytes{}},
                          now()); // an X without a secret
    establish(said_);
    EXPECT_EQ(meetings_->waiting(), 1U);
}

TEST_F(MeetingsTest, OneIntroductionPointTakesOnlyItsPart)
{
    const CircuitId other = stand();
    for (int i = 0; i < 12; ++i) {
        request();
        pass(1s); // within the rate
    }
    EXPECT_LE(meetings_->waiting(), Meetings::kMostOfOne);
    const auto before = meetings_->waiting();
    request(other);
    EXPECT_EQ(meetings_->waiting(), before + 1);
}

TEST_F(MeetingsTest, WhoDoesNotComeMakesRoom)
{
    for (std::size_t i = 0; i < Meetings::kMostOfOne; ++i) {
        request();
        establish(said_);
    }
    request();
    EXPECT_EQ(dropped(Drop::introduction_flood), 1U);
    pass(Meetings::kPatience);
    request();
    EXPECT_EQ(dropped(Drop::introduction_flood), 1U);
    EXPECT_EQ(meetings_->waiting(), Meetings::kMostOfOne);
}

TEST_F(MeetingsTest, AFloodIsBoundedAndNoOtherSwarmNoticesIt)
{
    std::vector<CircuitId> points;
    for (int i = 0; i < 8; ++i)
        points.push_back(stand());
    const Other other(*this);
    for (int i = 0; i < 500; ++i) {
        if (i % 25 == 0) pass(1s);
        request(points[static_cast<std::size_t>(i) % points.size()]);
        ASSERT_LE(meetings_->waiting(), Meetings::kMostWaiting);
    }
    EXPECT_EQ(meetings_->waiting(), Meetings::kMostWaiting);
    pass(1s);
    for (std::uint32_t i = 1; i <= Meetings::kMostOfOne; ++i) {
        other.request(introduction_);
        EXPECT_EQ(other.meetings->waiting(), i);
    }
    EXPECT_EQ(meetings_->waiting(), Meetings::kMostWaiting);
}

TEST_F(MeetingsTest, WhereManySwarmsAreFloodedTheFullestGives)
{
    std::vector<std::unique_ptr<Other>> others;
    const CircuitId second = stand();
    for (int n = 0; n < 3; ++n) {
        others.push_back(std::make_unique<Other>(*this));
        for (std::size_t i = 0; i < Meetings::kMostWaiting; ++i)
            others.back()->request(i % 2 == 0 ? introduction_ : second);
        pass(1s);
    }
    EXPECT_EQ(load_.waiting(), MeetingLoad::kMostWaiting);
    for (std::uint32_t i = 1; i <= 6; ++i) {
        request(i % 2 == 0 ? introduction_ : second);
        EXPECT_EQ(meetings_->waiting(), i);
    }
    EXPECT_LE(load_.waiting(), MeetingLoad::kMostWaiting);
    for (const auto& other : others)
        EXPECT_GE(other->meetings->waiting(), 6U);
}

TEST_F(MeetingsTest, AUselessLinkMakesRoomAndAUsefulOneDoesNot)
{
    std::vector<CircuitId> links;
    for (std::size_t i = 0; i < Meetings::kMostLinks; ++i) {
        links.push_back(link());
        ASSERT_TRUE(linked_.contains(links.back()));
        pass_alive(1s);
    }
    const CircuitId refused = link(); // before the youngest can be judged, and the others are of use
    EXPECT_FALSE(linked_.contains(refused));
    EXPECT_EQ(own_.find(refused), nullptr);
    EXPECT_EQ(meetings_->links(), Meetings::kMostLinks);
    fetches_[links[7]] = 0; // it says as much as the others, but nothing that libtorrent makes anything of
    pass_alive(130s);
    EXPECT_EQ(meetings_->links(), Meetings::kMostLinks);
    const CircuitId second = link();
    EXPECT_TRUE(linked_.contains(second));
    EXPECT_EQ(own_.find(links[7]), nullptr);
    EXPECT_EQ(meetings_->links(), Meetings::kMostLinks);
    const CircuitId third = link();
    EXPECT_FALSE(linked_.contains(third));
}

// To fetch a little costs little: who does only that gives way to whoever fetches more.
TEST_F(MeetingsTest, WhereOthersFetchMuchWhoFetchesLittleMakesRoom)
{
    fill();
    for (std::size_t i = 0; i < filled_.size(); ++i)
        fetches_[filled_[i]] = i < 2 ? 200'000 : 1100;
    pass_alive(130s);
    std::size_t came = 0;
    for (int i = 0; i < 20; ++i) {
        came += linked_.contains(link()) ? 1 : 0;
        pass_alive(1s);
    }
    EXPECT_EQ(came, 20U);
    EXPECT_NE(own_.find(filled_[0]), nullptr);
    EXPECT_NE(own_.find(filled_[1]), nullptr);
    EXPECT_EQ(left_of(filled_), Meetings::kMostLinks - 20);
}

TEST_F(MeetingsTest, WhoTakesAllPlacesAndFetchesEnoughHasThemForTenMinutesOnly)
{
    fill();
    pass_alive(9min);
    EXPECT_FALSE(linked_.contains(link()));
    pass_alive(70s);
    EXPECT_EQ(left_of(filled_), Meetings::kMostLinks); // while nobody wants a place they stay
    EXPECT_TRUE(linked_.contains(link()));
    EXPECT_EQ(left_of(filled_), Meetings::kMostLinks - 1);
}

TEST_F(MeetingsTest, OneSwarmsLinksDoNotShutAnother)
{
    for (std::size_t i = 0; i < Meetings::kMostLinks; ++i) {
        link();
        pass_alive(1s);
    }
    const Other other(*this);
    const CircuitId id = link(other);
    EXPECT_TRUE(linked_.contains(id));
    EXPECT_EQ(other.meetings->links(), 1U);
    EXPECT_EQ(meetings_->links(), Meetings::kMostLinks); // nor is it seen there
}

TEST_F(MeetingsTest, AllSwarmsTogetherHaveALimitAndTheFullestGives)
{
    std::vector<std::unique_ptr<Other>> others;
    for (int n = 0; n < 4; ++n) {
        others.push_back(std::make_unique<Other>(*this));
        for (std::size_t i = 0; i < Meetings::kMostLinks; ++i) {
            link(*others.back());
            pass_alive(1s);
        }
    }
    EXPECT_EQ(load_.links(), MeetingLoad::kMostLinks);
    for (std::uint32_t i = 1; i <= 8; ++i) {
        EXPECT_TRUE(linked_.contains(link()));
        EXPECT_EQ(meetings_->links(), i);
        pass_alive(1s);
    }
    EXPECT_EQ(load_.links(), MeetingLoad::kMostLinks);
    for (const auto& other : others)
        EXPECT_EQ(other->meetings->links(), Meetings::kMostLinks - 2);
}

TEST_F(MeetingsTest, WithoutItsIntroductionCircuitThereIsNoAnswer)
{
    request();
    own_.close(introduction_, "gone", now());
    const CircuitId id = establish(said_);
    EXPECT_EQ(own_.find(id), nullptr);
    EXPECT_EQ(load_.waiting(), 0U);
}

} // namespace
} // namespace cepa::tunnel
