#include "main/host_resolver.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace cepa::main {
namespace {

proto::Answer refusal(std::string text)
{
    proto::Answer answer;
    answer.set_error(std::move(text));
    return answer;
}

std::string bytes_of(const boost::asio::ip::address& ip)
{
    if (ip.is_v4()) {
        const auto bytes = ip.to_v4().to_bytes();
        return {bytes.begin(), bytes.end()};
    }
    const auto bytes = ip.to_v6().to_bytes();
    return {bytes.begin(), bytes.end()};
}

proto::Answer answer_of(const boost::asio::ip::udp::resolver::results_type& results)
{
    proto::Answer answer;
    for (const auto& entry : results) {
        if (static_cast<std::size_t>(answer.addresses_size()) == HostResolver::kMaxAddresses) break;
        answer.add_addresses()->set_ip(bytes_of(entry.endpoint().address()));
    }
    return answer;
}

} // namespace

bool is_host_name(std::string_view name) noexcept
{
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    };
    return !name.empty() && name.size() <= 253 && name.front() != '-' && std::ranges::all_of(name, allowed);
}

void HostResolver::resolve(WorkerId from, const proto::Resolve& call, proto::Rpc::Respond respond)
{
    if (!allowed_) return respond(refusal("names are not resolved here"));
    if (!is_host_name(call.host())) return respond(refusal("not a host name"));
    if (open_[from] >= kMaxPerWorker) return respond(refusal("too many lookups"));
    ++open_[from];
    resolver_.async_resolve(call.host(), "", [this, alive = std::weak_ptr<char>(alive_), from, respond](const ErrorCode& ec, const auto& results) {
        if (alive.expired()) return;
        --open_[from];
        respond(ec ? refusal("lookup failed: " + ec.message()) : answer_of(results));
    });
}

} // namespace cepa::main
