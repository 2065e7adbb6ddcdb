// The requests of ours that wait for an answer: matched by identifier, kind and address, and by key where we know whom
// we ask. Each caller hears exactly once, with the answer or with nothing. Process: worker 0, io thread.
// Spec: docs/protocol.md, section 15.
#pragma once

#include "tunnel/dht/query_limit.hpp"
#include "tunnel/discovery/message_sender.hpp"
#include "tunnel/discovery/signed_packet.hpp"

#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

namespace cepa::tunnel {

/// Signs and sends messages of the DHT overlay.
class DhtSender {
public:
    DhtSender(const TunnelSettings& settings, PacketSender& packets)
        : settings_(settings), packets_(packets), prefix_(make_prefix(kDhtOverlay))
    {
    }

    template <class Message>
    void send(std::uint8_t id, const Endpoint& to, const Message& message)
    {
        const Bytes body = encode_body(message);
        if (!body.empty()) packets_.send_now(to, build_signed(prefix_, id, *settings_.identity, std::nullopt, body));
    }

private:
    const TunnelSettings& settings_;
    PacketSender& packets_;
    Prefix prefix_;
};

/// For whom we ask: strangers, who have us look something up, get only a part of what we may ask.
enum class DhtPurpose : std::uint8_t { own, others };

class DhtRequests {
public:
    static constexpr std::size_t kMostWaiting = 512;
    /// Below what deployed nodes take from one node in 5 s.
    static constexpr std::uint32_t kMostPerNode = 8;
    static constexpr std::uint32_t kMostPerNodeForOthers = 4;

    /// `answer` is null when none came.
    using Done = std::function<void(const SignedPacket* answer)>;

    explicit DhtRequests(RandomSource& random) : random_(random) {}

    struct To {
        Endpoint address;
        std::optional<PublicKey> key; ///< who must answer; anybody there when it is not known
    };
    /// Whether one more request may go to `address` now; counts it.
    [[nodiscard]] bool admit(const Endpoint& address, TimePoint now, DhtPurpose purpose = DhtPurpose::own)
    {
        return (purpose == DhtPurpose::own || for_others_.admit(address, now)) && per_node_.admit(address, now);
    }
    /// The identifier for a request that is sent now and answered by message `answer_id`; nullopt, and `done` is
    /// dropped, when too many wait.
    [[nodiscard]] std::optional<std::uint32_t> begin(const To& to, std::uint8_t answer_id, TimePoint deadline,
                                                     Done done);
    /// True when `packet`, whose signature was checked, answers a request; its caller has heard then.
    bool finish(const Endpoint& source, std::uint32_t identifier, const SignedPacket& packet);
    /// Whether anything was asked at `address`: nobody else's answers are worth checking a signature.
    [[nodiscard]] bool awaits(const Endpoint& address, std::uint32_t identifier) const noexcept;
    /// Tells the callers of those that were not answered in time.
    void expire(TimePoint now);

private:
    struct Waiting {
        To to;
        std::uint8_t answer_id = 0;
        TimePoint deadline;
        Done done;
    };
    RandomSource& random_;
    DhtQueryLimit per_node_{kMostPerNode};
    DhtQueryLimit for_others_{kMostPerNodeForOthers};
    std::unordered_map<std::uint32_t, Waiting> waiting_;
};

} // namespace cepa::tunnel
