// What a node asks of the world, where there is none: no exits, no names, and every circuit id its own.
#pragma once

#include "tunnel/environment.hpp"
#include "tunnel/error.hpp"

#include <memory>
#include <string>

namespace cepa::test {

class NoExits final : public tunnel::ExitSocketFactory {
public:
    [[nodiscard]] Result<std::unique_ptr<tunnel::ExitSocket>> open(CircuitId, tunnel::ExitReceiver&) override
    {
        return fail(tunnel::TunnelError::refused_by_policy);
    }
};
class NoNames final : public tunnel::Resolver {
public:
    void resolve(const std::string&, Done) override {}
};
class AllMine final : public tunnel::CircuitIdOwner {
public:
    [[nodiscard]] bool is_mine(CircuitId) const noexcept override { return true; }
};

} // namespace cepa::test
