// The one error enum of the tunnel layer, with its category. Process: worker.
#pragma once

#include "base/result.hpp"

#include <type_traits>

namespace cepa::tunnel {

enum class TunnelError {
    malformed = 1,
    bad_signature,
    bad_tag,            ///< an AEAD tag or a handshake's auth was wrong
    nonce_exhausted,
    unknown_circuit,
    wrong_state,
    too_large,
    no_candidates,
    limit_reached,
    refused_by_policy,
    timed_out,
    replayed,
};

[[nodiscard]] const boost::system::error_category& tunnel_category() noexcept;
[[nodiscard]] inline ErrorCode make_error_code(TunnelError e) noexcept { return {static_cast<int>(e), tunnel_category()}; }

} // namespace cepa::tunnel

template <>
struct boost::system::is_error_code_enum<cepa::tunnel::TunnelError> : std::true_type {};
