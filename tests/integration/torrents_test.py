#!/usr/bin/env python3
"""add, list, show, pause, resume, remove on a running service, for people and as JSON; torrents survive a restart.

Usage: torrents_test.py CEPA
"""
import os
import sys
import unittest

import network

CEPA = ""
SIZE = 8 << 20


class Torrents(unittest.TestCase):
    def setUp(self):
        self.net = network.Network(CEPA, relays=0, exits=0)
        self.addCleanup(self.net.close)
        self.file = self.net.folder / "film.bin"
        network.random_file(self.file, SIZE)
        self.torrent = self.net.torrent(self.file)
        self.seeder = self.net.seeder("seeder", self.file, self.torrent)
        self.out = self.net.folder / "out"

    def add(self, service, *options):
        return service.ask("add", str(self.torrent), "-o", str(self.out), "--hops", "0", "--seeder", self.seeder.swarm_address, *options)["id"]

    def service(self):
        return self.net.service("service", "--join", "private", workers=0)

    def test_the_life_of_a_torrent(self):
        service = self.service()
        self.assertEqual(service.ask("list")["torrents"], [])
        id = self.add(service, "--paused")
        network.wait_for("the torrent to be paused", lambda: service.ask("show", id[:8])["torrent"]["state"] == "paused", 10)
        service.ask("resume", id)
        network.wait_for("the download", lambda: service.ask("show", id)["torrent"]["complete"], 60)
        self.assertEqual(network.sha256(self.out / "film.bin"), network.sha256(self.file))
        shown = service.ask("show", id)["torrent"]
        self.assertEqual((shown["name"], shown["bytes_total"], shown["folder"], shown["error"]), ("film.bin", SIZE, str(self.out), ""))
        service.ask("pause", id)
        network.wait_for("the pause", lambda: service.ask("show", id)["torrent"]["state"] == "paused", 20)
        again = service.ask("add", str(self.torrent), "-o", str(self.out), "--hops", "0")
        self.assertEqual((again["id"], again["already_here"]), (id, True))  # a second time is no error
        service.ask("remove", id)
        network.wait_for("the removal", lambda: service.ask("list")["torrents"] == [], 20)
        self.assertTrue((self.out / "film.bin").exists())
        id = self.add(service)
        service.ask("remove", id, "--delete-files")
        network.wait_for("the deletion", lambda: not (self.out / "film.bin").exists(), 20)

    def test_torrents_survive_a_restart(self):
        service = self.service()
        id = self.add(service)
        network.wait_for("the download", lambda: service.ask("show", id)["torrent"]["complete"], 60)
        self.assertEqual(service.stop(), 0)
        again = self.service()
        network.wait_for("the torrent", lambda: [t["id"] for t in again.ask("list")["torrents"]] == [id], 20)
        network.wait_for("its completeness", lambda: again.ask("show", id)["torrent"]["complete"], 20)

    def test_refusals(self):
        service = self.service()
        with self.assertRaisesRegex(AssertionError, "status 1.*no torrent ffff"):
            service.ask("show", "ffff")
        with self.assertRaisesRegex(AssertionError, "status 2.*bad magnet"):
            service.ask("add", "magnet:?dn=x")
        id = self.add(service)
        with self.assertRaisesRegex(AssertionError, "status 1"):  # the same torrent by another route
            service.ask("add", str(self.torrent), "--hops", "1")
        self.assertEqual([t["id"] for t in service.ask("list")["torrents"]], [id])


if __name__ == "__main__":
    CEPA = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
