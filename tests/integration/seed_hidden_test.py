#!/usr/bin/env python3
"""Hidden swarms with the real binary: cepa seed --hops, cepa get of its magnet, cepa swarms, cepa demo --hidden. No exit anywhere.

Usage: seed_hidden_test.py CEPA
"""
import json
import os
import signal
import subprocess
import sys
import unittest

import network

CEPA = ""
SIZE = 12 << 20


class Hidden(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.net = network.Network(CEPA, relays=6, exits=0)
        cls.addClassCleanup(cls.net.close)
        cls.file = cls.net.folder / "film.bin"
        network.random_file(cls.file, SIZE)
        cls.hash = network.sha256(cls.file)

    def name(self, role):
        return f"{role}-{self.id().rpartition('.')[2]}"

    def seed(self, *options, hops=2, workers=1, file=None):
        """A hidden seeder that can be found, and what it said when it was ready."""
        seeder = self.net.start(self.name("seed"), "seed", str(file or self.file), "--hops", str(hops), "--workers", str(workers), *self.net.tunnel_options(), *options)
        ready = seeder.ready()
        self.assertIn(ready["id"], ready["magnet"])
        self.assertNotIn("&tr=", ready["magnet"])
        findable = json.loads(seeder.process.stdout.readline())
        self.assertTrue(findable["findable"])
        self.assertGreaterEqual(findable["introduction_points"], 3)
        return seeder, ready

    def get(self, magnet, *options, hops=2, workers=1):
        """The download of another node, as a process."""
        folder = self.net.folder / self.name("got")
        folder.mkdir(exist_ok=True)
        return self.net.start(self.name("get"), "get", magnet, "-o", str(folder), "--hops", str(hops), "--workers", str(workers),
                              *self.net.tunnel_options(), *options), folder / "film.bin"

    def complete(self, getter, file, original=None):
        out, _ = getter.process.communicate(timeout=150)
        self.assertEqual(getter.process.returncode, 0, getter.errors())
        self.assertTrue(json.loads(out.strip().splitlines()[-1])["ok"])
        self.assertEqual(network.sha256(file), network.sha256(original) if original else self.hash)

    def swarm(self, process):
        """Empty while it does not answer yet."""
        if process.process.poll() is not None:
            raise AssertionError(f"{process.name} ended: {process.errors()}")
        try:
            found = process.ask("swarms")["swarms"]
        except AssertionError:
            return {}
        return found[0] if found else {}

    def test_a_magnet_is_all_that_is_needed(self):
        seeder, ready = self.seed()
        swarm = self.swarm(seeder)
        self.assertEqual((swarm["id"], swarm["role"], swarm["hops"]), (ready["id"], "seed", 2))
        getter, file = self.get(ready["magnet"], "--keep-seeding", "--peers", "hidden")
        network.wait_for("the download", lambda: file.exists() and self.swarm(getter).get("role") == "seed", 150)
        self.assertEqual(network.sha256(file), self.hash)
        network.wait_for("its links to be counted", lambda: self.swarm(getter)["linked_ever"] >= 1, 10)
        self.assertGreaterEqual(self.swarm(seeder)["linked_ever"], 1)
        network.wait_for("who is complete to be findable too", lambda: self.swarm(getter)["introduction_points"] >= 1, 60)
        seeder.process.send_signal(signal.SIGTERM)
        out, _ = seeder.process.communicate(timeout=30)
        self.assertEqual(seeder.process.returncode, 0, seeder.errors())
        self.assertTrue(json.loads(out.strip().splitlines()[-1])["ok"])

    def test_a_second_start_goes_on_without_hashing(self):
        seeder, ready = self.seed(hops=1)
        self.assertIn("hashing", seeder.errors())
        self.assertEqual(seeder.stop(), 0)
        seeder, again = self.seed(hops=1)  # the same name, so the same state folder
        self.assertEqual(again["magnet"], ready["magnet"])
        self.assertNotIn("hashing", seeder.errors())
        self.complete(*self.get(ready["magnet"], hops=1))

    def test_a_running_service_takes_a_hidden_seed(self):
        service = self.net.service(self.name("service"), workers=2)
        run = subprocess.run([CEPA, "seed", str(self.file), "--hops", "1", "--state", str(service.state), "--json"], capture_output=True, text=True,
                             env=self.net.environment, timeout=120)
        self.assertEqual(run.returncode, 0, run.stderr)
        said = json.loads(run.stdout.strip().splitlines()[-1])
        self.assertEqual(self.swarm(service)["id"], said["id"])
        self.assertIn("Ctrl-C ends only this wait", run.stderr)
        self.assertNotIn("Ctrl-C stops", run.stderr)
        self.complete(*self.get(said["magnet"], hops=3, workers=2))

    def test_a_killed_worker_does_not_end_a_hidden_download(self):
        large = self.net.folder / "large" / "film.bin"
        large.parent.mkdir()
        network.random_file(large, 8 * SIZE)
        seeder, ready = self.seed(workers=2, file=large)
        getter, file = self.get(ready["magnet"], "--peers", "hidden", workers=2)
        network.wait_for("a link", lambda: self.swarm(getter).get("links", 0) >= 1, 60)
        for process in (getter, seeder):
            for worker in network.children(process.pid):
                os.kill(worker, signal.SIGKILL)
        self.complete(getter, file, large)

    def test_what_was_used_without_hops_is_hidden_only_when_asked_to(self):
        state = self.net.folder / "seen"
        command = [CEPA, "seed", str(self.file), "--state", str(state), "--json"]
        plain = subprocess.Popen([*command, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=self.net.environment)
        self.assertTrue(json.loads(plain.stdout.readline())["ready"])
        plain.send_signal(signal.SIGTERM)
        plain.communicate(timeout=30)
        hidden = [*command, "--hops", "1", *self.net.tunnel_options()]
        refused = subprocess.run(hidden, capture_output=True, text=True, env=self.net.environment, timeout=60)
        self.assertEqual(refused.returncode, 2, refused.stderr)
        self.assertIn("--although-seen", refused.stderr)
        going_on = subprocess.Popen([*hidden, "--although-seen"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=self.net.environment)
        self.assertTrue(json.loads(going_on.stdout.readline())["ready"])
        going_on.send_signal(signal.SIGTERM)
        going_on.communicate(timeout=30)
        self.assertEqual(going_on.returncode, 0)

    def test_the_demo_proves_it(self):
        for hops, workers, exits in (("1", "0", ()), ("2", "2", ("--exits", "1"))):
            run = subprocess.run([CEPA, "demo", "--hidden", "--hops", hops, "--workers", workers, *exits, "--size", "8MiB", "--json"],
                                 capture_output=True, text=True, env=self.net.environment, timeout=200)
            said = json.loads(run.stdout.strip().splitlines()[-1])
            self.assertEqual(run.returncode, 0, run.stderr + run.stdout)
            self.assertTrue(said["hidden"] and said["sha256_ok"] and said["seeder_saw_only_made_up"])
            self.assertGreaterEqual(said["links"], 1)
            if said["capture"] == "on lo":
                self.assertEqual((said["direct_packets"], said["beyond_first_hop"], said["other_packets"], said["proved"]), (0, 0, 0, True))
            else:
                self.assertEqual(said["capture"], "not permitted")


class Refused(unittest.TestCase):
    def refuse(self, status, word, *command):
        run = subprocess.run([CEPA, *command], capture_output=True, text=True, timeout=60)
        self.assertEqual(run.returncode, status, run.stdout + run.stderr)
        self.assertIn(word, run.stderr)

    def test_what_makes_no_sense(self):
        self.refuse(2, "1 to 4 hops", "seed", "/etc/hostname", "--hops", "5")
        self.refuse(2, "--hops 1 to 4", "seed", "/etc/hostname", "--peers", "hidden")
        self.refuse(2, "hidden or both", "seed", "/etc/hostname", "--hops", "2", "--peers", "public")
        self.refuse(2, "--peers both", "seed", "/etc/hostname", "--hops", "2", "--tracker", "udp://tracker.example:1")
        self.refuse(2, "--seeder", "get", "magnet:?xt=urn:btih:" + "0" * 40, "--peers", "hidden", "--seeder", "127.0.0.1:1")
        self.refuse(2, "--hidden needs", "demo", "--hidden", "--hops", "5")


if __name__ == "__main__":
    CEPA = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
