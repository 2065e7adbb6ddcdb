// The messages by which the members of one overlay are introduced to each other: answers those of others, takes in the
// answers to ours, and walks to whom they introduce. The same for every overlay; what an overlay has beyond them is its
// own matter. Process: worker 0, io thread. Spec: docs/protocol.md, sections 5 and 6.
#pragma once

#include "tunnel/discovery/responder.hpp"

#include <functional>
#include <utility>

namespace cepa::tunnel {

class PeerIntroductions {
public:
    struct Hooks {
        /// A peer answered a request of ours: key and address belong together. `extra` as it sent them.
        std::function<void(const Sighting& peer, ByteSpan extra)> met;
        /// A responder says that it saw us at `seen`, an address that we may have.
        std::function<void(const Endpoint& responder, const Endpoint& seen)> seen;
    };
    /// Hooks may be empty.
    PeerIntroductions(DiscoveryContext& context, Hooks hooks)
        : context_(context), hooks_(std::move(hooks)), responder_(context)
    {
    }

    /// A packet of `overlay`, prefix checked. False when its message is none of introductions'.
    bool on_packet(Overlay overlay, const Endpoint& source, ByteSpan packet, TimePoint now);
    [[nodiscard]] Responder& responder() noexcept { return responder_; }

private:
    void on_response(Style style, const Endpoint& source, ByteSpan packet, TimePoint now);
    void on_server_response(const Endpoint& source, ByteSpan packet, TimePoint now);
    void learn_from(const Endpoint& source, const IntroductionResponse& response, TimePoint now);
    void walk_to_introduced(const IntroductionResponse& response, TimePoint now);

    DiscoveryContext& context_;
    Hooks hooks_;
    Responder responder_;
};

} // namespace cepa::tunnel
