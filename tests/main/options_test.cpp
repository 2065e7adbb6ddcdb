#include "main/options.hpp"

#include <gmock/gmock.h>

using namespace cepa;
using namespace cepa::main;
using testing::HasSubstr;
using testing::Not;

namespace {

std::expected<Options, ParseEnd> parse(std::vector<std::string> arguments,
                                       const std::vector<std::string>& environment = {})
{
    return parse_options(std::move(arguments), environment);
}

const SettingOverride* find(const Options& options, std::string_view path)
{
    for (const SettingOverride& given : options.overrides)
        if (given.path == path) return &given;
    return nullptr;
}

} // namespace

TEST(Options, EveryCommandParses)
{
    const std::vector<std::vector<std::string>> lines{
        {"demo"},         {"get", "magnet:?x"}, {"seed", "file"}, {"create", "file"}, {"node", "--relay"},
        {"run"},          {"add", "a.torrent"}, {"list"},         {"show", "ab"},     {"pause", "ab"},
        {"resume", "ab"}, {"remove", "ab"},     {"status"},       {"circuits"},       {"workers"},
        {"stop"},         {"settings"}};
    for (const auto& line : lines) {
        const auto parsed = parse(line);
        ASSERT_TRUE(parsed.has_value()) << line[0] << ": " << parsed.error().text;
        EXPECT_EQ(to_string(parsed->command), line[0]);
    }
}

TEST(Options, GlobalFlagsStandBeforeAndBehindTheCommand)
{
    for (const auto& line : {std::vector<std::string>{"--state", "/s", "--json", "--workers", "auto", "status"},
                             std::vector<std::string>{"status", "--state", "/s", "--json", "--workers", "auto"}}) {
        const auto parsed = parse(line);
        ASSERT_TRUE(parsed.has_value()) << parsed.error().text;
        EXPECT_EQ(parsed->state, "/s");
        EXPECT_TRUE(parsed->json);
        ASSERT_NE(find(*parsed, "workers.count"), nullptr);
        EXPECT_EQ(find(*parsed, "workers.count")->values, std::vector<std::string>{"auto"});
    }
}

TEST(Options, PeersRepeatAndDoNotSwallowWhatFollows)
{
    const auto parsed =
        parse({"get", "--peer", "127.0.0.1:1", "--peer", "127.0.0.2:2", "--seeder", "127.0.0.3:3", "a.torrent"});
    ASSERT_TRUE(parsed.has_value()) << parsed.error().text;
    EXPECT_EQ(find(*parsed, "network.peers")->values, (std::vector<std::string>{"127.0.0.1:1", "127.0.0.2:2"}));
    EXPECT_EQ(parsed->torrent.source, "a.torrent");
    ASSERT_EQ(parsed->torrent.seeders.size(), 1u);
    EXPECT_EQ(parsed->torrent.seeders[0].to_string(), "127.0.0.3:3");
}

TEST(Options, ListenMeansTorrentsForSeedAndTunnelsElsewhere)
{
    EXPECT_NE(find(*parse({"seed", "f", "--listen", "127.0.0.1:0"}), "torrents.listen"), nullptr);
    EXPECT_NE(find(*parse({"run", "--listen", "127.0.0.1:0"}), "network.listen"), nullptr);
}

TEST(Options, Demo)
{
    const auto plain = parse({"demo"});
    EXPECT_EQ(plain->demo.hops, 3);
    EXPECT_EQ(plain->demo.size_bytes, 256u << 20);
    const auto parsed = parse({"demo", "file", "--hops", "2", "--workers", "4", "--relays", "5", "--exits", "3",
                               "--seeders", "9", "--size", "1GiB", "-o", "out"});
    ASSERT_TRUE(parsed.has_value()) << parsed.error().text;
    EXPECT_EQ(parsed->demo.file, "file");
    EXPECT_EQ(parsed->demo.hops, 2);
    EXPECT_EQ(parsed->demo.relays, 5u);
    EXPECT_EQ(parsed->demo.exits, 3u);
    EXPECT_EQ(parsed->demo.seeders, 9u);
    EXPECT_EQ(parsed->demo.size_bytes, 1u << 30);
    EXPECT_EQ(parsed->demo.output, "out");
}

