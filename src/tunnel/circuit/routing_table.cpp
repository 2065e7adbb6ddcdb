#include "tunnel/circuit/routing_table.hpp"

#include "tunnel/crypto/random.hpp"

#include <algorithm>
#include <bit>

namespace cepa::tunnel {

namespace {

constexpr std::size_t kFirstSlots = 256;
/// With N workers one draw in N is ours, so that far fewer draws than this suffice; a bound all the same.
constexpr int kMostDraws = 4096;

} // namespace

RoutingTable::RoutingTable(RandomSource& random)
    : slots_(kFirstSlots), mask_(kFirstSlots - 1), shift_(64U - static_cast<unsigned>(std::countr_zero(kFirstSlots))),
      seed_(random_u32(random)), multiplier_(random_u64(random) | 1U)
{
}

void RoutingTable::place(CircuitId id, Route route) noexcept
{
    std::size_t i = home(id);
    while (slots_[i].route.kind != RouteKind::none && slots_[i].id != id) i = (i + 1) & mask_;
    if (slots_[i].route.kind == RouteKind::none) ++used_;
    slots_[i] = {id, route};
}

void RoutingTable::set(CircuitId id, Route route)
{
    if (route.kind == RouteKind::none) {
        erase(id);
        return;
    }
    if ((used_ + 1) * 2 > slots_.size()) grow();
    place(id, route);
}

void RoutingTable::grow()
{
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    mask_ = slots_.size() - 1;
    --shift_;
    used_ = 0;
    for (const Slot& slot : old) {
        if (slot.route.kind != RouteKind::none) place(slot.id, slot.route);
    }
}

void RoutingTable::erase(CircuitId id) noexcept
{
    std::size_t hole = home(id);
    while (slots_[hole].id != id || slots_[hole].route.kind == RouteKind::none) {
        if (slots_[hole].route.kind == RouteKind::none) return;
        hole = (hole + 1) & mask_;
    }
    --used_;
    // Close the gap: move back whatever was displaced past it, so that find() never needs tombstones.
    for (std::size_t i = (hole + 1) & mask_; slots_[i].route.kind != RouteKind::none; i = (i + 1) & mask_) {
        const std::size_t wanted = home(slots_[i].id);
        if (((i - wanted) & mask_) < ((i - hole) & mask_)) continue;
        slots_[hole] = slots_[i];
        hole = i;
    }
    slots_[hole] = {};
}

void RoutingTable::linger(CircuitId id, TimePoint until)
{
    set(id, {RouteKind::lingering, nullptr});
    farewells_.push_back({id, until});
}

void RoutingTable::expire(TimePoint now) noexcept
{
    std::erase_if(farewells_, [&](const Farewell& farewell) {
        if (farewell.until > now) return false;
        if (find(farewell.id).kind == RouteKind::lingering) erase(farewell.id);
        return true;
    });
}

std::optional<CircuitId> RoutingTable::draw_id(RandomSource& random, const CircuitIdOwner& ids) const
{
    for (int draw = 0; draw < kMostDraws; ++draw) {
        const CircuitId id(random_u32(random));
        if (id.value != 0 && ids.is_mine(id) && !contains(id)) return id;
    }
    return std::nullopt;
}

} // namespace cepa::tunnel
