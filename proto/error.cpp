#include "proto/error.hpp"

#include <string>

namespace cepa::proto {
namespace {

class ProtoCategory final : public boost::system::error_category {
public:
    [[nodiscard]] const char* name() const noexcept override { return "proto"; }
    [[nodiscard]] std::string message(int value) const override
    {
        switch (static_cast<ProtoError>(value)) {
        case ProtoError::stream_ended: return "stream ended";
        case ProtoError::broken_stream: return "stream is broken";
        case ProtoError::timed_out: return "no answer in time";
        case ProtoError::queue_full: return "the other side does not read";
        case ProtoError::too_large: return "message too large";
        }
        return "unknown error " + std::to_string(value);
    }
};

} // namespace

const boost::system::error_category& proto_category() noexcept
{
    static const ProtoCategory category;
    return category;
}

} // namespace cepa::proto
