// What libtorrent makes of hidden peers: the payload that it asked for and got, and that it sent, per made-up address.
// Blocks that were not asked for count for nothing. What a peer gave of a piece that fails its hash is taken back, and
// no more than that: the bad block of another must not make an honest peer worthless.
// Written by libtorrent's threads, read by main. Process: main, any thread. Spec: docs/protocol.md, section 36.
#pragma once

#include <libtorrent/peer_request.hpp>
#include <libtorrent/socket.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <tuple>

namespace cepa::main {

struct PeerPayload {
    std::atomic<std::uint64_t> received = 0;
    std::atomic<std::uint64_t> sent = 0;
};

/// One connection's share in it. On libtorrent's thread.
class PayloadMeter {
public:
    /// Requests without an answer that are remembered: more than libtorrent has under way at one peer. Some are never
    /// answered (cancelled, timed out, had from another), so that the oldest make room.
    static constexpr std::size_t kMostAsked = 2048;
    /// Pieces that it gave a part of and that were not checked: more than libtorrent has begun at one time.
    static constexpr std::size_t kMostUnchecked = 2048;

    explicit PayloadMeter(std::shared_ptr<PeerPayload> total) : total_(std::move(total)) {}

    void asked(const libtorrent::peer_request& block)
    {
        std::erase(asked_, key(block));
        if (asked_.size() == kMostAsked) asked_.pop_front();
        asked_.push_back(key(block));
    }
    /// The peer will not give it. libtorrent says so of each when one chokes us that cannot refuse single blocks.
    void refused(const libtorrent::peer_request& block) { std::erase(asked_, key(block)); }
    void came(const libtorrent::peer_request& block)
    {
        if (std::erase(asked_, key(block)) == 0) return;
        const auto bytes = static_cast<std::uint64_t>(block.length);
        total_->received += bytes;
        const auto known = std::ranges::find(unchecked_, block.piece, &Given::piece);
        if (known != unchecked_.end()) {
            known->bytes += bytes;
            return;
        }
        if (unchecked_.size() == kMostUnchecked) unchecked_.pop_front();
        unchecked_.push_back({block.piece, bytes});
    }
    /// A piece to which the peer gave a part is what its hash says.
    void passed(libtorrent::piece_index_t piece)
    {
        std::erase_if(unchecked_, [piece](const Given& given) { return given.piece == piece; });
    }
    /// It is not.
    void failed(libtorrent::piece_index_t piece)
    {
        const auto given = std::ranges::find(unchecked_, piece, &Given::piece);
        if (given == unchecked_.end()) return;
        total_->received -= given->bytes;
        unchecked_.erase(given);
    }
    /// The connection ends. libtorrent tells nobody then what comes out of its pieces, so that going early would hide
    /// what was bad.
    void end()
    {
        for (const Given& given : unchecked_)
            total_->received -= given.bytes;
        unchecked_.clear();
    }
    void sent(int bytes)
    {
        if (bytes > 0) total_->sent += static_cast<std::uint64_t>(bytes);
    }

private:
    using Key = std::tuple<int, int, int>;
    struct Given {
        libtorrent::piece_index_t piece{};
        std::uint64_t bytes = 0;
    };
    static Key key(const libtorrent::peer_request& block)
    {
        return {static_cast<int>(block.piece), block.start, block.length};
    }
    std::shared_ptr<PeerPayload> total_;
    std::deque<Key> asked_;       ///< each once, the oldest first
    std::deque<Given> unchecked_; ///< counted in total_; the oldest first
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
    mutable std::mutex mutex_; // libtorrent's threads are not ours to make processes of
    std::map<libtorrent::tcp::endpoint, std::shared_ptr<PeerPayload>> peers_;
};

} // namespace cepa::main
