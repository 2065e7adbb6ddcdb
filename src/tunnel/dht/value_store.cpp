#include "tunnel/dht/value_store.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ranges>
#include <utility>

namespace cepa::tunnel {
namespace {

DhtId dht_sha1(ByteSpan bytes)
{
    DhtId out{};
    if (EVP_Digest(bytes.data(), bytes.size(), out.data(), nullptr, EVP_sha1(), nullptr) != 1) {
        std::fputs("cepa: OpenSSL has no SHA-1\n", stderr);
        std::abort();
    }
    return out;
}

} // namespace

DhtValueStore::Outcome DhtValueStore::put(const DhtId& key, ByteSpan value, Duration life, const IpAddress& source,
                                          TimePoint now)
{
    if (value.size() > kMostValueSize || life <= Duration{}) return Outcome::refused;
    const auto parsed = DhtValue::parse(value);
    if (!parsed) return Outcome::refused;
    const DhtId identity = parsed->signer ? parsed->signer->mid() : dht_sha1(value);
    TimePoint end = now + life;
    Slots& slots = keys_[key];
    const auto before = std::ranges::find(slots, identity, &Slot::identity);
    if (before != slots.end()) {
        if (before->version > parsed->version) return Outcome::outdated;
        if (std::ranges::equal(before->value, value)) end = std::max(end, before->end);
        before->value.assign(value.begin(), value.end());
        before->version = parsed->version;
        before->end = end;
        std::rotate(before, before + 1, slots.end());
        ++changes_;
        return Outcome::stored;
    }
    Slot slot{identity, {value.begin(), value.end()}, parsed->version, source, end, std::nullopt};
    if (!parsed->signer) slot.record = IntroductionPointRecord::parse(parsed->data);
    forget_former(key, slot);
    if (!make_room(key, source, end)) {
        if (const auto empty = keys_.find(key); empty != keys_.end() && empty->second.empty()) keys_.erase(empty);
        return Outcome::no_room;
    }
    keys_[key].push_back(std::move(slot));
    ++per_source_[source];
    ++size_;
    ++changes_;
    return Outcome::stored;
}

/// What was restored has no source.
bool DhtValueStore::counts(const IpAddress& source) const noexcept
{
    return sources_differ_ && !source.is_unspecified();
}

// A full store keeps what lives longest. Life falls with the distance between key and node, so that filling it takes
// many addresses close to us.
bool DhtValueStore::make_room(const DhtId& key, const IpAddress& source, TimePoint end)
{
    Slots& slots = keys_[key];
    if (counts(source) && std::ranges::count(slots, source, &Slot::source) >= std::ptrdiff_t{kMostPerKeyAndSource})
        forget(slots, std::ranges::find(slots, source, &Slot::source));
    const auto of_source = per_source_.find(source);
    if (counts(source) && of_source != per_source_.end() && of_source->second >= kMostPerSource) return false;
    if (slots.size() >= kMostPerKey) forget_crowding(slots);
    if (size_ >= kMostValues) forget_shortest(end);
    return size_ < kMostValues;
}

void DhtValueStore::forget(Slots& slots, Slots::iterator slot)
{
    const auto source = per_source_.find(slot->source);
    if (source != per_source_.end() && --source->second == 0) per_source_.erase(source);
    slots.erase(slot);
    --size_;
    ++changes_;
}

// Each announcement says when it was made, so that it is another value than the one before. Only the source of the
// former may replace it: records are not signed.
void DhtValueStore::forget_former(const DhtId& key, const Slot& slot)
{
    if (!slot.record) return;
    Slots& slots = keys_[key];
    const auto former = std::ranges::find_if(slots, [&](const Slot& other) {
        if (!other.record || other.record->key != slot.record->key || other.record->swarm_key != slot.record->swarm_key)
            return false;
        const bool restored = other.source.is_unspecified() && other.record->address.ip == slot.source;
        const bool older = other.record->last_seen_unix_s <= slot.record->last_seen_unix_s;
        return older && (other.source == slot.source || restored);
    });
    if (former != slots.end()) forget(slots, former);
}

// A few addresses must not push out what many others stored.
void DhtValueStore::forget_crowding(Slots& slots)
{
    const auto network_of = [](const Slot& slot) {
        const bool restored = slot.source.is_unspecified() && slot.record;
        return (restored ? slot.record->address.ip : slot.source).diversity_prefix();
    };
    std::map<IpAddress, std::size_t> of_network;
    for (const Slot& slot : slots)
        ++of_network[network_of(slot)];
    const std::size_t most = std::ranges::max(of_network | std::views::values);
    forget(slots, std::ranges::find(slots, most, [&](const Slot& slot) { return of_network.at(network_of(slot)); }));
}

void DhtValueStore::forget_shortest(TimePoint unless_before)
{
    TimePoint first = unless_before;
    for (const auto& [key, slots] : keys_)
        for (const Slot& slot : slots)
            first = std::min(first, slot.end);
    if (first < unless_before) expire(first);
}

std::vector<ByteSpan> DhtValueStore::get(const DhtId& key, std::size_t offset, std::size_t count, TimePoint now) const
{
    const auto found = keys_.find(key);
    if (found == keys_.end()) return {};
    std::vector<const Slot*> order;
    for (auto slot = found->second.rbegin(); slot != found->second.rend(); ++slot)
        if (slot->end > now) order.push_back(&*slot);
    std::ranges::stable_partition(order, [&](const Slot* slot) { return slot->identity != key; });
    std::vector<ByteSpan> out;
    for (std::size_t i = offset; i < order.size() && out.size() < count; ++i)
        out.emplace_back(order[i]->value);
    return out;
}

void DhtValueStore::expire(TimePoint now)
{
    for (auto key = keys_.begin(); key != keys_.end();) {
        std::erase_if(key->second, [&](const Slot& slot) {
            if (slot.end > now) return false;
            --size_;
            ++changes_;
            const auto source = per_source_.find(slot.source);
            if (source != per_source_.end() && --source->second == 0) per_source_.erase(source);
            return true;
        });
        key = key->second.empty() ? keys_.erase(key) : std::next(key);
    }
}

std::vector<DhtValueStore::Kept> DhtValueStore::all(TimePoint now) const
{
    std::vector<Kept> out;
    for (const auto& [key, slots] : keys_)
        for (const Slot& slot : slots)
            if (slot.end > now) out.push_back({key, slot.value, slot.end - now});
    return out;
}

} // namespace cepa::tunnel
