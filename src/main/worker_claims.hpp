// The bounds of what a worker may say: main keeps much of it, in memory and on disk, and hands it to the next worker,
// so a hostile one must not make any of it large or malformed. A breach ends the worker. Pure. Process: main. Spec:
// docs/protocol.md, section 32.
#pragma once

#include "proto/control.pb.h"

#include <cstddef>

namespace cepa::main {

inline constexpr int kMaxHops = 5;
inline constexpr int kMaxGuards = 64;
inline constexpr int kMaxSharedCandidates = 4096;
inline constexpr int kMaxSharedAddresses = 64;
inline constexpr int kMaxReasons = 64;
/// Links of hidden swarms that one worker has at a time.
inline constexpr std::size_t kMaxHiddenLinks = 4096;
/// Bytes of a reason's name and of a notice's text.
inline constexpr std::size_t kMaxReasonName = 64;
inline constexpr std::size_t kMaxNoticeText = 256;

/// A key of 74 bytes, an address of 4 or 16 and a port that fits.
[[nodiscard]] bool well_formed(const proto::Guard& guard);
[[nodiscard]] bool well_formed(const proto::Candidate& candidate);
/// Leaves out what a worker would refuse: for what was kept on disk.
void drop_malformed(proto::Share& share);

[[nodiscard]] bool within_bounds(const proto::Share& share);
[[nodiscard]] bool within_bounds(const proto::Sync& sync);
[[nodiscard]] bool within_bounds(const proto::Notify& notice);
[[nodiscard]] bool within_bounds(const proto::HiddenLink& link);

} // namespace cepa::main
