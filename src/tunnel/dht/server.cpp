#include "tunnel/dht/server.hpp"

#include "tunnel/discovery/address_rules.hpp"

#include <algorithm>

namespace cepa::tunnel {
namespace {

/// Prefix, id, key and signature around a find response, and its fields but for the values.
constexpr std::size_t kFindResponseRest = kPrefixSize + 1 + 2 + kEncodedKeySize + 4 + 20 + 1 + 1 + kSignatureSize;

/// As many of them as one packet of ours holds.
std::vector<ByteSpan> that_fit(std::vector<ByteSpan> values)
{
    std::size_t size = kFindResponseRest;
    const auto too_many = std::ranges::find_if(values, [&](ByteSpan value) {
        size += 2 + value.size();
        return size > kMaxSentPacket;
    });
    values.erase(too_many, values.end());
    return values;
}

bool is_signed_value(ByteSpan value) noexcept
{
    return !value.empty() && value[0] != 0;
}

} // namespace

DhtServer::DhtServer(Tools tools)
    : tools_(std::move(tools)),
      addresses_differ_(!tools_.settings.allow_equal_prefixes || tools_.settings.public_network)
{
}

bool DhtServer::may_verify(const Endpoint& source, TimePoint now)
{
    if (tools_.table.at(source) != nullptr) return known_addresses_.admit(source, now) && known_.admit(now);
    const Endpoint stranger = addresses_differ_ ? Endpoint{source.ip, 0} : source;
    return strangers_.admit(stranger, now) && unknown_.admit(now);
}

/// Whoever signed at the address of a node of the table, and is not that node, is a stranger.
bool DhtServer::may_ask(const Asker& asker, TimePoint now)
{
    const DhtContact* node = tools_.table.at(asker.address);
    if (node == nullptr) return true; // was counted before
    return node->key == asker.key ? known_nodes_.admit(asker.address, now)
                                  : strangers_.admit(asker.address, now) && unknown_.admit(now);
}

void DhtServer::on_packet(const Endpoint& source, ByteSpan packet, TimePoint now)
{
    if (!may_verify(source, now)) return count_drop(tools_.drops, "dht_flood");
    const auto opened = open_signed(packet, TimeField::absent);
    if (!opened) return count_drop(tools_.drops, "dht_signature");
    if (opened->key == tools_.settings.identity_public) return count_drop(tools_.drops, "dht_from_self");
    const Asker asker{source, opened->key};
    if (!may_ask(asker, now)) return count_drop(tools_.drops, "dht_flood");
    if (!answer(opened->message_id, asker, opened->body, now)) return count_drop(tools_.drops, "dht_refused");
    if (!tools_.table.on_query(asker.key, source, now)) get_to_know(asker, now);
}

bool DhtServer::answer(std::uint8_t id, const Asker& asker, ByteSpan body, TimePoint now)
{
    switch (id) {
    case dht_id::kPingRequest:
        return on_ping(asker, body, now);
    case dht_id::kFindRequest:
        return on_find(asker, body, now);
    case dht_id::kStoreRequest:
        return on_store(asker, body, now);
    case dht_id::kStorePeerRequest:
        return on_store_peer(asker, body, now);
    case dht_id::kConnectPeerRequest:
        return on_connect_peer(asker, body, now);
    default:
        return false;
    }
}

/// A query proves no address: only who answers us joins the table.
void DhtServer::get_to_know(const Asker& asker, TimePoint now)
{
    if (challenges_.admit(now))
        static_cast<void>(tools_.client.ping({asker.address, asker.key}, {}, now, DhtPurpose::others));
}

bool DhtServer::on_ping(const Asker& asker, ByteSpan body, TimePoint now)
{
    const auto request = DhtPlain::parse(body);
    if (!request) return false;
    tools_.registry.refresh(asker.key, asker.address, now);
    tools_.sender.send(dht_id::kPingResponse, asker.address, *request);
    return true;
}

/// An answer is up to seven times as large as its question.
std::size_t DhtServer::most_for(const Asker& asker, TimePoint now)
{
    const bool whole = tools_.table.at(asker.address) != nullptr || whole_answers_.admit(now);
    return whole ? kMostValuesPerMessage : kFewForStrangers;
}

bool DhtServer::on_find(const Asker& asker, ByteSpan body, TimePoint now)
{
    const auto request = DhtFindRequest::parse(body);
    if (!request) return false;
    if (tools_.on_target) tools_.on_target(request->target);
    const std::size_t most = most_for(asker, now);
    DhtFindResponse response;
    response.identifier = request->identifier;
    response.token = tools_.tokens.make(asker.address, asker.key, now);
    if (!request->force_nodes)
        response.values = that_fit(tools_.store.get(request->target, request->offset, most, now));
    if (response.values.empty())
        for (const DhtContact& node : tools_.table.closest(request->target, most, &asker.key))
            response.nodes.push_back({node.address, node.key});
    tools_.sender.send(dht_id::kFindResponse, asker.address, response);
    if (!response.nodes.empty())
        have_puncture(response.nodes.front().address, asker, request->lan, request->identifier, now);
    return true;
}

bool DhtServer::on_store(const Asker& asker, ByteSpan body, TimePoint now)
{
    const auto request = DhtStoreRequest::parse(body);
    if (!request || !tools_.tokens.is_valid(request->token, asker.address, asker.key, now)) return false;
    const auto too_large = [](ByteSpan value) { return value.size() > DhtValueStore::kMostValueSize; };
    const bool oversized =
        request->values.size() > kMostValuesPerMessage || std::ranges::any_of(request->values, too_large);
    if (oversized) return false;
    if (tools_.on_target) tools_.on_target(request->target);
    const Duration life = DhtClient::life_of(tools_.table.closer_than_us(request->target));
    std::size_t refused = 0;
    for (const ByteSpan value : request->values) {
        const bool checked = !is_signed_value(value) || signed_values_.admit(now);
        if (!checked ||
            tools_.store.put(request->target, value, life, asker.address.ip, now) >= DhtValueStore::Outcome::refused)
            ++refused;
    }
    // Nobody counts on what was not kept.
    if (refused > 0 && refused == request->values.size()) return false;
    tools_.sender.send(dht_id::kStoreResponse, asker.address, DhtPlain{request->identifier});
    return true;
}

bool DhtServer::on_store_peer(const Asker& asker, ByteSpan body, TimePoint now)
{
    const auto request = DhtStorePeerRequest::parse(body);
    if (!request || request->target != asker.key.mid()) return false;
    if (!tools_.tokens.is_valid(request->token, asker.address, asker.key, now)) return false;
    if (!tools_.registry.add(asker.key, asker.address, now)) return false;
    tools_.sender.send(dht_id::kStorePeerResponse, asker.address, DhtPlain{request->identifier});
    return true;
}

bool DhtServer::on_connect_peer(const Asker& asker, ByteSpan body, TimePoint now)
{
    const auto request = DhtConnectPeerRequest::parse(body);
    if (!request) return false;
    DhtConnectPeerResponse response;
    response.identifier = request->identifier;
    if (const auto registered = tools_.registry.find(request->target, now)) {
        response.nodes.push_back(*registered);
        have_puncture(registered->address, asker, request->lan, request->identifier, now);
    }
    tools_.sender.send(dht_id::kConnectPeerResponse, asker.address, response);
    return true;
}

void DhtServer::have_puncture(const Endpoint& node, const Asker& asker, const Endpoint& lan, std::uint32_t identifier,
                              TimePoint now)
{
    if (!punctures_.admit(now)) return;
    Peer peer;
    peer.address = node;
    const bool has_lan = may_contact_in_lan(tools_.settings, lan);
    tools_.introductions.puncture_request(Overlay::own, Style::old_style, peer, has_lan ? lan : asker.address,
                                          asker.address, static_cast<std::uint16_t>(identifier));
}

} // namespace cepa::tunnel
