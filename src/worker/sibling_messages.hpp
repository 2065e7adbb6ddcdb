// What siblings say to each other through main, between protobuf and the tunnels' own values. What comes from the other
// process is checked: a value of the wrong length is no value. Process: worker, io thread. Spec: docs/protocol.md,
// section 35.
#pragma once

#include "proto/control.pb.h"
#include "tunnel/siblings.hpp"

#include <optional>
#include <string>
#include <vector>

namespace cepa::worker {

/// Introduction points in one answer; the rest is left out. Main takes no more.
inline constexpr std::size_t kMostFound = 7;

[[nodiscard]] std::optional<tunnel::LookupHash> hash_from_proto(const std::string& from);
[[nodiscard]] std::string text_of(const tunnel::LookupHash& from);
[[nodiscard]] std::optional<tunnel::PublicKey> key_from_proto(const std::string& from);
[[nodiscard]] std::string text_of(const tunnel::PublicKey& from);

[[nodiscard]] std::optional<tunnel::Introduction> introduction_from_proto(const proto::Introduction& from);
[[nodiscard]] proto::Introduction introduction_to_proto(const tunnel::Introduction& from);
/// To a register_introduction.
[[nodiscard]] tunnel::Registration registration_from_proto(const proto::Answer& from);
[[nodiscard]] proto::Answer registration_to_proto(const tunnel::Registration& from);

/// The key is copied: who holds the message wipes it.
[[nodiscard]] std::optional<tunnel::LinkHalf> half_from_proto(const proto::LinkHalf& from);
[[nodiscard]] proto::LinkHalf half_to_proto(tunnel::LinkHalf from);

/// Leaves out malformed entries.
[[nodiscard]] std::vector<tunnel::PeersResponse::Peer> found_from_proto(const proto::Answer& from);
void found_to_proto(const std::vector<tunnel::PeersResponse::Peer>& from, proto::Answer& to);

} // namespace cepa::worker
