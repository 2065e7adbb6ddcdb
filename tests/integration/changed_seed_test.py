#!/usr/bin/env python3
"""cepa seed and cepa get say what keeps them: files changed under a seed, and networks that are too small for hidden swarms.

Usage: changed_seed_test.py CEPA
"""
import os
import sys
import unittest

import network

CEPA = ""


class Changed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.net = network.Network(CEPA, relays=3, exits=0)
        cls.addClassCleanup(cls.net.close)

    def file(self, name):
        path = self.net.folder / name / "film.bin"
        path.parent.mkdir()
        network.random_file(path, 1 << 20)
        return path

    def ends_because_of(self, seeder, path, why):
        """Files are looked at every 10 s."""
        seeder.process.communicate(timeout=60)
        self.assertEqual(seeder.process.returncode, 1, seeder.errors())
        self.assertIn(f"seeding stopped: {path}: {why} while it was seeded", seeder.errors())

    def test_a_plain_seed_ends_when_its_file_is_changed(self):
        path = self.file("plain")
        seeder = self.net.start("plain-seed", "seed", str(path), "--listen", "127.0.0.1:0")
        seeder.ready()
        path.write_bytes(os.urandom(1 << 20))
        self.ends_because_of(seeder, path, "was changed")

    def test_a_hidden_seed_ends_when_its_file_is_taken_away(self):
        path = self.file("hidden")
        seeder = self.net.start("hidden-seed", "seed", str(path), "--hops", "1", *self.net.tunnel_options())
        seeder.ready()
        path.unlink()
        self.ends_because_of(seeder, path, "is not there any more")

    def test_a_network_that_is_too_small_is_named(self):
        seeder = self.net.start("far-seed", "seed", str(self.file("far")), "--hops", "3", *self.net.tunnel_options())
        magnet = seeder.ready()["magnet"]
        network.wait_for("the seed to say why nobody finds it",
                         lambda: "more nodes: introduction points need 4 nodes in a row, 3 known" in seeder.errors(), 60)
        self.assertIn("introduction points 0 of 3: not findable yet", seeder.errors())
        self.assertIn("4 nodes in a row", seeder.ask("swarms")["swarms"][0]["waiting_for"])
        network.wait_for("the torrent to say so too", lambda: "4 nodes in a row" in seeder.ask("list")["torrents"][0]["waiting_for"], 10)
        folder = self.net.folder / "got"
        folder.mkdir()
        getter = self.net.start("far-get", "get", magnet, "-o", str(folder), "--hops", "4", "--peers", "hidden", *self.net.tunnel_options())
        network.wait_for("the download to say why it cannot search",
                         lambda: "more nodes: a search for hidden seeders needs 4 nodes in a row, 3 known" in getter.errors(), 60)


if __name__ == "__main__":
    CEPA = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
