// Change frames: what SYNC carries. The sender compares the objects with what it sent last and sends only the fields
// that differ; the receiver merges them into its copy. Works on any message of control.proto by its description, so a
// new field of an object needs no code here.
// Pure values. Process: worker sends, main merges. Spec: docs/protocol.md, section 32.
#pragma once

#include "proto/control.pb.h"

#include <google/protobuf/message.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace cepa::proto {

/// Puts into `change` every field of `current` that differs from `last`: an optional field when its value changed, a
/// list as a whole when any of it changed, a map's changed entries. Fields without presence name the object and are
/// always copied. Returns whether anything beside the name was put there. Both must be of one type.
/// Fields are never unset and lists never emptied by a change.
bool diff_fields(const google::protobuf::Message& last, const google::protobuf::Message& current,
                 google::protobuf::Message& change);
/// Applies what diff_fields() made: sets fields, replaces lists, adds entries to maps.
void merge_fields(google::protobuf::Message& into, const google::protobuf::Message& change);

/// The shared objects of one worker, keyed by circuit id.
struct SharedObjects {
    std::map<std::uint32_t, CircuitInfo> circuits;
    std::map<std::uint32_t, RelayInfo> relays;
    std::map<std::uint32_t, ExitInfo> exits;
    WorkerInfo worker;
    DiscoveryInfo discovery;
};

/// Remembers what was sent last.
class ChangeTracker {
public:
    /// The frames that turn the receiver's copy into `current`; none when nothing changed. Each stays well below
    /// kMaxMessage. They count as sent.
    [[nodiscard]] std::vector<Sync> take(SharedObjects current);

private:
    SharedObjects sent_;
};

} // namespace cepa::proto
