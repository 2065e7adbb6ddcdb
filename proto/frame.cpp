#include "proto/frame.hpp"

namespace cepa::proto {
} // namespace cepa::proto
