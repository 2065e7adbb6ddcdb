// What libtorrent makes of hidden peers: the payload that it asked for and got, and that it sent, per made-up address.
// Blocks that were not asked for count for nothing, and a peer of a piece that fails its hash loses all it had.
// Written by libtorrent's threads, read by main. Process: main, any thread. Spec: docs/protocol.md, section 36.
#pragma once

#include <libtorrent/peer_request.hpp>
#include <libtorrent/socket.hpp>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <tuple>

namespace cepa::main {

struct PeerPayload {
    std::atomic<std::uint64_t> received = 0;
    std::atomic<std::uint64_t> sent = 0;
};

/// One connection's share in it. On libtorrent's thread.
class PayloadMeter {
public:
    /// Requests under way that are remembered: more than libtorrent has at one peer.
    static constexpr std::size_t kMostAsked = 2048;

    explicit PayloadMeter(std::shared_ptr<PeerPayload> total) : total_(std::move(total)) {}

    void asked(const libtorrent::peer_request& block)
    {
        if (asked_.size() < kMostAsked) asked_.insert(key(block));
    }
    void came(const libtorrent::peer_request& block)
    {
        if (asked_.erase(key(block)) != 0) total_->received += static_cast<std::uint64_t>(block.length);
    }
    /// A piece to which the peer gave a part is not what its hash says.
    void failed() { total_->received = 0; }
    void sent(int bytes)
    {
        if (bytes > 0) total_->sent += static_cast<std::uint64_t>(bytes);
    }

private:
    using Key = std::tuple<int, int, int>;
    static Key key(const libtorrent::peer_request& block)
    {
        return {static_cast<int>(block.piece), block.start, block.length};
    }
    std::shared_ptr<PeerPayload> total_;
    std::set<Key> asked_;
};

class PeerPayloads {
public:
    struct Bytes {
        std::uint64_t received = 0;
        std::uint64_t sent = 0;
    };
    /// From now on that peer is counted, from nothing if it was not.
    void begin(const libtorrent::tcp::endpoint& peer)
    {
        const std::lock_guard lock(mutex_);
        auto& entry = peers_[peer];
        if (!entry) entry = std::make_shared<PeerPayload>();
    }
    void end(const libtorrent::tcp::endpoint& peer)
    {
        const std::lock_guard lock(mutex_);
        peers_.erase(peer);
    }
    /// Null when it is not counted.
    [[nodiscard]] std::shared_ptr<PeerPayload> find(const libtorrent::tcp::endpoint& peer) const
    {
        const std::lock_guard lock(mutex_);
        const auto entry = peers_.find(peer);
        return entry == peers_.end() ? nullptr : entry->second;
    }
    [[nodiscard]] Bytes of(const libtorrent::tcp::endpoint& peer) const
    {
        const auto payload = find(peer);
        return payload ? Bytes{payload->received, payload->sent} : Bytes{};
    }

private:
    mutable std::mutex mutex_;
    std::map<libtorrent::tcp::endpoint, std::shared_ptr<PeerPayload>> peers_;
};

} // namespace cepa::main
