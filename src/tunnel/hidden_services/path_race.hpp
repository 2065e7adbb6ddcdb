// Circuits that are built beside each other for one purpose. When no answer came for a while another one is begun, over
// other hops that are kept, and who is ready first is taken. Until then none is given up for being slow: to find a hop
// that the one before it does not know takes up to 8 s, and by closing circuits that wait for something, hops could
// choose which are built. Those that lose say nothing about their hops. Process: worker, io thread. Spec: docs/protocol.md, section 21.
#pragma once

#include "tunnel/hidden_services/hidden_circuits.hpp"

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

namespace cepa::tunnel {

class PathRace {
public:
    static constexpr std::size_t kMost = 3;
    /// So long a hop of every circuit is silent when the second one is begun; twice that for the third.
    static constexpr Duration kPatience = std::chrono::milliseconds(1500);

    /// Begins a circuit over other hops than those given.
    using Begin = std::function<Result<CircuitId>(std::vector<PublicKey> beside)>;

    PathRace() = default;
    explicit PathRace(CircuitId first) : circuits_{first} {}

    [[nodiscard]] const std::vector<CircuitId>& circuits() const noexcept { return circuits_; }
    [[nodiscard]] bool contains(CircuitId id) const { return std::ranges::find(circuits_, id) != circuits_.end(); }
    /// Another that was begun without waiting, where somebody is in a hurry.
    void add(CircuitId another)
    {
        circuits_.push_back(another);
        ++begun_;
    }
    /// To be called often, until one is ready.
    void tick(const OwnCircuits& circuits, TimePoint now, const Begin& begin);
    /// `ready` is taken. The others are to be closed.
    [[nodiscard]] std::vector<CircuitId> take(CircuitId ready);
    /// One is gone. False when it was the last.
    [[nodiscard]] bool lose(CircuitId gone)
    {
        std::erase(circuits_, gone);
        return !circuits_.empty();
    }

private:
    std::vector<CircuitId> circuits_;
    std::size_t begun_ = 1;
};

} // namespace cepa::tunnel
