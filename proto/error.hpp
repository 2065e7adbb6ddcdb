// The one error enum of the contract between the processes, with its category. Process: main and worker.
#pragma once

#include "base/result.hpp"

#include <type_traits>

namespace cepa::proto {

enum class ProtoError {
    stream_ended = 1, ///< the other side closed its end or is gone
    broken_stream,    ///< a length out of range or a message that does not parse: the stream is of no more use
    timed_out,        ///< no answer in the given time
    queue_full,       ///< the other side does not read; nothing was sent
    too_large,        ///< a message above kMaxMessage
};

[[nodiscard]] const boost::system::error_category& proto_category() noexcept;
[[nodiscard]] inline ErrorCode make_error_code(ProtoError e) noexcept { return {static_cast<int>(e), proto_category()}; }

} // namespace cepa::proto

template <>
struct boost::system::is_error_code_enum<cepa::proto::ProtoError> : std::true_type {};
