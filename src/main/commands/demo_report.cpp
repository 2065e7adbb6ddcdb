#include "main/commands/demo_report.hpp"

#include "main/quantity.hpp"

#include <fmt/format.h>

namespace cepa::main {
namespace {

std::string line_of(const std::string& name, const Json& account, double gigabytes)
{
    const double cpu = account.value("cpu_s", 0.0);
    return fmt::format("  {:<26} pid {:>7}  {:>10}  {:>7.2f} CPU-s  {:>6.2f} CPU-s/GB\n", name, account.value("pid", 0),
                       format_size(account.value("bytes", std::uint64_t{0})), cpu,
                       gigabytes > 0 ? cpu / gigabytes : 0.0);
}

/// What the captured figures mean.
std::string meaning_of(const Json& result)
{
    if (result.value("capture_lost", 0) > 0)
        return fmt::format("{} packets escaped the capture, so nothing is proved by it", result["capture_lost"].dump());
    if (!result.value("proved", false)) return "SEEDER AND DOWNLOADER SENT MORE THAN CELLS TO THEIR OWN FIRST HOPS";
    return "so each of the two talked to relays of its own only, and neither could learn the other's address";
}

std::string hidden_text(const Json& result)
{
    const int links = result.value("links", 0);
    const std::string linked = fmt::format("hidden, {} link{}", links, links == 1 ? "" : "s");
    if (result.value("capture", "") != "on lo")
        return fmt::format("{}; nothing could be captured here ({}), so nothing is proved by it", linked,
                           result.value("capture", ""));
    return fmt::format("{}; captured on loopback: {} packets from one to the other, {} cells past the own first hops, "
                       "{} packets of any other kind:\n{}",
                       linked, result.value("direct_packets", 0), result.value("beyond_first_hop", 0),
                       result.value("other_packets", 0), meaning_of(result));
}

/// What passed before the first byte.
const char* beginning_of(const Json& result)
{
    if (result.value("hops", 0) == 0) return "to the first byte";
    return result.value("hidden", false) ? "to build circuits, find the seeder and link" : "to build circuits";
}

std::string seen_text(const Json& result)
{
    if (result.value("hidden", false)) return hidden_text(result);
    if (result.value("hops", 0) == 0) return "hops 0: the seeders saw the downloader itself, as in any plain download";
    std::string seen;
    for (const Json& address : result["seeders_saw"])
        seen += (seen.empty() ? "" : ", ") + address.get<std::string>();
    if (result.value("seeders_saw_only_exits", false)) return "the seeders saw only the exits' addresses: " + seen;
    return "THE SEEDERS SAW MORE THAN THE EXITS: " + (seen.empty() ? "nobody at all" : seen);
}

} // namespace

std::string demo_report(const Json& r)
{
    const auto bytes = r.value("bytes", std::uint64_t{0});
    const bool plain = r.value("hops", 0) == 0;
    const std::string path = plain ? "hops 0"
                                   : fmt::format("{} hops, {} workers, {} circuits", r.value("hops", 0),
                                                 r.value("workers", 0), r.value("circuits", 0));
    std::string out = fmt::format("{}: {} in {} ({}), of these {} {}; {}\n",
                                  r.value("sha256_ok", false) ? "SHA-256 of both files is equal" : "THE FILES DIFFER",
                                  format_size(bytes), format_duration(r.value("seconds", 0.0)),
                                  format_rate(r.value("rate_bytes_per_s", 0.0)),
                                  format_duration(r.value("first_byte_seconds", 0.0)), beginning_of(r), path);
    out += fmt::format("sha256 {}\n{}\n", r.value("sha256", ""), seen_text(r));
    if (!plain) out += fmt::format("containment {}\n", r.value("containment", ""));
    const double gigabytes = static_cast<double>(bytes) / 1e9;
    for (const Json& process : r["processes"]) {
        out +=
            line_of(fmt::format("{} {}", process.value("role", ""), process.value("address", "")), process, gigabytes);
        for (const Json& worker : process.value("workers", Json::array()))
            out += line_of(fmt::format("  worker {}", worker.value("worker", 0)), worker, gigabytes);
    }
    out.pop_back();
    return out;
}

} // namespace cepa::main