TEST(Options, AHiddenDemoHasNoExitsUnlessTheyAreAskedFor)
{
    EXPECT_EQ(parse({"demo"})->demo.exits, 2u);
    EXPECT_EQ(parse({"demo", "--hidden"})->demo.exits, 0u);
    EXPECT_EQ(parse({"demo", "--hidden", "--exits", "1"})->demo.exits, 1u);
    EXPECT_THAT(parse({"demo", "--help"}).error().text, HasSubstr("with --hidden none"));
}

TEST(Options, HelpSaysHowManyHopsThereAreByDefault)
{
    EXPECT_THAT(parse({"demo", "--help"}).error().text, HasSubstr("default 3"));
    for (const char* command : {"get", "add"})
        EXPECT_THAT(parse({command, "--help"}).error().text, HasSubstr("3 unless it was set"));
    const std::string seed = parse({"seed", "--help"}).error().text;
    EXPECT_THAT(seed, HasSubstr("the default: plain"));
    EXPECT_THAT(seed, HasSubstr("the service takes it over"));
    EXPECT_THAT(seed, HasSubstr("this state folder has used"));
    EXPECT_THAT(parse({"--help"}).error().text, HasSubstr("of a seed without hops"));
}

TEST(Options, RolesAreSettings)
{
    const auto parsed = parse({"node", "--relay", "--exit"});
    EXPECT_NE(find(*parsed, "relay.enabled"), nullptr);
    EXPECT_NE(find(*parsed, "exit.enabled"), nullptr);
}

TEST(Options, MisuseEndsWithTwoAndSaysWhat)
{
    const std::vector<std::pair<std::vector<std::string>, const char*>> lines{
        {{}, "subcommand"},
        {{"frobnicate"}, "no such command: frobnicate"},
        {{"status", "--frob"}, "--frob"},
        {{"get"}, "SOURCE"},
        {{"get", "a", "--hops", "6"}, "--hops"},
        {{"get", "a", "--hops", "x"}, "--hops"},
        {{"get", "a", "--peer", "localhost:1"}, "localhost:1"},
        {{"demo", "--size", "lots"}, "--size lots"},
        {{"demo", "--size", "0"}, "--size 0"},
        {{"demo", "--exits", "0"}, "--exits"},
        {{"workers", "0"}, "workers 0: expected a number from 1 to 64"},
        {{"workers", "x"}, "workers x: expected a number from 1 to 64"},
        {{"workers", "65"}, "workers 65: expected"},
        {{"show"}, "ID"},
        {{"show", ""}, "an id is missing"},
        {{"remove", "", "--delete-files"}, "an id is missing"},
    };
    for (const auto& [line, text] : lines) {
        const auto parsed = parse(line);
        ASSERT_FALSE(parsed.has_value()) << text;
        EXPECT_EQ(parsed.error().status, 2) << text;
        EXPECT_THAT(parsed.error().text, HasSubstr(text));
        EXPECT_THAT(parsed.error().text, Not(HasSubstr("N: "))) << "the argument's name is no part of the sentence";
    }
}

TEST(Options, HelpOfACommandNamesTheFlagsOfAll)
{
    for (const char* command : {"get", "add", "seed", "node", "run", "workers"})
        EXPECT_THAT(parse({command, "--help"}).error().text,
                    testing::EndsWith("\nFlags of every command: see cepa --help"));
    const std::string whole = parse({"--help"}).error().text;
    EXPECT_NE(whole.back(), '\n') << "the one who prints it ends the line";
    EXPECT_EQ(whole.find("Flags of every command"), std::string::npos);
}

TEST(Options, HelpAndVersionSucceed)
{
    EXPECT_EQ(parse({"--help"}).error().status, 0);
    EXPECT_THAT(parse({"--help"}).error().text, HasSubstr("--join"));
    EXPECT_EQ(parse({"demo", "--help"}).error().status, 0);
    EXPECT_THAT(parse({"demo", "--help"}).error().text, HasSubstr("--relays"));
    EXPECT_EQ(parse({"--version"}).error().status, 0);
    EXPECT_THAT(parse({"--version"}).error().text, HasSubstr("cepa "));
}

TEST(Options, EnvironmentStandsBehindTheFlags)
{
    const std::vector<std::string> environment{"CEPA_STATE=/from/environment", "CEPA_CONFIG=/c.toml", "CEPA_STATEX=no"};
    EXPECT_EQ(parse({"status"}, environment)->state, "/from/environment");
    EXPECT_EQ(parse({"status"}, environment)->settings_file, "/c.toml");
    EXPECT_EQ(parse({"status", "--state", "/flag"}, environment)->state, "/flag");
}
