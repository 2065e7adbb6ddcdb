#!/usr/bin/env python3
"""status, circuits, workers and stop: what a running node says of itself, and how its workers are changed.

Usage: inspect_test.py CEPA
"""
import os
import subprocess
import sys
import unittest

import network

CEPA = ""


class Inspect(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.net = network.Network(CEPA, relays=2, exits=1)
        cls.addClassCleanup(cls.net.close)

    def say(self, process, *command):
        run = subprocess.run([CEPA, *command, "--state", str(process.state)], capture_output=True, text=True, env=self.net.environment, timeout=60)
        self.assertEqual(run.returncode, 0, run.stderr)
        return run.stdout

    def test_status_knows_the_network_and_what_works_without(self):
        service = self.net.service("knows", workers=1)
        network.wait_for("all nodes to be known", lambda: service.ask("status")["network"]["exits"] == 1 and service.ask("status")["network"]["peers"] == 3, 30)
        status = service.ask("status")
        self.assertEqual(status["command"], "run")
        self.assertEqual(status["network"]["join"], "private")
        self.assertEqual(status["network"]["overlay"], self.net.overlay)
        self.assertEqual(status["network"]["distinct_prefixes"], 3)
        self.assertIn("containment", status)
        self.assertEqual(status["pool"]["count"], 1)
        text = self.say(service, "status")
        for word in ("private", "exits", "workers", "containment"):
            self.assertIn(word, text)
        service.stop()

    def test_no_exits_known(self):
        with network.Network(CEPA, relays=1, exits=0) as net:
            service = net.service("lonely", workers=0)
            network.wait_for("the relay", lambda: service.ask("status")["network"]["relays"] == 1, 30)
            self.assertIn("no exits known", service.ask("status")["network"]["says"])
            self.assertIn("--hops 0", service.ask("status")["network"]["says"])

    def test_workers_are_changed_while_it_runs(self):
        service = self.net.service("changing", workers=1, environment={"CEPA_WORKERS_MAX": "3"})
        self.assertEqual(service.ask("workers")["count"], 1)
        self.assertEqual(service.ask("workers", "3")["count"], 3)
        network.wait_for("three workers", lambda: len({w["pid"] for w in service.ask("workers")["workers"]}) == 3, 20)
        fewer = self.say(service, "workers", "1")
        self.assertIn("1 workers, 2 draining (up to 30 s)", fewer)
        self.assertRegex(fewer, r"worker  0  running .*\nworker  1  draining ")
        self.assertEqual(service.ask("workers")["count"], 1)
        with self.assertRaisesRegex(AssertionError, "status 1.*at most 3"):
            service.ask("workers", "4")
        service.stop()

    def test_circuits_of_client_relay_and_exit(self):
        service = self.net.service("circuits", workers=1)
        self.assertIn("no circuits", self.say(service, "circuits"))
        service.ask("add", "magnet:?xt=urn:btih:0123456789012345678901234567890123456789", "--hops", "2", "-o", str(self.net.folder / "x"))
        ready = lambda: [c for c in service.ask("circuits")["circuits"] if c["state"] == "ready"]
        circuit = network.wait_for("a circuit", ready, 30)[0]
        self.assertEqual(len(circuit["hops"]), 2)
        self.assertIn("ready", self.say(service, "circuits"))
        exits = [e for e in network.wait_for("the exit's end", lambda: self.net.exits[0].ask("circuits")["exits"], 10)]
        self.assertTrue(exits)
        self.assertTrue(any(r.ask("circuits")["relays"] for r in self.net.relays))
        service.stop()

    def test_stop_returns_when_it_has_ended(self):
        service = self.net.service("stopping", workers=2)
        self.assertIn("stopped", self.say(service, "stop"))
        self.assertEqual(service.process.wait(10), 0)

    def test_a_relay_and_an_exit_say_what_they_are(self):
        self.assertEqual(self.net.relays[0].ask("status")["roles"]["relay"], True)
        self.assertEqual(self.net.relays[0].ask("status")["roles"]["exit"], False)
        self.assertEqual(self.net.exits[0].ask("status")["roles"]["exit"], True)


if __name__ == "__main__":
    CEPA = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
