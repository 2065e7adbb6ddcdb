#include "main/commands/demo_report.hpp"

#include <gmock/gmock.h>

using namespace cepa::main;
using testing::HasSubstr;

namespace {

Json good()
{
    return Json::parse(
        R"({"ok":true,"sha256_ok":true,"sha256":"abc","bytes":1000000000,"seconds":10.0,"first_byte_seconds":0.5,"rate_bytes_per_s":100000000.0,"hops":3,
      "workers":2,"circuits":4,"seeders_saw_only_exits":true,"seeders_saw":["127.9.0.1"],"containment":"on",
      "processes":[{"role":"downloader","address":"127.1.2.3","pid":7,"cpu_s":5.0,"bytes":1000000000,"workers":[{"worker":0,"pid":8,"cpu_s":2.5,"bytes":500000000}]}]})");
}

} // namespace

TEST(DemoReport, SaysTheVerdictAndTheFigures)
{
    const std::string report = demo_report(good());
    EXPECT_THAT(report, HasSubstr("SHA-256 of both files is equal: 953.7 MiB in 10.0s (95.4 MiB/s)"));
    EXPECT_THAT(report, HasSubstr("3 hops, 2 workers, 4 circuits"));
    EXPECT_THAT(report, HasSubstr("the seeders saw only the exits' addresses: 127.9.0.1"));
    EXPECT_THAT(report, HasSubstr("downloader 127.1.2.3"));
    EXPECT_THAT(report, HasSubstr("5.00 CPU-s/GB"));
    EXPECT_THAT(report, HasSubstr("worker 0"));
    EXPECT_NE(report.back(), '\n');
}

TEST(DemoReport, FailuresStandOut)
{
    Json bad = good();
    bad["sha256_ok"] = false;
    bad["seeders_saw_only_exits"] = false;
    EXPECT_THAT(demo_report(bad), HasSubstr("THE FILES DIFFER"));
    EXPECT_THAT(demo_report(bad), HasSubstr("THE SEEDERS SAW MORE THAN THE EXITS: 127.9.0.1"));
    bad["seeders_saw"] = Json::array();
    EXPECT_THAT(demo_report(bad), HasSubstr("nobody at all"));
    bad["hops"] = 0;
    EXPECT_THAT(demo_report(bad), HasSubstr("saw the downloader itself"));
}

TEST(DemoReport, APlainDownloadHasNoCircuitsToSpeakOf)
{
    Json plain = good();
    plain["hops"] = 0;
    const std::string report = demo_report(plain);
    EXPECT_THAT(report, HasSubstr("to the first byte; hops 0\n"));
    EXPECT_THAT(report, testing::Not(HasSubstr("circuits")));
    EXPECT_THAT(report, testing::Not(HasSubstr("containment")));
}

TEST(DemoReport, AHiddenOneSaysWhatItsFiguresMean)
{
    Json hidden = good();
    hidden.update({{"hidden", true},
                   {"links", 1},
                   {"capture", "on lo"},
                   {"capture_lost", 0},
                   {"direct_packets", 0},
                   {"beyond_first_hop", 0},
                   {"other_packets", 0},
                   {"proved", true}});
    const std::string report = demo_report(hidden);
    EXPECT_THAT(report, HasSubstr("hidden, 1 link; captured on loopback"));
    EXPECT_THAT(report, HasSubstr("neither could learn the other's address"));
    EXPECT_THAT(report, HasSubstr("0.5s to build circuits, find the seeder and link;"));
    hidden.update({{"links", 2}, {"direct_packets", 3}, {"proved", false}});
    EXPECT_THAT(demo_report(hidden), testing::AllOf(HasSubstr("hidden, 2 links"), HasSubstr("SENT MORE THAN CELLS"),
                                                    testing::Not(HasSubstr("neither could"))));
    hidden.update({{"capture_lost", 4}});
    EXPECT_THAT(demo_report(hidden), HasSubstr("4 packets escaped the capture, so nothing is proved"));
    hidden.update({{"capture", "not permitted"}, {"capture_lost", nullptr}, {"proved", nullptr}});
    EXPECT_THAT(demo_report(hidden), HasSubstr("nothing could be captured here (not permitted)"));
}
