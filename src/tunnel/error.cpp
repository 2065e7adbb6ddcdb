#include "tunnel/error.hpp"

#include <string>

namespace cepa::tunnel {
namespace {

class Category final : public boost::system::error_category {
public:
    [[nodiscard]] const char* name() const noexcept override { return "tunnel"; }
    [[nodiscard]] std::string message(int code) const override
    {
        switch (static_cast<TunnelError>(code)) {
        case TunnelError::malformed: return "malformed message";
        case TunnelError::bad_signature: return "wrong signature";
        case TunnelError::bad_tag: return "wrong authentication tag";
        case TunnelError::nonce_exhausted: return "counter exhausted";
        case TunnelError::unknown_circuit: return "unknown circuit";
        case TunnelError::wrong_state: return "circuit is not in the right state";
        case TunnelError::too_large: return "message too large for a cell";
        case TunnelError::no_candidates: return "no suitable relay or exit known";
        case TunnelError::limit_reached: return "limit reached";
        case TunnelError::refused_by_policy: return "refused by policy";
        case TunnelError::timed_out: return "no answer in time";
        case TunnelError::replayed: return "replayed";
        }
        return "unknown tunnel error";
    }
};

} // namespace

const boost::system::error_category& tunnel_category() noexcept
{
    static const Category instance;
    return instance;
}

} // namespace cepa::tunnel
