#include "proto/slot_table.hpp"

#include "proto/descriptors.hpp"

#include <algorithm>
#include <cassert>
#include <string>
#include <string_view>

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

bool read_owners(std::string_view bytes, std::uint32_t max_workers, Owners& out)
{
    if (bytes.size() != kSlots) return false;
    std::ranges::transform(bytes, out.begin(), [](char c) { return static_cast<std::uint8_t>(c); });
    return std::ranges::all_of(out, [max_workers](std::uint8_t worker) { return worker < max_workers; });
}

/// Fewer than all may be given: the rest stands for nobody.
bool read_formers(std::string_view bytes, std::uint32_t max_workers, std::array<Owners, SlotTable::kFormers>& out)
{
    if (bytes.size() % kSlots != 0 || bytes.size() / kSlots > out.size()) return false;
    for (std::size_t i = 0; i < bytes.size() / kSlots; ++i)
        if (!read_owners(bytes.substr(i * kSlots, kSlots), max_workers, out[i])) return false;
    return true;
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
    table.former_.fill(table.owners_);
    return table;
}

SlotTable SlotTable::resized(std::uint32_t workers) const noexcept
{
    assert(workers >= 1 && workers <= kMaxWorkers);
    SlotTable table = *this;
    ++table.version_;
    constexpr std::uint8_t kNobody = 0xff;
    std::array<std::size_t, kMaxWorkers> kept{};
    for (std::uint8_t& owner : table.owners_) {
        const bool stays = owner < workers && kept[owner] < share_of(owner, workers);
        if (stays)
            ++kept[owner];
        else
            owner = kNobody;
    }
    for (std::uint8_t& owner : table.owners_)
        if (owner == kNobody) owner = static_cast<std::uint8_t>(neediest(table.owners_, workers));
    for (std::size_t slot = 0; slot < kSlots; ++slot)
        table.remember(slot, line(slot), workers);
    return table;
}

SlotTable::Line SlotTable::line(std::size_t slot) const noexcept
{
    Line out{owners_[slot]};
    for (std::size_t i = 0; i < kFormers; ++i)
        out[i + 1] = former_[i][slot];
    return out;
}

/// Those of `before` that still run and do not own the slot now, the oldest left out when it is one too many.
void SlotTable::remember(std::size_t slot, const Line& before, std::uint32_t workers) noexcept
{
    const std::uint8_t owner = owners_[slot];
    for (Owners& former : former_)
        former[slot] = owner;
    std::size_t count = 0;
    for (std::size_t i = 0; i < before.size() && count < kFormers; ++i) {
        const bool nobody = i > 0 && before[i] == before[0];
        if (!nobody && before[i] != owner && before[i] < workers) former_[count++][slot] = before[i];
    }
}

std::optional<WorkerId> SlotTable::next_in_line(CircuitId circuit, WorkerId worker) const noexcept
{
    const Line all = line(slot(circuit));
    const auto* const found = std::ranges::find(all, worker.value);
    if (found == all.end() || found + 1 == all.end() || found[1] == all[0]) return std::nullopt;
    return WorkerId(found[1]);
}

bool SlotTable::may_have(CircuitId circuit, WorkerId worker) const noexcept
{
    const Line all = line(slot(circuit));
    return std::ranges::find(all, worker.value) != all.end();
}

std::optional<SlotTable> SlotTable::from_message(const Steer& message, std::uint32_t max_workers)
{
    SlotTable table;
    table.version_ = message.version();
    table.k1_ = message.k1();
    table.k2_ = message.k2();
    if (table.k2_ % 2 == 0 || !read_owners(message.table(), max_workers, table.owners_)) return std::nullopt;
    table.former_.fill(table.owners_);
    if (!read_formers(message.former(), max_workers, table.former_)) return std::nullopt;
    return table;
}

Steer SlotTable::to_message() const
{
    Steer message;
    message.set_version(version_);
    message.set_k1(k1_);
    message.set_k2(k2_);
    message.set_table(std::string(owners_.begin(), owners_.end()));
    for (const Owners& former : former_)
        message.mutable_former()->append(former.begin(), former.end());
    return message;
}

} // namespace cepa::proto
