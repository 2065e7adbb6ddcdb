#include "main/flow_table.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

namespace cepa::main {
namespace {

/// Slots looked at for the longest idle flow when the table is full: near enough to the true one, at a fixed price.
constexpr std::size_t kVictimsLookedAt = 16;

/// Both halves of the 128-bit product: every bit of either factor reaches every bit of the result.
std::uint64_t mix(std::uint64_t a, std::uint64_t b) noexcept
{
    const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
}

std::uint64_t load(const std::uint8_t* bytes) noexcept
{
    std::uint64_t value;
    std::memcpy(&value, bytes, sizeof value);
    return value;
}

} // namespace

FlowTable::FlowTable(std::size_t max_flows, std::uint64_t seed) noexcept
    : max_flows_(std::max<std::size_t>(max_flows, 1)), seed_(seed)
{
}

std::size_t FlowTable::home(const Address& destination) const noexcept
{
    constexpr std::uint64_t kOdd1 = 0x9e3779b97f4a7c15ULL; // any odd constants of mixed bits
    constexpr std::uint64_t kOdd2 = 0xd6e8feb86659fd93ULL;
    const IpAddress& ip = destination.endpoint.ip;
    std::uint64_t hash = mix(load(ip.bytes.data()) ^ seed_, load(ip.bytes.data() + 8) ^ kOdd1);
    hash = mix(hash ^ destination.endpoint.port, seed_ ^ kOdd2 ^ (ip.v6 ? 1U : 0U));
    for (const char c : destination.host) hash = mix(hash ^ static_cast<unsigned char>(c), kOdd1);
    return hash & mask_;
}

Flow* FlowTable::find(const Address& destination) noexcept
{
    if (size_ == 0) return nullptr;
    for (std::size_t i = home(destination); slots_[i].used; i = (i + 1) & mask_)
        if (slots_[i].destination == destination) return &slots_[i];
    return nullptr;
}

Flow& FlowTable::insert(const Address& destination, TimePoint now, Flow& evicted)
{
    if (slots_.empty()) {
        slots_.resize(std::bit_ceil(max_flows_ * 2)); // half empty at the most: chains stay short, and always end
        mask_ = slots_.size() - 1;
    }
    evicted = {};
    if (size_ == max_flows_) {
        const std::size_t victim = pick_victim(home(destination));
        evicted = slots_[victim];
        erase_slot(victim);
    }
    std::size_t place = home(destination);
    while (slots_[place].used) {
        assert(slots_[place].destination != destination);
        place = (place + 1) & mask_;
    }
    slots_[place] = {destination, {}, now, now, kNoCircuit, true};
    ++size_;
    return slots_[place];
}

std::size_t FlowTable::pick_victim(std::size_t near) const noexcept
{
    std::size_t victim = slots_.size();
    std::size_t seen = 0;
    for (std::size_t step = 0; step <= mask_ && seen < kVictimsLookedAt; ++step) {
        const std::size_t i = (near + step) & mask_;
        if (!slots_[i].used) continue;
        ++seen;
        if (victim == slots_.size() || slots_[i].last_used < slots_[victim].last_used) victim = i;
    }
    return victim; // a full table has used slots
}

/// Closes the gap: whatever stands further along the chain and would no longer be found moves back into it.
void FlowTable::erase_slot(std::size_t slot) noexcept
{
    std::size_t gap = slot;
    for (std::size_t i = (gap + 1) & mask_; slots_[i].used; i = (i + 1) & mask_) {
        const std::size_t wants = home(slots_[i].destination);
        // Distance from its home to where it is, and to the gap, both along the chain.
        if (((i - wants) & mask_) < ((gap - wants) & mask_)) continue;
        slots_[gap] = std::move(slots_[i]);
        gap = i;
    }
    slots_[gap] = {};
    --size_;
}

} // namespace cepa::main
