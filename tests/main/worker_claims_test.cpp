#include "main/worker_claims.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace cepa::main {
namespace {

proto::IpEndpoint address()
{
    proto::IpEndpoint out;
    out.set_ip("\x01\x02\x03\x04");
    out.set_port(5);
    return out;
}

template <class Entry>
void fill(Entry& entry)
{
    entry.set_public_key(std::string(74, 'k'));
    *entry.mutable_address() = address();
}

/// The largest frame that is allowed.
proto::Sync largest()
{
    proto::Sync sync;
    auto& circuit = *sync.add_circuits();
    for (int i = 0; i < kMaxHops; ++i) {
        circuit.add_hops()->set_mid(std::string(20, 'm'));
        *circuit.mutable_hops(i)->mutable_address() = address();
    }
    for (int i = 0; i < kMaxReasons; ++i)
        (*sync.mutable_worker()->mutable_drops())[std::to_string(i + 100) + std::string(kMaxReasonName - 3, 'r')] = 1;
    *sync.mutable_discovery()->mutable_wan() = address();
    auto& share = *sync.mutable_share();
    for (int i = 0; i < kMaxSharedCandidates; ++i)
        fill(*share.add_candidates());
    for (int i = 0; i < kMaxGuards; ++i)
        fill(*share.add_guards());
    for (int i = 0; i < kMaxSharedAddresses; ++i)
        *share.add_own_addresses() = address();
    return sync;
}

TEST(WorkerClaims, ChangeFramesHaveBounds)
{
    const proto::Sync good = largest();
    EXPECT_TRUE(within_bounds(good));
    EXPECT_TRUE(within_bounds(proto::Sync()));
    const std::vector<std::function<void(proto::Sync&)>> breaches{
        [](auto& s) { s.mutable_circuits(0)->add_hops()->set_mid(std::string(20, 'm')); },
        [](auto& s) { s.mutable_circuits(0)->mutable_hops(4)->set_mid(std::string(21, 'm')); },
        [](auto& s) { s.mutable_circuits(0)->mutable_hops(4)->clear_mid(); },
        [](auto& s) { s.mutable_circuits(0)->mutable_hops(4)->mutable_address()->set_ip(std::string(1000, 'i')); },
        [](auto& s) { (*s.mutable_worker()->mutable_drops())["one more"] = 1; },
        [](auto& s) {
            s.mutable_worker()->clear_drops();
            (*s.mutable_worker()->mutable_drops())[std::string(kMaxReasonName + 1, 'r')] = 1;
        },
        [](auto& s) { s.mutable_discovery()->mutable_wan()->set_port(65536); },
        [](auto& s) { fill(*s.mutable_share()->add_candidates()); },
        [](auto& s) { s.mutable_share()->mutable_candidates(7)->set_public_key(std::string(73, 'k')); },
        [](auto& s) { s.mutable_share()->mutable_candidates(7)->clear_address(); },
        [](auto& s) { fill(*s.mutable_share()->add_guards()); },
        [](auto& s) { s.mutable_share()->mutable_guards(7)->set_public_key("key"); },
        [](auto& s) { *s.mutable_share()->add_own_addresses() = address(); },
        [](auto& s) { s.mutable_share()->mutable_own_addresses(0)->set_ip("123"); },
    };
    for (std::size_t i = 0; i < breaches.size(); ++i) {
        proto::Sync bad = good;
        breaches[i](bad);
        EXPECT_FALSE(within_bounds(bad)) << i;
    }
}

TEST(WorkerClaims, NoticesHaveBounds)
{
    proto::Notify notice;
    EXPECT_TRUE(within_bounds(notice));
    notice.set_text(std::string(kMaxNoticeText, 't'));
    notice.set_bytes(std::string(20, 'h'));
    for (int i = 0; i < kMaxGuards; ++i)
        fill(*notice.add_guards());
    EXPECT_TRUE(within_bounds(notice));
    proto::Notify bad = notice;
    bad.mutable_text()->push_back('t');
    EXPECT_FALSE(within_bounds(bad));
    bad = notice;
    bad.mutable_bytes()->push_back('h');
    EXPECT_FALSE(within_bounds(bad));
    bad = notice;
    bad.mutable_guards(3)->clear_address();
    EXPECT_FALSE(within_bounds(bad));
    fill(*notice.add_guards());
    EXPECT_FALSE(within_bounds(notice));
}

TEST(WorkerClaims, WhatWasKeptIsCleanedOfWhatIsMalformed)
{
    proto::Share share;
    for (int i = 0; i < 6; ++i) {
        fill(*share.add_guards());
        fill(*share.add_candidates());
        share.mutable_guards(i)->set_chosen_unix_s(i);
    }
    share.mutable_guards(0)->set_public_key("short");
    share.mutable_guards(3)->mutable_address()->set_ip("");
    share.mutable_candidates(5)->mutable_address()->set_port(1 << 20);
    drop_malformed(share);
    ASSERT_EQ(share.guards_size(), 4);
    EXPECT_EQ(share.guards(0).chosen_unix_s(), 1);
    EXPECT_EQ(share.guards(3).chosen_unix_s(), 5);
    EXPECT_EQ(share.candidates_size(), 5);
}

} // namespace
} // namespace cepa::main
