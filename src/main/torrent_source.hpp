// From what a user or an earlier start gives to what libtorrent is given: reads magnet links and .torrent files, cleans
// them, fills in the save path and the flags. Process: main; reads a file, does nothing else.
#pragma once

#include "main/resume_store.hpp"
#include "main/torrent_cleaning.hpp"
#include "main/torrent_types.hpp"

#include <libtorrent/add_torrent_params.hpp>

#include <string>

namespace cepa::main {

/// `request.content`, or the magnet link or file that `request.source` names. Not cleaned.
[[nodiscard]] Answer<libtorrent::add_torrent_params> read_source(const AddTorrent& request);

/// Whether both paths name one folder, whatever the spelling.
[[nodiscard]] bool same_folder(const std::filesystem::path& one, const std::filesystem::path& other);

/// What to add when `kept` is left of an earlier life of the torrent that `fresh` was read from for `request`. On the
/// same route it goes on as it was; on another one only the description and the pieces come along, by name; in another
/// folder nothing does. Not cleaned.
[[nodiscard]] libtorrent::add_torrent_params continued(libtorrent::add_torrent_params fresh, StoredTorrent kept,
                                                       const AddTorrent& request);

/// Cleans `params`, makes the save folder and fills in everything else that a session needs.
[[nodiscard]] Answer<void> complete_params(libtorrent::add_torrent_params& params, const AddTorrent& request,
                                           const CleaningPolicy& policy);

} // namespace cepa::main
