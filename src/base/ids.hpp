// Identifiers as distinct types, so that one kind cannot be passed for another.
// Process: all.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace cepa {

/// A number that only equals numbers of its own kind. `Tag` names the kind; `Rep` is its representation.
template <class Tag, class Rep>
struct Id {
    Rep value{};

    constexpr Id() noexcept = default;
    constexpr explicit Id(Rep v) noexcept : value(v) {}
    friend constexpr auto operator<=>(const Id&, const Id&) noexcept = default;
};

/// A circuit as one link names it on the wire: u32, local to that link (docs/protocol.md, section 8). Our own
/// circuits' first-link ids are unique in the whole node, because every worker draws only ids that steer to itself.
using CircuitId = Id<struct CircuitTag, std::uint32_t>;

/// A worker slot, 0 .. max_workers - 1. Slot 0 also runs discovery.
using WorkerId = Id<struct WorkerTag, std::uint16_t>;

/// An isolation group: torrents of two groups share neither circuits nor exit sockets.
using GroupId = Id<struct GroupTag, std::uint32_t>;

} // namespace cepa

template <class Tag, class Rep>
struct std::hash<cepa::Id<Tag, Rep>> {
    std::size_t operator()(const cepa::Id<Tag, Rep>& id) const noexcept { return std::hash<Rep>{}(id.value); }
};
