#include "tunnel/exit/name_cache.hpp"

#include "support/fake_clock.hpp"

#include <gtest/gtest.h>

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;

TEST(NameCache, RemembersForAWhile)
{
    test::FakeClock clock;
    NameCache cache;
    EXPECT_FALSE(cache.find("a.example", clock.now()));
    cache.store("a.example", {IpAddress::v4(1), IpAddress::v4(2)}, clock.now());
    cache.store("gone.example", {}, clock.now());
    EXPECT_EQ(cache.find("a.example", clock.now())->size(), 2U);
    EXPECT_TRUE(cache.find("gone.example", clock.now())->empty());
    clock.advance(16s);
    EXPECT_FALSE(cache.find("gone.example", clock.now()));
    EXPECT_TRUE(cache.find("a.example", clock.now()));
    clock.advance(45s);
    EXPECT_FALSE(cache.find("a.example", clock.now()));
}

TEST(NameCache, IsBounded)
{
    test::FakeClock clock;
    NameCache cache;
    for (std::size_t i = 0; i < 3 * NameCache::kMost; ++i)
        cache.store("host" + std::to_string(i), {IpAddress::v4(1)}, clock.now());
    std::size_t kept = 0;
    for (std::size_t i = 0; i < 3 * NameCache::kMost; ++i)
        kept += cache.find("host" + std::to_string(i), clock.now()) ? 1U : 0U;
    EXPECT_EQ(kept, NameCache::kMost);
}

TEST(NameCache, OnlyNamesAreAskedFor)
{
    for (const char* good : {"tracker.example", "a", "localhost", "x-1_2.example.org", "example.org."})
        EXPECT_TRUE(NameCache::is_name(good)) << good;
    for (const std::string& bad : {std::string(), std::string("a..b"), std::string(".a"), std::string("a b"),
                                   std::string("a/b"), std::string("a\0b", 3), std::string("\xc3\xa4.example"),
                                   std::string(64, 'a'), std::string(254, 'a')})
        EXPECT_FALSE(NameCache::is_name(bad)) << bad;
}

} // namespace
} // namespace cepa::tunnel
