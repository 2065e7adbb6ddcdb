#include "proto/slot_table.hpp"

#include "proto/descriptors.hpp"

#include <algorithm>
#include <cassert>
#include <string>

namespace cepa::proto {
namespace {

using Owners = SlotTable::Owners;

/// How many slots `worker` is due of `workers`: the first ones take what does not divide evenly.
std::size_t share_of(std::uint32_t worker, std::uint32_t workers) noexcept
{
    return kSlots / workers + (worker < kSlots % workers ? 1 : 0);
}

/// The first worker that has fewer slots than it is due.
std::uint32_t neediest(const Owners& owners, std::uint32_t workers) noexcept
{
    for (std::uint32_t worker = 0; worker < workers; ++worker)
        if (static_cast<std::size_t>(std::ranges::count(owners, worker)) < share_of(worker, workers)) return worker;
    return 0;
}

bool read_owners(const std::string& bytes, std::uint32_t max_workers, Owners& out)
{
    if (bytes.size() != kSlots) return false;
    std::ranges::transform(bytes, out.begin(), [](char c) { return static_cast<std::uint8_t>(c); });
    return std::ranges::all_of(out, [max_workers](std::uint8_t worker) { return worker < max_workers; });
}

} // namespace

SlotTable SlotTable::make(std::uint32_t k1, std::uint32_t k2, std::uint32_t workers) noexcept
{
    assert(workers >= 1 && workers <= kMaxWorkers);
    SlotTable table;
    table.k1_ = k1;
    table.k2_ = k2 | 1U; // an even factor would throw bits of the id away
    auto slot = table.owners_.begin();
    for (std::uint32_t worker = 0; worker < workers; ++worker)
        slot = std::fill_n(slot, share_of(worker, workers), static_cast<std::uint8_t>(worker));
    table.former_ = table.owners_;
    return table;
}

SlotTable SlotTable::resized(std::uint32_t workers) const noexcept
{
    assert(workers >= 1 && workers <= kMaxWorkers);
    SlotTable table = *this;
    table.former_ = owners_;
    ++table.version_;
    constexpr std::uint8_t kNobody = 0xff;
    std::array<std::size_t, kMaxWorkers> kept{};
    for (std::uint8_t& owner : table.owners_) {
        const bool stays = owner < workers && kept[owner] < share_of(owner, workers);
        if (stays) ++kept[owner];
        else owner = kNobody;
    }
    for (std::uint8_t& owner : table.owners_)
        if (owner == kNobody) owner = static_cast<std::uint8_t>(neediest(table.owners_, workers));
    return table;
}

std::optional<SlotTable> SlotTable::from_message(const Steer& message, std::uint32_t max_workers)
{
    SlotTable table;
    table.version_ = message.version();
    table.k1_ = message.k1();
    table.k2_ = message.k2();
    const bool valid = table.k2_ % 2 == 1 && read_owners(message.table(), max_workers, table.owners_)
        && read_owners(message.former(), max_workers, table.former_);
    return valid ? std::optional(table) : std::nullopt;
}

Steer SlotTable::to_message() const
{
    Steer message;
    message.set_version(version_);
    message.set_k1(k1_);
    message.set_k2(k2_);
    message.set_table(std::string(owners_.begin(), owners_.end()));
    message.set_former(std::string(former_.begin(), former_.end()));
    return message;
}

} // namespace cepa::proto
