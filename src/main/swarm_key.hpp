// The swarm key under which one hidden swarm is seeded, and when it is another's turn. The key is drawn at each start
// and never stored. It is public, and establish-intro is not signed: anybody can register it at a node before we do,
// and the node then meets us with silence. Only another key helps; who is linked by the old one stays. Process: main.
// Pure. Spec: docs/protocol.md, section 36.
#pragma once

#include "base/clock.hpp"

#include <cstdint>
#include <string>

namespace cepa::main {

class SwarmKey {
public:
    /// Nodes in a row that refused it, while nobody finds us under it. As long as one introduction point stands it is
    /// kept, however many refuse: nodes that nobody can reach are silent to any key.
    static constexpr std::uint32_t kRefused = 3;
    /// Without any introduction point, although nodes are known.
    static constexpr std::chrono::minutes kUnreachable{5};
    /// Another is not drawn sooner: who finds us needs a while to learn it, and what the workers tell is a little old.
    static constexpr std::chrono::minutes kLives{2};

    SwarmKey() = default;
    ~SwarmKey();
    SwarmKey(const SwarmKey&) = delete;
    SwarmKey& operator=(const SwarmKey&) = delete;

    /// Whether the swarm is seeded now. The first key is drawn when it first is.
    void use(bool seeded, TimePoint now);
    /// What the workers say of a swarm that is seeded. `nodes`: some node of the network is known.
    void see(std::uint32_t introduction_points, std::uint32_t refused, bool nodes, TimePoint now);

    /// Private form; empty when none was drawn.
    [[nodiscard]] const std::string& value() const noexcept { return value_; }
    /// Which key it is, counted from 1.
    [[nodiscard]] unsigned number() const noexcept { return number_; }

private:
    void draw(TimePoint now);

    std::string value_;
    unsigned number_ = 0;
    bool seeded_ = false;
    TimePoint drawn_{};
    TimePoint reachable_{}; ///< or could not be
};

} // namespace cepa::main
