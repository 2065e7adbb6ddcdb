// Builds one circuit: create to the first hop, then extend hop by hop, each message with a new identifier and a new
// ephemeral key. Decides and sends; time and answers come in.
// Process: worker, io thread. Spec: docs/protocol.md, sections 9, 11.1, 11.6 and 21.
//
//              created/extended, auth right           last hop done
//   extending(k) ----------------------> extending(k+1) ----------> ready
//        | k = 0, 4 s of silence: another node.                       (auth wrong, nobody left, 6 messages,
//        | k > 0, 10 s: the same once more, then failed                60 s: failed)
//        +--> extending(k)
//
// Beyond the first hop no other node takes a silent one's place, as deployed nodes do: hops that are there already
// could be silent on purpose until the place falls to a friend. Who is in a hurry builds another circuit beside. The
// times are the same for all purposes, or they would tell the first hop what a circuit is for.
#pragma once

#include "tunnel/circuit/cell_sender.hpp"
#include "tunnel/circuit/circuit.hpp"
#include "tunnel/circuit/path_selection.hpp"
#include "tunnel/crypto/handshake.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

namespace cepa::tunnel {

/// What a builder needs to know of the network at the moment it asks.
class PathSource {
public:
    virtual ~PathSource() = default;
    [[nodiscard]] virtual const std::vector<Candidate>& candidates() const = 0;
    [[nodiscard]] virtual PathLoads loads() const = 0;
    [[nodiscard]] virtual std::int64_t now_unix_s() const = 0;
    /// An extend that named an address succeeded: the node can be reached from anywhere.
    virtual void connectable(const PublicKey& key) = 0;
    /// One failed. Perhaps the node is behind a NAT.
    virtual void unreachable(const PublicKey& key) = 0;
    /// That happened not long ago.
    [[nodiscard]] virtual bool is_unreachable(const PublicKey& key) const = 0;
    /// A circuit may be risked to find out whether a node can be reached by its address.
    [[nodiscard]] virtual bool may_probe() const = 0;
};

/// What a step of building led to. `failed` says why, in a text that lives for ever; empty unless failed.
struct BuildStep {
    enum class Kind : std::uint8_t { waiting, ready, failed } kind = Kind::waiting;
    std::string_view failed;
};

class CircuitBuilder {
public:
    static constexpr int kMostMessages = 6;
    /// Messages for one hop beyond the first; the second makes up for an honest loss.
    static constexpr int kMostForHop = 2;

    struct Tools {
        PathSelection& selection;
        PathSource& source;
        CellSender& sender;
        Aead& aead;
        RandomSource& random;
    };

    /// `circuit` and the tools must outlive the builder. `path` has circuit.wanted_hops() hops.
    CircuitBuilder(Circuit& circuit, Path path, Tools tools, TimePoint now, PathWish wish = {});

    /// Sends create.
    void start(TimePoint now);
    /// The answer to create (a plaintext cell from the first hop's IP) or to extend.
    [[nodiscard]] BuildStep on_created(const Created& answer, TimePoint now);
    [[nodiscard]] BuildStep on_extended(const Extended& answer, TimePoint now);
    /// Timeouts and retries.
    [[nodiscard]] BuildStep tick(TimePoint now);

    /// How long no hop has answered, whoever was asked meanwhile.
    [[nodiscard]] Duration waited(TimePoint now) const noexcept { return now - moved_; }
    /// The path as planned now; the hops of the circuit are its beginning.
    [[nodiscard]] const Path& path() const noexcept { return path_; }
    /// The hop that is asked now may well be unreachable: its silence says nothing about the first hop.
    [[nodiscard]] bool probing() const noexcept { return probing_; }

private:
    /// The relay that is asked serves the message whose answer comes first, whichever that is.
    struct Asked {
        std::uint16_t identifier = 0;
        EphemeralKey ephemeral;
    };
    [[nodiscard]] std::size_t position() const noexcept { return circuit_.hops().size(); }
    [[nodiscard]] bool offered(const PublicKey& key) const;
    [[nodiscard]] bool reachable_by_address(const Candidate& candidate) const;
    [[nodiscard]] const Asked& prepare_message(TimePoint now);
    void forget_messages() noexcept { asked_.clear(); }
    void send_create(TimePoint now);
    [[nodiscard]] bool send_extend(TimePoint now);
    [[nodiscard]] bool replan();
    [[nodiscard]] BuildStep ask_again(TimePoint now);
    void settle_next_hop();
    [[nodiscard]] BuildStep on_answer(std::uint16_t identifier, const KeyBytes& ephemeral, const HandshakeAuth& auth,
                                      ByteSpan candidates_enc, TimePoint now);
    [[nodiscard]] BuildStep advance(TimePoint now);
    void read_offer(const Layer& layer, ByteSpan candidates_enc);

    [[nodiscard]] bool is_fixed(std::size_t at) const noexcept;
    [[nodiscard]] bool is_required(std::size_t at) const noexcept;

    Circuit& circuit_;
    Path path_;
    PathWish wish_;
    Tools tools_;
    TimePoint give_up_;
    TimePoint retry_{};
    TimePoint moved_; ///< when it began, or a hop answered
    int messages_ = 0;
    std::vector<Asked> asked_; ///< the messages for the present hop
    bool by_address_ = false;
    bool probing_ = false;
    std::vector<PublicKey> silent_;  ///< first hops that were asked without an answer
    std::vector<PublicKey> offered_; ///< by the last hop so far: a hint of whom it can reach, never a choice
};

} // namespace cepa::tunnel
