// What a hidden seed's command says while nobody, some and all introduction points are up: each change, and now and
// then why it is not findable and for how long. Process: main (a command's process).
#pragma once

#include "base/clock.hpp"
#include "main/console.hpp"

#include <optional>
#include <string>

namespace cepa::main {

class FindableWatch {
public:
    /// So often what has not changed is said again, while nobody finds it.
    static constexpr Duration kAgain = std::chrono::seconds(30);
    /// Introduction points take a moment: so long their absence is no news.
    static constexpr Duration kPatience = std::chrono::seconds(5);

    explicit FindableWatch(Console& console) : console_(console) {}

    /// A swarm as the request answers it. True once all its introduction points were there.
    bool look(const Json& swarm, TimePoint now);

private:
    [[nodiscard]] bool is_news(int points, const std::string& wait, TimePoint now) const;

    Console& console_;
    std::optional<int> said_;
    std::string said_wait_;
    TimePoint said_at_{};
    bool complete_ = false;
};

} // namespace cepa::main
