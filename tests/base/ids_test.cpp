#include "base/ids.hpp"

#include <gtest/gtest.h>

#include <type_traits>
#include <unordered_set>

namespace cepa {
namespace {

static_assert(!std::is_convertible_v<std::uint32_t, CircuitId>);
static_assert(!std::is_convertible_v<CircuitId, GroupId>);
static_assert(!std::is_constructible_v<CircuitId, GroupId>);

TEST(Id, ComparesAndHashesByValue)
{
    EXPECT_EQ(CircuitId(5), CircuitId(5));
    EXPECT_LT(CircuitId(5), CircuitId(6));
    EXPECT_EQ(CircuitId().value, 0U);
    const std::unordered_set<CircuitId> set{CircuitId(1), CircuitId(2), CircuitId(1)};
    EXPECT_EQ(set.size(), 2U);
}

} // namespace
} // namespace cepa
