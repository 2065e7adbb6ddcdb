// What worker 0 holds for the network and for its siblings, as a successor needs it. Plain values.
// Process: worker 0, io thread. Spec: docs/protocol.md, section 35.
#pragma once

#include "tunnel/discovery/dht_messages.hpp"
#include "tunnel/siblings.hpp"

#include "base/clock.hpp"

#include <vector>

namespace cepa::tunnel {

/// What a successor needs to go on; plain values. Lives are what is left of them.
struct DirectoryState {
    struct Value {
        DhtId key{};
        Bytes value; ///< as stored
        Duration left{};
        friend bool operator==(const Value&, const Value&) = default;
    };
    struct Node {
        PublicKey key;
        Endpoint address;
        friend bool operator==(const Node&, const Node&) = default;
    };
    std::vector<Value> values;
    std::vector<Node> nodes;
    std::vector<Introduction> introductions;
    friend bool operator==(const DirectoryState&, const DirectoryState&) = default;
};

} // namespace cepa::tunnel
