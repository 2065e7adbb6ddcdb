#include "worker/shared_facts.hpp"

#include "worker/fakes.hpp"

#include <gtest/gtest.h>

namespace cepa::worker {
namespace {

using test::endpoint;

SharedFacts sample()
{
    tunnel::init_crypto();
    const auto key = tunnel::PrivateKey::generate().public_key();
    SharedFacts facts;
    facts.candidates = {{key, endpoint("1.2.3.4:5"), 3, true}, {key, endpoint("[2001:db8::1]:65535"), 0xffff, false}};
    facts.own_addresses = {endpoint("9.8.7.6:5432")};
    facts.guards = {{key, endpoint("1.2.3.4:5"), 1234567, true},
                    {key, endpoint("1.2.3.4:6"), 1234568, false, true, 2234568}};
    facts.reach = {tunnel::Translation::endpoint_independent, true};
    return facts;
}

TEST(SharedFacts, AreTheSameAfterTheRoundTrip)
{
    const SharedFacts facts = sample();
    const proto::Share share = facts_to_proto(facts, 7);
    EXPECT_EQ(share.version(), 7U);
    EXPECT_EQ(facts_from_proto(share), facts);
}

TEST(SharedFacts, EndpointNeedsFourOrSixteenBytesAndAPort)
{
    for (std::size_t size = 0; size <= 17; ++size) {
        proto::IpEndpoint from;
        from.set_ip(std::string(size, '\1'));
        from.set_port(80);
        EXPECT_EQ(endpoint_from_proto(from).has_value(), size == 4 || size == 16) << size;
    }
    proto::IpEndpoint from = endpoint_to_proto(endpoint("1.2.3.4:5"));
    from.set_port(65536);
    EXPECT_FALSE(endpoint_from_proto(from));
}

TEST(SharedFacts, LeavesOutWhatIsMalformed)
{
    proto::Share share = facts_to_proto(sample(), 1);
    share.mutable_candidates(0)->set_public_key("short");
    share.mutable_candidates(1)->set_flags(0x10000);
    share.mutable_own_addresses(0)->set_ip("abc");
    share.mutable_guards(0)->mutable_public_key()->pop_back();
    share.mutable_guards(1)->clear_address();
    share.set_translation(static_cast<proto::Translation>(9));
    share.set_strangers_get_in(false);
    EXPECT_EQ(facts_from_proto(share), SharedFacts());
}

TEST(SharedFacts, LooksAtABoundedNumberOfCandidates)
{
    proto::Share share = facts_to_proto(sample(), 1);
    for (int i = 0; i < kMaxCandidates + 10; ++i) *share.add_candidates() = share.candidates(0);
    EXPECT_EQ(facts_from_proto(share).candidates.size(), static_cast<std::size_t>(kMaxCandidates));
}

} // namespace
} // namespace cepa::worker
