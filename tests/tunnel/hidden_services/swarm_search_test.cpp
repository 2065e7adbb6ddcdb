#include "support/seeker_bench.hpp"

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;

class SwarmSearchTest : public test::SeekerBench {
protected:
    /// How often the DHT was asked, and introduction points, in that time; `peers` is what every answer says.
    std::pair<int, int> asked_in(Duration time, const std::vector<PeersResponse::Peer>& peers, bool points_answer)
    {
        std::pair<int, int> out;
        for (Duration passed{}; passed < time; passed += 250ms) {
            step();
            while (const auto told = take()) {
                if (told->id() == MessageId::peers_request) {
                    ++out.first;
                    const auto request = PeersRequest::parse(told->body());
                    say(told->circuit, PeersResponse{request->identifier, plan_.lookup_hash, peers});
                    continue;
                }
                const auto data = told->id() == MessageId::data ? Data::parse(told->body()) : std::nullopt;
                if (!data || packet_message_id(data->payload) != 17) continue;
                ++out.second;
                if (points_answer) answer_packet(told->circuit, *data, peers);
            }
        }
        return out;
    }
    void answer_packet(CircuitId circuit, const Data& data, const std::vector<PeersResponse::Peer>& peers)
    {
        Reader reader(data.payload.subspan(kPrefixSize + 1));
        const std::uint32_t number = reader.u32();
        const auto request = PeersRequest::parse(reader.rest());
        from(circuit, data.destination.endpoint, answer(number, {request->identifier, plan_.lookup_hash, peers}));
    }
    Bytes answer(std::uint32_t number, const PeersResponse& response)
    {
        std::array<std::uint8_t, 1400> room{};
        Writer writer(room);
        writer.bytes(bench_.sender.prefix());
        writer.u8(static_cast<std::uint8_t>(MessageId::peers_response));
        writer.u32(number);
        response.write(writer);
        const ByteSpan written = writer.written();
        return {written.begin(), written.end()};
    }
    PublicKey key_ = PrivateKey::generate().public_key();
};

TEST_F(SwarmSearchTest, AsksAtOnceAndLessOftenWhileNobodyIsFound)
{
    EXPECT_GE(asked_in(8s, {}, false).first, 2);
    asked_in(180s, {}, false);
    EXPECT_LE(asked_in(300s, {}, false).first, 6);
    EXPECT_TRUE(seeking_->looked_up());
    EXPECT_EQ(seeking_->found(), 0U);
}

TEST_F(SwarmSearchTest, WhoAnswersForTheSwarmIsAskedInPlaceOfTheDht)
{
    EXPECT_TRUE(answer_lookup({peer(key_)}));
    const auto [dht, points] = asked_in(600s, {peer(key_)}, true);
    EXPECT_GE(points, 4);
    EXPECT_LE(points, 21);
    EXPECT_LE(dht, 12); // the seeder itself never answers: the DHT is asked whether it has moved
    EXPECT_EQ(seeking_->found(), 1U);
}

TEST_F(SwarmSearchTest, SilentIntroductionPointsAreMadeUpForByTheDht)
{
    EXPECT_TRUE(answer_lookup({peer(key_)}));
    const auto [dht, points] = asked_in(600s, {peer(key_)}, false);
    EXPECT_GE(dht, 4);
    EXPECT_LE(dht, 40);
    EXPECT_EQ(seeking_->found(), 1U); // named again and again, so never forgotten
}

// However many seeders come and go: keys cost nothing.
TEST_F(SwarmSearchTest, HurriesOfAllSeedersTogetherHaveABound)
{
    SeederTable seeders;
    SwarmSearch search(plan_, circuits_, *lookups_, seeders);
    const auto known = peer(key_);
    ASSERT_TRUE(seeders.learn(key_, {known.address, known.key, now(), {}}, now()));
    const auto asked_in_a_hurry = [&](Duration time) {
        int out = 0;
        for (Duration passed{}; passed < time; passed += 250ms) {
            search.hurry(now());
            step();
            search.tick(now());
            while (const auto told = take())
                if (told->id() == MessageId::peers_request) ++out;
        }
        return out;
    };
    EXPECT_GE(asked_in_a_hurry(60s), 15); // one that is lost is found soon
    static_cast<void>(asked_in_a_hurry(120s));
    const int later = asked_in_a_hurry(600s);
    EXPECT_GE(later, 30);
    EXPECT_LE(later, 100);
}

TEST_F(SwarmSearchTest, OnlyExpectedAnswersTeach)
{
    run(3s);
    const auto asked = take_a<PeersRequest>();
    ASSERT_TRUE(asked);
    const std::vector<PeersResponse::Peer> peers{peer(key_)};
    const std::uint16_t identifier = asked->second.identifier;
    say(asked->first, PeersResponse{static_cast<std::uint16_t>(identifier + 1), plan_.lookup_hash, peers});
    say(asked->first, PeersResponse{identifier, LookupHash{}, peers});
    for (const CircuitId id : circuits_of(CircuitPurpose::lookup))
        if (id != asked->first) say(id, PeersResponse{identifier, plan_.lookup_hash, peers});
    from(asked->first, peers[0].address, answer(0, {identifier, plan_.lookup_hash, peers})); // not what was asked
    EXPECT_EQ(seeking_->found(), 0U);
    EXPECT_EQ(dropped(Drop::unexpected_answer), 4U);
    say(asked->first, PeersResponse{identifier, plan_.lookup_hash, peers});
    EXPECT_EQ(seeking_->found(), 1U);
    say(asked->first, PeersResponse{identifier, plan_.lookup_hash, {peer(test::key_number(1))}});
    EXPECT_EQ(seeking_->found(), 1U); // once
}

TEST_F(SwarmSearchTest, AnIntroductionPointsAnswerMustComeFromIt)
{
    ASSERT_TRUE(answer_lookup({peer(key_)}));
    std::optional<Asked> asked;
    for (int i = 0; i < 800 && !asked; ++i) {
        step();
        while (auto packet = take_packet())
            if (packet->id == MessageId::peers_request) asked = std::move(packet);
    }
    ASSERT_TRUE(asked);
    Reader reader(asked->body);
    const std::uint32_t number = reader.u32();
    EXPECT_NE(number, asked->circuit.value); // nobody learns our circuit's id
    const auto request = PeersRequest::parse(reader.rest());
    const PeersResponse other{request->identifier, plan_.lookup_hash, {peer(test::key_number(1), 2)}};
    from(asked->circuit, {asked->to.ip, static_cast<std::uint16_t>(asked->to.port + 1)}, answer(number, other));
    from(asked->circuit, asked->to, answer(number + 1, other));
    EXPECT_EQ(seeking_->found(), 1U);
    from(asked->circuit, asked->to, answer(number, other));
    EXPECT_EQ(seeking_->found(), 2U);
}

TEST_F(SwarmSearchTest, OurselvesAndForbiddenAddressesAreNotLearnt)
{
    plan_.seed_key = PrivateKey::generate();
    std::vector<PeersResponse::Peer> peers(4, peer(test::key_number(1)));
    peers[0].swarm_key = plan_.seed_key->public_key();
    peers[1].address = {IpAddress::v4(0x0a000001), 8090};
    peers[2].address = {IpAddress::v4(0x08080808), 8090}; // ours
    peers[3].address.port = 0;
    ASSERT_TRUE(answer_lookup(peers));
    EXPECT_EQ(seeking_->found(), 0U);
}

} // namespace
} // namespace cepa::tunnel
