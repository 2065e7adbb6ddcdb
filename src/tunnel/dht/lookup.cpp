#include "tunnel/dht/lookup.hpp"

#include <algorithm>

namespace cepa::tunnel {

DhtLookup::DhtLookup(const DhtId& target, bool wants_values, const std::vector<DhtContact>& start)
    : target_(target), wants_values_(wants_values)
{
    for (const DhtContact& contact : start)
        nodes_.push_back(
            {contact.id, contact.key, contact.address, std::nullopt, State::fresh, std::nullopt, false, 0});
    std::ranges::sort(nodes_, [&](const Node& a, const Node& b) { return is_closer(target_, a.id, b.id); });
}

DhtLookup::Node* DhtLookup::find(const PublicKey& key) noexcept
{
    const auto it = std::ranges::find(nodes_, key, &Node::key);
    return it == nodes_.end() ? nullptr : &*it;
}

std::size_t DhtLookup::in_flight(const std::optional<Endpoint>& referrer) const noexcept
{
    return static_cast<std::size_t>(std::ranges::count_if(
        nodes_, [&](const Node& n) { return n.state == State::asked && n.referrer == referrer; }));
}

/// Among the closest that may still answer, the nearest one not asked yet.
const DhtLookup::Node* DhtLookup::choose() const
{
    std::size_t rank = 0;
    for (const Node& node : nodes_) {
        if (node.state == State::silent) continue;
        if (rank++ == kClosest) return nullptr;
        if (node.state != State::fresh) continue;
        if (!node.referrer || in_flight(node.referrer) < kInFlightPerReferrer) return &node;
    }
    return nullptr;
}

const DhtLookup::Node* DhtLookup::next()
{
    if (requests_ >= kMostRequests) return nullptr;
    const auto asked = std::ranges::count(nodes_, State::asked, &Node::state);
    if (static_cast<std::size_t>(asked) >= kInFlight) return nullptr;
    const Node* chosen = choose();
    if (chosen == nullptr) return nullptr;
    ++requests_;
    Node* node = find(chosen->key);
    node->state = State::asked;
    node->pages = 1;
    return node;
}

void DhtLookup::add(const DhtNode& node, const Endpoint& referrer)
{
    const auto same = [&](const Node& n) { return n.key == node.key || n.address == node.address; };
    if (std::ranges::any_of(nodes_, same)) return;
    const DhtId id = dht_node_id(node.address.ip, node.key.mid());
    const auto nearer = [&](const Node& a, const DhtId& b) { return is_closer(target_, a.id, b); };
    const auto place = std::lower_bound(nodes_.begin(), nodes_.end(), id, nearer);
    const auto alive = [](const Node& n) { return n.state != State::silent; };
    if (std::count_if(nodes_.begin(), place, alive) >= std::ptrdiff_t{kClosest}) return;
    nodes_.insert(place, {id, node.key, node.address, referrer, State::fresh, std::nullopt, false, 0});
}

bool DhtLookup::on_answer(const PublicKey& key, const Found& found)
{
    Node* node = find(key);
    if (node == nullptr || node->state != State::asked) return false;
    node->state = State::answered;
    node->token = found.token;
    if (!found.values.empty() && !node->gave_values) {
        node->gave_values = true;
        ++voices_;
    }
    for (const Bytes& value : found.values)
        if (values_.size() < kMostValues) values_.insert(value);
    const bool more = wants_values_ && found.values.size() >= kClosest && node->pages < kMostPages &&
                      values_.size() < kMostValues && requests_ < kMostRequests;
    if (more) {
        node->state = State::asked;
        ++node->pages;
        ++requests_;
    }
    const Endpoint referrer = node->address;
    for (std::size_t i = 0; i < std::min(found.nodes.size(), kClosest); ++i)
        add(found.nodes[i], referrer);
    return more;
}

void DhtLookup::on_silence(const PublicKey& key)
{
    Node* node = find(key);
    if (node == nullptr || node->state != State::asked) return;
    // Who has answered before only failed to turn the page.
    node->state = node->token ? State::answered : State::silent;
    if (node->state == State::silent && node->referrer) doubt(Endpoint(*node->referrer));
}

void DhtLookup::postpone(const PublicKey& key)
{
    Node* node = find(key);
    if (node == nullptr || node->state != State::asked) return;
    --requests_;
    node->state = node->token ? State::answered : State::postponed; // a page more is not worth waiting for
}

void DhtLookup::retry()
{
    for (Node& node : nodes_)
        if (node.state == State::postponed) node.state = State::fresh;
}

void DhtLookup::doubt(const Endpoint& referrer)
{
    std::size_t silent = 0;
    for (const Node& node : nodes_) {
        if (node.referrer != referrer) continue;
        if (node.state == State::answered) return;
        if (node.state == State::silent) ++silent;
    }
    if (silent < kSilentReferrals) return;
    std::erase_if(nodes_, [&](const Node& n) { return n.referrer == referrer && n.state == State::fresh; });
}

bool DhtLookup::is_done() const
{
    const auto waits = [](const Node& n) { return n.state == State::asked || n.state == State::postponed; };
    const bool may_ask = requests_ < kMostRequests && choose() != nullptr;
    if (std::ranges::none_of(nodes_, waits) && !may_ask) return true;
    if (!wants_values_ || voices_ < kEnoughVoices) return false;
    std::size_t near = 0;
    for (const Node& node : nodes_) {
        if (node.state == State::silent) continue;
        if (node.state != State::answered) return false;
        if (++near == kEnoughVoices) return true;
    }
    return true;
}

std::vector<DhtLookup::Node> DhtLookup::answered() const
{
    std::vector<Node> out;
    for (const Node& node : nodes_)
        if (node.token && out.size() < kClosest) out.push_back(node);
    return out;
}

} // namespace cepa::tunnel
