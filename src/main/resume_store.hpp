// Resume data on disk: one file per torrent, <folder>/<id>.resume, with its metadata, its route and whether it ever
// lived in a plain session. Written atomically, read with care: a corrupt file is set aside and named, one of a newer
// version is left alone and named; nothing of it ends the program. Process: main; blocks on the disk, so the service
// calls save() from its writer thread.
//
// A file is one bencoded dictionary: "cepa" = {"group", "held" (or not), "hops", "id", "paused", "peers", "plain life",
// "schema"} and "resume" = libtorrent's own resume dictionary.
#pragma once

#include "main/torrent_types.hpp"

#include <libtorrent/add_torrent_params.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace cepa::main {

/// Of a torrent with hidden peers; others are written as schema 1, so that a former version still reads them. One that
/// does not know hidden peers must not read the rest: it would ask trackers about them.
inline constexpr int kResumeSchema = 2;

struct StoredTorrent {
    std::string id;
    TorrentRoute route;
    bool paused = false;     ///< by the user, or see held
    bool plain_life = false; ///< was once in a session without hops
    libtorrent::add_torrent_params params;
    PeerMode peer_mode = PeerMode::open;
    std::string held = {}; ///< why it is paused against its user's will
};

class ResumeStore {
public:
    /// `folder` is made by prepare(). An empty one: nothing is kept.
    explicit ResumeStore(std::filesystem::path folder) : folder_(std::move(folder)) {}

    [[nodiscard]] Answer<void> prepare() const;
    [[nodiscard]] Answer<void> save(const StoredTorrent& torrent) const;
    /// Fine when there is no such file.
    [[nodiscard]] Answer<void> remove(const std::string& id) const;

    /// What is kept of one torrent; nullopt when there is nothing. What is corrupt is set aside, with a line in the
    /// log. Fails, with words for the user, when it cannot be read or is of a newer version: saving would destroy it.
    [[nodiscard]] Answer<std::optional<StoredTorrent>> find(const std::string& id) const;

    struct Loaded {
        std::vector<StoredTorrent> torrents; ///< not cleaned
        std::vector<std::string> messages;   ///< one per file that was not loaded
    };
    [[nodiscard]] Loaded load() const;

    [[nodiscard]] static Bytes encode(const StoredTorrent& torrent);
    [[nodiscard]] static Answer<StoredTorrent> decode(ByteSpan bytes);

private:
    [[nodiscard]] static Answer<StoredTorrent> read(const std::filesystem::path& file);
    [[nodiscard]] std::filesystem::path file_of(const std::string& id) const { return folder_ / (id + ".resume"); }

    std::filesystem::path folder_;
};

} // namespace cepa::main
