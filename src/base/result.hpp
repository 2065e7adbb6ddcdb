// Result<T>: what a call that can fail returns. The error is the error_code of Asio and libtorrent.
// Process: all. Exceptions are for construction and start-up only; never on the data path.
#pragma once

#include <boost/system/error_code.hpp>

#include <expected>
#include <utility>

namespace cepa {

using ErrorCode = boost::system::error_code;

template <class T>
using Result = std::expected<T, ErrorCode>;

/// Makes the failed Result of any type: `return fail(TunnelError::nonce_exhausted);`
[[nodiscard]] inline std::unexpected<ErrorCode> fail(ErrorCode code) noexcept
{
    return std::unexpected<ErrorCode>(code);
}

} // namespace cepa

/// Evaluates `expression`, a Result; returns its error from the calling function when it failed.
/// Works inside Asio coroutines with CEPA_CO_TRY. The value is dropped: bind it with an ordinary variable and check.
#define CEPA_TRY(expression)                                                                                           \
    do {                                                                                                               \
        if (auto cepa_try_result = (expression); !cepa_try_result)                                                     \
            return ::cepa::fail(cepa_try_result.error());                                                              \
    } while (false)
