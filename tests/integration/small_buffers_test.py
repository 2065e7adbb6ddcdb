#!/usr/bin/env python3
"""An ordinary user's socket buffers: a download goes on at a good rate, nothing overruns the engine, and status names the sysctl.

Usage: small_buffers_test.py CEPA SMALL_BUFFERS_LIBRARY
"""
import os
import sys
import time

import network
import program
from program import ProgramTest

SIZE = 64 << 20


class SmallBuffers(ProgramTest):
    library = ""

    def test_a_download(self):
        log = self.folder / "wishes"
        os.environ.update(LD_PRELOAD=self.library, SMALL_BUFFERS_LOG=str(log))
        self.addCleanup(lambda: [os.environ.pop(name) for name in ("LD_PRELOAD", "SMALL_BUFFERS_LOG")])
        source = self.folder / "film.bin"
        network.random_file(source, SIZE)
        with network.Network(self.cepa, relays=3, exits=2) as net:
            torrent = net.torrent(source)
            seeders = [net.seeder(f"seeder{i}", source, torrent) for i in range(2)]
            downloader = net.service("downloader", workers=2)
            seeds = [option for seeder in seeders for option in ("--seeder", seeder.swarm_address)]
            start = time.monotonic()
            identity = downloader.ask("add", str(torrent), "--hops", "3", "-o", str(self.folder / "into"), *seeds)["id"]
            network.wait_for("the download", lambda: downloader.ask("show", identity)["torrent"]["complete"], 240, every=0.2)
            print(f"{SIZE / 1e6 / (time.monotonic() - start):.1f} MB/s from add to the end, buffers of 212992 bytes")
            status = downloader.ask("status")
        self.assertEqual(network.sha256(self.folder / "into" / "film.bin"), network.sha256(source))
        self.assertIn("net.core.rmem_max=", str(status), "the hint is missing")
        wishes = log.read_text().split()
        self.assertIn("forced", wishes, "the library was not used")
        self.assertIn("cut", wishes)


if __name__ == "__main__":
    SmallBuffers.library = os.path.abspath(sys.argv.pop(2))
    program.main()
