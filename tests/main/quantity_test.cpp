#include "main/quantity.hpp"

#include <gtest/gtest.h>

using namespace cepa;
using namespace cepa::main;
using namespace std::chrono_literals;

TEST(Quantity, SizesWithUnits)
{
    EXPECT_EQ(parse_size("0"), 0u);
    EXPECT_EQ(parse_size("512"), 512u);
    EXPECT_EQ(parse_size("512 B"), 512u);
    EXPECT_EQ(parse_size("16MiB"), 16u * 1024 * 1024);
    EXPECT_EQ(parse_size("1.5GiB"), 1610612736u);
    EXPECT_EQ(parse_size("4kB"), 4000u);
    EXPECT_EQ(parse_size("2TB"), 2000000000000u);
}

TEST(Quantity, WrongSizesAreRefused)
{
    for (const char* text : {"", "MiB", "-1", "1e3", "inf", "nan", "16mib", "1.2.3MiB", "1 MiB x", "16Mib", "9e18TiB",
                             "99999999TiB", "+1", "1/s"})
        EXPECT_EQ(parse_size(text), std::nullopt) << text;
}

TEST(Quantity, Rates)
{
    EXPECT_EQ(parse_rate("5MB/s"), 5000000u);
    EXPECT_EQ(parse_rate("5 MB"), 5000000u);
    EXPECT_EQ(parse_rate("/s"), std::nullopt);
}

TEST(Quantity, DurationsNeedAUnit)
{
    EXPECT_EQ(parse_duration("30s"), 30s);
    EXPECT_EQ(parse_duration("250ms"), 250ms);
    EXPECT_EQ(parse_duration("1.5min"), 90s);
    EXPECT_EQ(parse_duration("2h"), 2h);
    EXPECT_EQ(parse_duration("30d"), 720h);
    for (const char* text : {"", "30", "s", "-3s", "3 weeks", "99999999d"})
        EXPECT_EQ(parse_duration(text), std::nullopt) << text;
}

TEST(Quantity, FormattedForPeople)
{
    EXPECT_EQ(format_size(0), "0 B");
    EXPECT_EQ(format_size(1023), "1023 B");
    EXPECT_EQ(format_size(1024), "1.0 KiB");
    EXPECT_EQ(format_size(1024 * 1024 - 1), "1.0 MiB");
    EXPECT_EQ(format_size(1610612736), "1.5 GiB");
    EXPECT_EQ(format_rate(-1), "0 B/s");
    EXPECT_EQ(format_rate(12.0 * 1024 * 1024), "12.0 MiB/s");
    EXPECT_EQ(format_duration(4200ms), "4.2s");
    EXPECT_EQ(format_duration(200s), "3min 20s");
    EXPECT_EQ(format_duration(3725s), "1h 02min");
    EXPECT_EQ(format_duration(50h), "2d 02h");
    EXPECT_EQ(format_duration(-5s), "0.0s");
}
