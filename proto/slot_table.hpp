// Which worker a cell belongs to: a keyed function sends its circuit id to one of 64 virtual slots, a table sends the
// slot to a worker. The kernel's program, the front process and every worker use the same table. The keys are random
// per start, so an id tells nobody how many workers there are and nobody can aim at one.
// Pure values. Process: main and worker. Spec: docs/protocol.md, section 33.
//
//   slot = (((id ^ k1) * k2 mod 2^32) >> 16) mod 64
#pragma once

#include "base/ids.hpp"
#include "proto/control.pb.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace cepa::proto {

inline constexpr std::size_t kSlots = 64;

class SlotTable {
public:
    using Owners = std::array<std::uint8_t, kSlots>;
    /// Former owners that a slot remembers.
    static constexpr std::size_t kFormers = 4;

    /// Everything belongs to worker 0.
    SlotTable() noexcept = default;
    /// Spreads the slots over the workers 0 .. workers - 1, as evenly as they go and in blocks. `k2` is made odd.
    /// Needs 1 <= workers <= kMaxWorkers.
    [[nodiscard]] static SlotTable make(std::uint32_t k1, std::uint32_t k2, std::uint32_t workers) noexcept;
    /// The table for another number of workers: moves as few slots as possible, remembers the former owners that still
    /// run and counts the version up.
    [[nodiscard]] SlotTable resized(std::uint32_t workers) const noexcept;

    /// nullopt when the message is malformed: no 64 slots, k2 even, a worker that is not below `max_workers`.
    [[nodiscard]] static std::optional<SlotTable> from_message(const Steer& message, std::uint32_t max_workers);
    [[nodiscard]] Steer to_message() const;

    [[nodiscard]] std::size_t slot(CircuitId circuit) const noexcept
    {
        return (((circuit.value ^ k1_) * k2_) >> 16U) % kSlots;
    }
    [[nodiscard]] WorkerId owner(CircuitId circuit) const noexcept { return WorkerId(owners_[slot(circuit)]); }
    /// Circuits stay where they were made when their slot moves, so a cell whose circuit the owner does not know may be
    /// a former owner's. They are asked in line, the latest first: the one after `worker`, or nullopt when there is
    /// none or `worker` does not stand in the line. It never names a worker that the last change stopped.
    [[nodiscard]] std::optional<WorkerId> next_in_line(CircuitId circuit, WorkerId worker) const noexcept;
    /// Whether `worker` is the owner or a former one.
    [[nodiscard]] bool may_have(CircuitId circuit, WorkerId worker) const noexcept;

    [[nodiscard]] std::uint64_t version() const noexcept { return version_; }
    [[nodiscard]] std::uint32_t k1() const noexcept { return k1_; }
    [[nodiscard]] std::uint32_t k2() const noexcept { return k2_; }
    [[nodiscard]] const Owners& owners() const noexcept { return owners_; }

    friend bool operator==(const SlotTable&, const SlotTable&) noexcept = default;

private:
    std::uint64_t version_ = 1;
    std::uint32_t k1_ = 0;
    std::uint32_t k2_ = 1;
    /// The owner and the former ones of a slot; the owner's id stands for nobody.
    using Line = std::array<std::uint8_t, 1 + kFormers>;
    [[nodiscard]] Line line(std::size_t slot) const noexcept;
    void remember(std::size_t slot, const Line& before, std::uint32_t workers) noexcept;

    Owners owners_{};
    std::array<Owners, kFormers> former_{};
};

} // namespace cepa::proto
