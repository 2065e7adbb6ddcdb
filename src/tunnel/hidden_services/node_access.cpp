#include "tunnel/hidden_services/node_access.hpp"

namespace cepa::tunnel {

void NodeAccess::find_introductions(const LookupHash& hash, IntroductionsFound done)
{
    if (siblings_ != nullptr) return siblings_->find_introductions(hash, std::move(done));
    done({});
}

void NodeAccess::register_introduction(const Introduction& introduction, Registered done)
{
    if (siblings_ != nullptr) return siblings_->register_introduction(introduction, std::move(done));
    done(true);
}

void NodeAccess::forget_introduction(const Introduction& introduction)
{
    if (siblings_ != nullptr) siblings_->forget_introduction(introduction);
}

std::optional<CircuitId> NodeAccess::circuit_of(const PublicKey& /*swarm_key*/) const
{
    return std::nullopt;
}

} // namespace cepa::tunnel
