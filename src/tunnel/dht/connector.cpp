#include "tunnel/dht/connector.hpp"

#include "tunnel/discovery/address_rules.hpp"

#include <algorithm>
#include <utility>

namespace cepa::tunnel {
namespace {

/// Of one attempt: a lookup, the question, and the tries. Siblings wait no longer than 11 s.
constexpr auto kConnectTime = std::chrono::seconds(10);
constexpr std::size_t kMostAddresses = 4;
constexpr std::uint32_t kLostAfter = 2;

} // namespace

/// With no NAT between, others see us at the address that we call ours.
bool DhtConnector::is_reachable() const noexcept
{
    return own_.lan().ip == own_.wan().ip;
}

void DhtConnector::connect(const PublicKey& key, Connected done, TimePoint now)
{
    now_ = now;
    if (attempts_.size() >= kMostConnecting) return refused_.push_back(std::move(done));
    const bool under_way = std::ranges::find(attempts_, key, &Attempt::key) != attempts_.end();
    attempts_.push_back({key, std::move(done), {}, 0, now, now + kConnectTime});
    if (under_way) return; // it hears with the other
    client_.find(
        key.mid(), false,
        [this, key](const DhtClient::Result& result) {
            for (std::size_t i = 0; i < std::min(result.nodes.size(), DhtLookup::kClosest); ++i)
                ask(key, result.nodes[i]);
        },
        now, DhtPurpose::others);
}

void DhtConnector::ask(const PublicKey& key, const DhtLookup::Node& node)
{
    if (!requests_.admit(node.address, now_, DhtPurpose::others)) return;
    const auto identifier =
        requests_.begin({node.address, node.key}, dht_id::kConnectPeerResponse, now_ + DhtClient::kTimeout,
                        [this, key](const SignedPacket* packet) { on_nodes(key, packet); });
    if (!identifier) return;
    sender_.send(dht_id::kConnectPeerRequest, node.address, DhtConnectPeerRequest{*identifier, own_.lan(), key.mid()});
}

void DhtConnector::on_nodes(const PublicKey& key, const SignedPacket* packet)
{
    const auto response = packet == nullptr ? std::nullopt : DhtConnectPeerResponse::parse(packet->body);
    if (!response) return;
    for (const DhtNode& node : response->nodes) {
        if (node.key != key || !may_contact(settings_, node.address) || own_.is_exactly(node.address)) continue;
        for (Attempt& attempt : attempts_) {
            if (attempt.key != key || attempt.addresses.size() >= kMostAddresses) continue;
            if (std::ranges::find(attempt.addresses, node.address) != attempt.addresses.end()) continue;
            attempt.addresses.push_back(node.address);
            attempt.tries = 0;
            attempt.due = now_;
        }
    }
}

void DhtConnector::on_answer(const PublicKey& key, const Endpoint& address)
{
    std::vector<Connected> done;
    std::erase_if(attempts_, [&](Attempt& attempt) {
        if (attempt.key != key) return false;
        done.push_back(std::move(attempt.done));
        return true;
    });
    for (const Connected& heard : done)
        heard(address);
}

void DhtConnector::try_addresses(Attempt& attempt, TimePoint now)
{
    if (attempt.addresses.empty() || attempt.tries >= kTries || attempt.due > now) return;
    ++attempt.tries;
    attempt.due = now + kTryEvery;
    for (const Endpoint& address : attempt.addresses)
        static_cast<void>(client_.ping({address, attempt.key}, {}, now)); // its answer comes to on_answer()
}

void DhtConnector::tick(TimePoint now)
{
    now_ = now;
    std::vector<Connected> failed = std::exchange(refused_, {});
    for (Attempt& attempt : attempts_)
        try_addresses(attempt, now);
    std::erase_if(attempts_, [&](Attempt& attempt) {
        if (attempt.deadline > now) return false;
        failed.push_back(std::move(attempt.done));
        return true;
    });
    for (const Connected& done : failed)
        done(std::nullopt);
    keep_registrations(now);
}

void DhtConnector::keep_registrations(TimePoint now)
{
    std::erase_if(registrations_, [](const Registration& r) { return r.failures >= kLostAfter; });
    if (is_reachable()) return registrations_.clear();
    for (Registration& registration : registrations_) {
        if (now - registration.pinged < kPingEvery) continue;
        registration.pinged = now;
        const auto heard = [this, address = registration.at.address](const SignedPacket* packet) {
            const auto it =
                std::ranges::find_if(registrations_, [&](const Registration& r) { return r.at.address == address; });
            if (it != registrations_.end()) it->failures = packet == nullptr ? it->failures + 1 : 0;
        };
        static_cast<void>(client_.ping(registration.at, heard, now));
    }
    if (registrations_.size() >= kTargets || table_.size() == 0 || now < next_registering_) return;
    next_registering_ = now + kRegisterEvery;
    client_.find(
        settings_.identity_public.mid(), false, [this](const DhtClient::Result& result) { register_at(result); }, now);
}

void DhtConnector::register_at(const DhtClient::Result& result)
{
    for (std::size_t i = 0; i < std::min(result.nodes.size(), kTargets); ++i) {
        const DhtLookup::Node& node = result.nodes[i];
        const auto here = [&](const Registration& r) { return r.at.address == node.address; };
        if (std::ranges::any_of(registrations_, here) || !requests_.admit(node.address, now_)) continue;
        const DhtRequests::To to{node.address, node.key};
        const auto heard = [this, to](const SignedPacket* packet) {
            if (packet != nullptr && registrations_.size() < kTargets) registrations_.push_back({to, now_, 0});
        };
        const auto identifier = requests_.begin(to, dht_id::kStorePeerResponse, now_ + DhtClient::kPingTimeout, heard);
        if (!identifier) continue;
        sender_.send(dht_id::kStorePeerRequest, node.address,
                     DhtStorePeerRequest{*identifier, *node.token, settings_.identity_public.mid()});
    }
}

} // namespace cepa::tunnel
