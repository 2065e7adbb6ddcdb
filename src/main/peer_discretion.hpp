// What a torrent with hidden peers must not say to its peers, and must not do at their word. libtorrent introduces
// peers to each other (ut_holepunch) whatever its settings say, and by that a hidden peer could make us connect to an
// open address, or learn which made-up address stands for somebody; "yourip" tells a peer the made-up address that
// stands for itself. With these two a peer could show that two torrents are one node's. Process: main; pure functions.
#pragma once

#include <libtorrent/bdecode.hpp>
#include <libtorrent/entry.hpp>

namespace cepa::main {

/// Our own extended handshake, before it is sent: takes both out.
void leave_out_addresses(libtorrent::entry& handshake);

/// A peer's extended handshake, before libtorrent reads it: both are renamed in place, so that libtorrent takes the
/// peer for one without ut_holepunch. It then ignores the messages of that kind which the peer sends, and sends it
/// none.
void blind_to_addresses(const libtorrent::bdecode_node& handshake);

} // namespace cepa::main
