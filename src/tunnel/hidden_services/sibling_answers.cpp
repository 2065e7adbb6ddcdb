#include "tunnel/hidden_services/sibling_answers.hpp"

namespace cepa::tunnel {

void SiblingAnswers::find_introductions(const LookupHash& /*hash*/, IntroductionsFound done)
{
    done({});
}

void SiblingAnswers::find_node(const PublicKey& /*key*/, NodeFound done)
{
    done(std::nullopt);
}

bool SiblingAnswers::register_introduction(const Introduction& /*introduction*/)
{
    return false;
}

void SiblingAnswers::forget_introduction(const Introduction& /*introduction*/) {}

std::optional<LinkHalf> SiblingAnswers::link(const Cookie& cookie, LinkHalf theirs)
{
    return serving_.link(cookie, std::move(theirs), clock_.now());
}

void SiblingAnswers::unlink(CircuitId mine)
{
    splices_.unlink(mine, clock_.now());
}

void SiblingAnswers::moved(CircuitId mine, const Endpoint& neighbour)
{
    splices_.moved(mine, neighbour);
}

} // namespace cepa::tunnel
