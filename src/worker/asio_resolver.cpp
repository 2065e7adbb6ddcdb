#include "worker/asio_resolver.hpp"

#include <algorithm>
#include <utility>

namespace cepa::worker {
namespace {

using boost::asio::ip::udp;

IpAddress address_of(const boost::asio::ip::address& from)
{
    if (from.is_v4()) return IpAddress::v4(from.to_v4().to_uint());
    IpAddress out;
    out.v6 = true;
    std::ranges::copy(from.to_v6().to_bytes(), out.bytes.begin());
    return out.unmapped();
}

std::vector<IpAddress> addresses_of(const udp::resolver::results_type& results)
{
    std::vector<IpAddress> out;
    for (const auto& entry : results) out.push_back(address_of(entry.endpoint().address()));
    std::ranges::stable_partition(out, [](const IpAddress& ip) { return !ip.v6; });
    return out;
}

} // namespace

void AsioResolver::resolve(const std::string& host, Done done)
{
    resolver_.async_resolve(host, "", [done = std::move(done)](ErrorCode error, const udp::resolver::results_type& results) {
        if (error == boost::asio::error::operation_aborted) return; // whoever asked is gone
        if (error) done(fail(error));
        else done(addresses_of(results));
    });
}

} // namespace cepa::worker
