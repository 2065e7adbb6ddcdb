#include "tunnel/hidden_services/sibling_answers.hpp"

#include "tunnel/hidden_services/directory.hpp"

#include <utility>

namespace cepa::tunnel {

void SiblingAnswers::find_introductions(const LookupHash& hash, IntroductionsFound done)
{
    if (directory_ != nullptr) return directory_->find_introductions(hash, std::move(done));
    done({});
}

void SiblingAnswers::find_node(const PublicKey& key, NodeFound done)
{
    if (directory_ != nullptr) return directory_->find_node(key, std::move(done));
    done(std::nullopt);
}

Registration SiblingAnswers::register_introduction(const Introduction& introduction)
{
    return directory_ != nullptr ? directory_->register_introduction(introduction) : Registration(false);
}

void SiblingAnswers::forget_introduction(const Introduction& introduction)
{
    if (directory_ != nullptr) directory_->forget_introduction(introduction);
}

std::optional<LinkHalf> SiblingAnswers::link(const Cookie& cookie, LinkHalf theirs)
{
    return serving_.link(cookie, std::move(theirs), clock_.now());
}

void SiblingAnswers::unlink(CircuitId mine)
{
    serving_.unlink(mine, clock_.now());
}

void SiblingAnswers::moved(CircuitId mine, const Endpoint& neighbour)
{
    splices_.moved(mine, neighbour);
}

} // namespace cepa::tunnel
