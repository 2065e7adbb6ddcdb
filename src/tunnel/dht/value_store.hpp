// The values that this node keeps for the network: several per key, each from its own source, each with an end. Who is
// allowed to store, and for how long, is decided by the caller; how much there may be, and what replaces what, here.
// Pure state. Process: worker 0, io thread. Spec: docs/protocol.md, sections 15.4 and 35.
#pragma once

#include "base/clock.hpp"
#include "tunnel/discovery/dht_messages.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace cepa::tunnel {

class DhtValueStore {
public:
    static constexpr std::size_t kMostValueSize = 170;
    static constexpr std::size_t kMostValues = 3072;
    static constexpr std::size_t kMostPerKey = 64;
    /// Of the values of one key; a further one takes the place of that source's oldest.
    static constexpr std::size_t kMostPerKeyAndSource = 4;
    static constexpr std::size_t kMostPerSource = 256;

    /// `sources_differ`: one source is one IP; on networks with equal prefixes nodes share theirs, and do not count.
    explicit DhtValueStore(bool sources_differ) : sources_differ_(sources_differ) {}

    enum class Outcome : std::uint8_t {
        stored,
        outdated, ///< there is a newer one of the same signer
        refused,  ///< too large, or not a value, or wrongly signed
        no_room,
    };
    /// Checks the signature of a signed value. A value that is here already lives on for `life`, if that is longer.
    /// An introduction point's record takes the place of what the same source stored of the same point and seeder.
    /// Where a key is full, the oldest value of the network that has most of them goes.
    Outcome put(const DhtId& key, ByteSpan value, Duration life, const IpAddress& source, TimePoint now);
    /// At most `count` values, the newest first, without the first `offset`; valid until the next call that changes.
    [[nodiscard]] std::vector<ByteSpan> get(const DhtId& key, std::size_t offset, std::size_t count,
                                            TimePoint now) const;
    /// Forgets what has come to its end.
    void expire(TimePoint now);
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    /// Grows with every value that comes, lives longer or goes.
    [[nodiscard]] std::uint64_t changes() const noexcept { return changes_; }

    struct Kept {
        DhtId key;
        ByteSpan value;
        Duration left;
    };
    /// All of it, for a successor; oldest first, so that putting them in this order keeps theirs.
    [[nodiscard]] std::vector<Kept> all(TimePoint now) const;

private:
    struct Slot {
        DhtId identity{}; ///< one slot each: the hash of an unsigned value, or of the signer
        Bytes value;
        std::uint32_t version = 0;
        IpAddress source;
        TimePoint end;
        std::optional<IntroductionPointRecord> record; ///< what an unsigned value says, if it is one
    };
    using Slots = std::vector<Slot>; ///< the newest last

    [[nodiscard]] bool make_room(const DhtId& key, const IpAddress& source, TimePoint end);
    [[nodiscard]] bool counts(const IpAddress& source) const noexcept;
    void forget_former(const DhtId& key, const Slot& slot);
    void forget_crowding(Slots& slots);
    void forget(Slots& slots, Slots::iterator slot);
    void forget_shortest(TimePoint unless_before);

    bool sources_differ_;
    std::map<DhtId, Slots> keys_;
    std::map<IpAddress, std::size_t> per_source_;
    std::size_t size_ = 0;
    std::uint64_t changes_ = 0;
};

} // namespace cepa::tunnel
