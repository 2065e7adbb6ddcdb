// The made-up addresses under which libtorrent knows the other ends of hidden circuits: one of 240.0.0.0/4 per seeder,
// the same for as long as the program runs, however often the link to it is made anew (the port then counts on: libtorrent
// never again tries an endpoint whose uTP connect timed out while no link was up); one per link where we are the
// seeder and do not know who comes. They are drawn with a secret of this start, so that nobody can foretell one, and
// mean nothing outside.
// Pure. Process: main. Spec: docs/protocol.md, section 36.
#pragma once

#include "base/address.hpp"
#include "base/ids.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace cepa::main {

/// The first port of every made-up address.
inline constexpr std::uint16_t kMadeUpPort = 1024;

/// Whether an address lies in 240.0.0.0/4, in whatever spelling, and then its plain IPv4 form. Cheap.
[[nodiscard]] std::optional<IpAddress> made_up_address(const Address& address);
[[nodiscard]] bool is_made_up(const IpAddress& ip) noexcept;

class HiddenPeers {
public:
    static constexpr std::size_t kSecretSize = 32;
    using Secret = std::array<std::uint8_t, kSecretSize>;
    /// Seeders and links known at a time. Past it the address of one that is not in use is given away.
    static constexpr std::size_t kMost = 16384;

    explicit HiddenPeers(const Secret& secret) : secret_(secret) {}
    /// With a fresh secret.
    HiddenPeers();

    /// Of a seeder, by its swarm key (public form) in the swarm of that lookup hash. nullopt: all are in use.
    [[nodiscard]] std::optional<Endpoint> of_seeder(const std::string& lookup_hash, const std::string& seeder_key);
    /// Of a link that somebody made to us.
    [[nodiscard]] std::optional<Endpoint> of_link(CircuitId circuit);
    /// A link under that address is gone; a link's own address may be another's then, a seeder's stays, with another
    /// port once no link is left.
    void release(const Endpoint& peer);

private:
    struct Entry {
        std::string name;
        std::uint32_t uses = 0;
        std::uint16_t port = kMadeUpPort;
        bool lasting = false;
    };
    [[nodiscard]] std::optional<Endpoint> take(std::string name, bool lasting);
    [[nodiscard]] std::uint32_t draw(const std::string& name, std::uint32_t attempt) const;
    void make_room();

    Secret secret_;
    std::uint64_t links_ = 0;
    std::map<std::string, std::uint32_t> by_name_;
    std::map<std::uint32_t, Entry> entries_;
};

} // namespace cepa::main
