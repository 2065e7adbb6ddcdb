// The addresses by which this node is known: where it listens, what it calls its LAN address, and what others see.
// One responder can lie, so the WAN estimate follows only what several responders of different networks agree on.
// Process: worker, io thread. Spec: docs/protocol.md, sections 5.3, 5.6 and 18.
#pragma once

#include "base/address.hpp"
#include "base/clock.hpp"
#include "tunnel/settings.hpp"
#include "tunnel/tunnel.hpp"

#include <utility>
#include <vector>

namespace cepa::tunnel {

class OwnAddresses {
public:
    explicit OwnAddresses(const TunnelSettings& settings);

    /// A responder that answered a request of ours says that it saw us at `seen`. Its newest word counts, for ten
    /// minutes. True when the estimate changed.
    bool on_seen(const Endpoint& responder, const Endpoint& seen, TimePoint now);
    /// A packet of ours came back to us from `address`: it is ours as well.
    void add_self(const Endpoint& address);
    /// Replaces what others (worker 0, or the last snapshot) found out. The first is taken for the WAN estimate while
    /// there is none of our own.
    void share(const std::vector<Endpoint>& addresses);

    /// Null while unknown. A node that listens on one loopback address is known by that and no other.
    [[nodiscard]] Endpoint lan() const noexcept { return lan_; }
    /// The estimate, else the LAN address, which is what deployed nodes start with.
    [[nodiscard]] Endpoint wan() const noexcept { return wan_.is_null() ? lan_ : wan_; }
    /// All of them, each once; the WAN estimate first.
    [[nodiscard]] std::vector<Endpoint> all() const;
    [[nodiscard]] bool is_exactly(const Endpoint& address) const noexcept;
    /// The addresses of this machine's interfaces.
    void set_host_addresses(std::vector<IpAddress> addresses) { host_ = std::move(addresses); }
    /// What stands between us and those who see us; unknown until two of different networks have told.
    [[nodiscard]] Translation translation() const;
    /// What worker 0 knows of it, or the former one did: it counts while nothing is known here.
    void share_translation(Translation translation) noexcept { shared_translation_ = translation; }
    /// Also another port of our own public address, unless equal prefixes are allowed.
    [[nodiscard]] bool is_own(const Endpoint& address) const noexcept;

private:
    struct Vote {
        Endpoint responder;
        Endpoint seen;
        TimePoint at{};
    };
    [[nodiscard]] bool same_voice(const Endpoint& a, const Endpoint& b) const noexcept;
    [[nodiscard]] std::size_t voices(const Vote& vote, bool whole_endpoint) const;
    [[nodiscard]] Endpoint agreed() const;

    bool equal_prefixes_;
    bool fixed_; ///< loopback: what others see cannot differ
    Endpoint lan_;
    Endpoint wan_;
    std::vector<Vote> votes_;
    std::vector<Endpoint> selves_;
    std::vector<Endpoint> shared_;
    std::vector<IpAddress> host_;
    Translation shared_translation_ = Translation::unknown;
};

} // namespace cepa::tunnel
