#include "tunnel/hidden_services/node_access.hpp"

#include "tunnel/hidden_services/directory.hpp"

#include <utility>

namespace cepa::tunnel {

void NodeAccess::find_introductions(const LookupHash& hash, IntroductionsFound done)
{
    if (directory_ != nullptr) return directory_->find_introductions(hash, std::move(done));
    if (siblings_ != nullptr) return siblings_->find_introductions(hash, std::move(done));
    done({});
}

void NodeAccess::find_node(const PublicKey& key, NodeFound done)
{
    if (directory_ != nullptr) return directory_->find_node(key, std::move(done));
    if (siblings_ != nullptr) return siblings_->find_node(key, std::move(done));
    done(std::nullopt);
}

void NodeAccess::register_introduction(const Introduction& introduction, Registered done)
{
    if (directory_ != nullptr) return done(directory_->register_introduction(introduction));
    if (siblings_ != nullptr) return siblings_->register_introduction(introduction, std::move(done));
    done(true);
}

void NodeAccess::forget_introduction(const Introduction& introduction)
{
    if (directory_ != nullptr) return directory_->forget_introduction(introduction);
    if (siblings_ != nullptr) siblings_->forget_introduction(introduction);
}

std::optional<CircuitId> NodeAccess::circuit_of(const PublicKey& swarm_key) const
{
    return directory_ == nullptr ? std::nullopt : directory_->circuit_of(swarm_key);
}

bool NodeAccess::is_proven(const IpAddress& ip) const
{
    return directory_ != nullptr && directory_->is_proven(ip);
}

} // namespace cepa::tunnel
