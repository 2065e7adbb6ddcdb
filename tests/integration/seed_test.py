#!/usr/bin/env python3
"""cepa seed: makes the torrent or takes one, says where it listens and the magnet link, and ends with a signal.

Usage: seed_test.py CEPA
"""
import json
import os
import signal
import socket

import network
import program
from program import ProgramTest


class Seed(ProgramTest):
    def setUp(self):
        super().setUp()
        self.file = self.folder / "film.bin"
        self.file.write_bytes(os.urandom(3_000_000))

    def seed(self, *options):
        seeder = self.start_cepa("seed", self.file, "--listen", "127.0.0.1:0", "--json", *options)
        ready = json.loads(seeder.stdout.readline())
        return seeder, ready

    def end(self, seeder):
        seeder.send_signal(signal.SIGTERM)
        out, errors = seeder.communicate(timeout=30)
        self.assertEqual(seeder.returncode, 0, errors)
        self.assertTrue(json.loads(out.strip().splitlines()[-1])["ok"])

    def test_says_where_and_what(self):
        seeder, ready = self.seed()
        self.assertTrue(ready["listen"].startswith("127.0.0.1:"))
        self.assertIn(ready["id"], ready["magnet"])
        torrent = lambda: self.json_of(self.run_cepa("list", "--json"))["torrents"][0]
        network.wait_for("the torrent to be complete", lambda: torrent()["complete"], 10)
        self.assertEqual((torrent()["id"], torrent()["hops"]), (ready["id"], 0))
        self.end(seeder)

    def test_an_existing_torrent_is_taken(self):
        made = self.json_of(self.run_cepa("create", self.file, "-o", self.folder / "f.torrent", "--json"))
        seeder, ready = self.seed("--torrent", self.folder / "f.torrent")
        self.assertEqual(ready["id"], made["id"])
        self.end(seeder)

    def test_the_torrent_of_another_file_is_refused(self):
        other = self.folder / "secret.bin"
        other.write_bytes(os.urandom(1000))
        torrent = self.folder / "f.torrent"
        self.json_of(self.run_cepa("create", self.file, "-o", torrent, "--json"))
        alone = self.folder / "alone"
        alone.mkdir()
        hops = ("--hops", 2, "--join", "private", "--overlay", "ab" * 20, "--peer", "127.99.0.1:7759")
        self.environment["CEPA_NETWORK_ALLOW_LOOPBACK"] = "true"
        for options in ((), hops):
            self.assert_refused(self.run_cepa("seed", other, "--torrent", torrent, *options), 2, "f.torrent is the torrent of film.bin, not of secret.bin")
            self.assert_refused(self.run_cepa("seed", alone / "film.bin", "--torrent", torrent, *options), 1, "0 % of it is in", "seed does not download")
        self.assertEqual(list(alone.iterdir()), [])

    def test_a_port_in_use_is_an_error_not_a_seeder_that_nobody_reaches(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            listen = "127.0.0.1:%d" % taken.getsockname()[1]
            run = self.run_cepa("seed", self.file, "--listen", listen)
            self.assert_refused(run, 1, f"tcp {listen}: port in use by another program; choose another with --listen")
            self.assertEqual(len(run.stderr.splitlines()), 1, "said once, and before anything is hashed")

    def test_a_hidden_seed_looks_at_its_port_before_it_hashes(self):
        with socket.socket(type=socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            listen = "127.0.0.1:%d" % taken.getsockname()[1]
            run = self.run_cepa("seed", self.file, "--hops", 2, "--join", "private", "--overlay", "ab" * 20, "--listen", listen,
                                environment={"CEPA_NETWORK_ALLOW_LOOPBACK": "true"})
        self.assert_refused(run, 1, f"udp {listen}: port in use by another program; choose another with --listen")
        self.assertNotIn("hashing", run.stderr)

    def test_beside_a_service_a_plain_seed_is_refused_and_a_hidden_one_takes_its_network(self):
        service = self.start_cepa("run", "--listen", "127.0.0.1:0", "--workers", 0, "--join", "private", "--json")
        self.assertTrue(json.loads(service.stdout.readline())["ready"])
        self.assert_refused(self.run_cepa("seed", self.file), 1, "in use by cepa run", "--state", "handed over")
        for flag, value in (("--overlay", "ab" * 20), ("--peer", "192.0.2.1:7759"), ("--listen", "127.0.0.1:0")):
            self.assert_refused(self.run_cepa("seed", self.file, "--hops", 2, flag, value), 2, f"{flag}: a service runs on state folder")

    def test_a_hidden_seed_that_was_handed_over_survives_a_restart(self):
        def service():
            started = self.start_cepa("run", "--listen", "127.0.0.1:0", "--workers", 0, "--join", "private", "--json")
            self.assertTrue(json.loads(started.stdout.readline())["ready"])
            return started
        first = service()
        handing = self.start_cepa("seed", self.file, "--hops", 2, "--json")
        ready = json.loads(handing.stdout.readline())
        handing.send_signal(signal.SIGINT)  # nobody can find it here: it would wait for ever
        out, errors = handing.communicate(timeout=30)
        self.assertEqual(handing.returncode, 0, errors)
        self.assertIn("it goes on in the running service", errors)
        self.end(first)
        again = service()
        torrent = lambda: self.json_of(self.run_cepa("list", "--json"))["torrents"]
        network.wait_for("the torrent to be complete", lambda: torrent() and torrent()[0]["complete"], 10)
        shown = self.json_of(self.run_cepa("show", ready["id"], "--json"))["torrent"]
        self.assertEqual((shown["hops"], shown["peer_mode"]), (2, "hidden"))
        self.end(again)

    def test_hidden_seeding_without_a_network_is_refused_not_faked(self):
        self.assert_refused(self.run_cepa("seed", self.file, "--hops", 3), 2, "network")
        self.assert_refused(self.run_cepa("seed", self.file, "--peers", "hidden"), 2, "--hops 1 to 4")
        self.assert_refused(self.run_cepa("seed", self.file, "--hops", 0, "--peers", "hidden"), 2, "--hops 1 to 4", "with no hops")
        self.assert_refused(self.run_cepa("seed", self.file, "--although-seen"), 2, "--although-seen", "--hops 1 to 4")

    def test_a_bad_torrent(self):
        (self.folder / "bad.torrent").write_bytes(b"x")
        self.assertEqual(self.run_cepa("seed", self.file, "--torrent", self.folder / "bad.torrent").returncode, 1)
        self.assert_refused(self.run_cepa("seed", self.file, "--torrent", self.folder / "absent"), 1, "absent")


if __name__ == "__main__":
    program.main()
