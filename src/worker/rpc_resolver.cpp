#include "worker/rpc_resolver.hpp"

#include "worker/shared_facts.hpp"

#include <boost/asio/error.hpp>

#include <chrono>
#include <utility>

namespace cepa::worker {
namespace {

constexpr std::chrono::seconds kTimeout{10};

Result<std::vector<IpAddress>> addresses_of(const proto::Answer& answer)
{
    std::vector<IpAddress> out;
    for (const proto::IpEndpoint& address : answer.addresses())
        if (const auto endpoint = endpoint_from_proto(address)) out.push_back(endpoint->ip);
    if (!answer.error().empty() || out.empty()) return fail(boost::asio::error::host_not_found);
    return out;
}

} // namespace

void RpcResolver::resolve(const std::string& host, Done done)
{
    proto::Envelope call;
    call.mutable_resolve()->set_host(host);
    rpc_.call(std::move(call), kTimeout, [done = std::move(done)](Result<proto::Answer> answer) {
        done(answer ? addresses_of(*answer) : fail(answer.error()));
    });
}

} // namespace cepa::worker
