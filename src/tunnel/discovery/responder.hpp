// Answers what other nodes ask: introduction-requests, puncture-requests, similarity-requests, pings; in the tunnel
// overlay and in the discovery overlay. Every check that costs a signature is rate limited, and no answer goes where
// our packets have no business. Process: worker 0, io thread. Spec: docs/protocol.md, sections 5 and 6.
#pragma once

#include "tunnel/discovery/bootstrap.hpp"
#include "tunnel/discovery/drop_counts.hpp"
#include "tunnel/discovery/flood_limit.hpp"
#include "tunnel/discovery/message_sender.hpp"
#include "tunnel/discovery/own_addresses.hpp"
#include "tunnel/discovery/peer_table.hpp"
#include "tunnel/discovery/walker.hpp"
#include "tunnel/environment.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace cepa::tunnel {

/// What the parts of discovery share. The facade owns all of it.
struct DiscoveryContext {
    const TunnelSettings& settings;
    RandomSource& random;
    PeerTable& peers;
    OwnAddresses& own;
    Walker& walker;
    const Bootstrap& bootstrap;
    MessageSender& sender;
    DropCounts& drops;

    void drop(std::string_view why) { count_drop(drops, why); }
    /// Sends an introduction-request in the own overlay and remembers it; nothing when too many are waiting.
    void request(const Endpoint& to, TimePoint now);
    /// Ourselves, family members apart: a key that is us.
    [[nodiscard]] bool is_us(const PublicKey& key) const noexcept { return key == settings.identity_public; }
};

class Responder {
public:
    explicit Responder(DiscoveryContext& context) : context_(context) {}

    void introduction_request(Overlay overlay, Style style, const Endpoint& source, ByteSpan packet, TimePoint now);
    void puncture_request(Overlay overlay, Style style, const Endpoint& source, ByteSpan packet, TimePoint now);
    void similarity_request(const Endpoint& source, ByteSpan packet, TimePoint now);
    void ping(const Endpoint& source, ByteSpan packet, TimePoint now);

private:
    [[nodiscard]] bool may_verify(const Endpoint& source, TimePoint now);
    void answer(Overlay overlay, const Endpoint& source, const IntroductionRequest& request, const PublicKey* asker);
    void answer_server(Overlay overlay, const Endpoint& source, ByteSpan packet);
    void take_note(const Sighting& sighting, TimePoint now);
    [[nodiscard]] const Peer* choose_introduced(const Endpoint& walker, const PublicKey* asker);

    DiscoveryContext& context_;
    FloodLimit known_{200, 200};    ///< signatures of peers that we know
    FloodLimit unknown_{100, 100};  ///< signatures of strangers
    FloodLimit challenges_{20, 40}; ///< requests that we send because a stranger sent one
    FloodLimit punctures_{10, 20};
    FloodLimit pongs_{100, 100};
    FloodLimit servers_{5, 10};
};

} // namespace cepa::tunnel
