#!/usr/bin/env python3
"""cepa get: by a node of its own, interrupted and resumed; handed to a running service; what it waits for is said.

Usage: get_test.py CEPA
"""
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
import unittest

import network

CEPA = ""
SIZE = 48 << 20
GOOD = 8 << 20  # of the seeder that breaks off


class Get(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.net = network.Network(CEPA, relays=2, exits=1)
        cls.addClassCleanup(cls.net.close)
        cls.file = cls.net.folder / "film.bin"
        network.random_file(cls.file, SIZE)
        cls.hash = network.sha256(cls.file)
        cls.torrent = cls.net.torrent(cls.file)
        cls.seeder = cls.net.seeder("seeder", cls.file, cls.torrent)
        cls.magnet = json.loads(subprocess.run([CEPA, "create", str(cls.file), "-o", str(cls.net.folder / "again.torrent"), "--json"],
                                               capture_output=True, text=True, env=cls.net.environment).stdout)["magnet"]

    def command(self, source, out, *options, state=None, hops=2, seeder=None, tunnels=True):
        return [CEPA, "get", str(source), "-o", str(out), "--hops", str(hops), "--seeder", (seeder or self.seeder).swarm_address, "--workers", "1", "--state",
                str(state or self.net.folder / f"get-{self.id().rpartition('.')[2]}"), *(self.net.tunnel_options() if tunnels else ()), *options]

    def run_get(self, *args, timeout=120, **kwargs):
        return subprocess.run(self.command(*args, **kwargs), capture_output=True, text=True, timeout=timeout, env=self.net.environment, stdin=subprocess.DEVNULL)

    def out(self):
        return self.net.folder / ("out-" + self.id().rpartition(".")[2])

    def test_by_a_node_of_its_own(self):
        run = self.run_get(self.torrent, self.out(), "--json")
        self.assertEqual(run.returncode, 0, run.stderr)
        result = json.loads(run.stdout.strip().splitlines()[-1])
        self.assertTrue(result["ok"])
        self.assertEqual((result["name"], result["bytes"]), ("film.bin", SIZE))
        self.assertGreaterEqual(result["downloaded"], SIZE)
        self.assertEqual(network.sha256(self.out() / "film.bin"), self.hash)
        again = self.run_get(self.torrent, self.out())  # all is there: it is checked, and done
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertIn("film.bin: 48.0 MiB, complete already; nothing was downloaded", again.stdout)

    def test_by_magnet_link(self):
        run = self.run_get(self.magnet, self.out())
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(network.sha256(self.out() / "film.bin"), self.hash)

    def test_plain(self):
        run = self.run_get(self.torrent, self.out(), hops=0)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(network.sha256(self.out() / "film.bin"), self.hash)

    def broken_seeder(self):
        """Has the first part only: a download from it alone never ends, so Ctrl-C always hits it."""
        folder = self.net.folder / f"broken-{self.id().rpartition('.')[2]}-{len(self.net.processes)}"
        folder.mkdir()
        with open(self.file, "rb") as whole, open(folder / "film.bin", "wb") as part:
            part.write(whole.read(GOOD) + bytes(SIZE - GOOD))
        listen = f"{self.net.address()}:6881"
        self.broken = self.net.start(folder.name, "get", str(self.torrent), "-o", str(folder), "--hops", "0", "--join", "private",
                                     environment={"CEPA_TORRENTS_LISTEN": listen})
        self.broken.swarm_address = listen

        def has_its_part():
            try:
                torrents = self.broken.ask("list")["torrents"]
            except AssertionError:
                return False  # it does not answer yet
            return torrents and torrents[0]["state"] == "downloading" and torrents[0]["bytes_done"] > 0
        network.wait_for("the part to be read", has_its_part, 30)
        return self.broken

    def interrupted(self, state, *options, hops=2):
        command = self.command(self.torrent, self.out(), *options, state=state, hops=hops, seeder=self.broken_seeder())
        first = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.net.environment, stdin=subprocess.DEVNULL)
        partial = self.out() / "film.bin"
        network.wait_for("some of it", lambda: partial.exists() and partial.stat().st_blocks * 512 > (2 << 20), 60, every=0.02)
        first.send_signal(signal.SIGINT)
        _, errors = first.communicate(timeout=30)
        self.assertEqual(first.returncode, 1, errors)
        self.assertIn("the same command goes on", errors)
        self.assertEqual(len(list((state / "gets").rglob("*.resume"))), 1)
        return partial

    def test_interrupted_and_resumed(self):
        state = self.net.folder / "get-resumed"
        partial = self.interrupted(state)
        second = self.run_get(self.torrent, self.out(), "--json", state=state)
        self.assertEqual(second.returncode, 0, second.stderr)
        self.assertEqual(network.sha256(partial), self.hash)
        result = json.loads(second.stdout.strip().splitlines()[-1])
        self.assertEqual(result["bytes"], SIZE)
        self.assertGreater(result["downloaded"], 0)
        self.assertLess(result["downloaded"], SIZE, "what the first run fetched was counted again")
        self.assertEqual(list((state / "gets").rglob("*.resume")), [])

    def test_goes_on_with_other_hops_another_group_and_another_folder(self):
        """Plain first, then hidden: nobody is met in the clear again, and the seeder sees an exit only."""
        for name, before, after, hops in (("hidden", (), (), (0, 2)), ("fewer", (), (), (2, 1)),
                                          ("group", ("--group", "one"), ("--group", "two"), (2, 2))):
            with self.subTest(name):
                state = self.net.folder / f"get-{name}"
                partial = self.interrupted(state, *before, hops=hops[0])
                with socket.socket() as listener:  # takes the place of the seeder that the first life had met
                    address = self.leave_broken_seeder()
                    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    listener.bind(address)
                    listener.listen()
                    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
                        datagrams.bind(address)
                        second = self.run_get(self.torrent, self.out(), "--json", *after, state=state, hops=hops[1])
                        met, _, _ = select.select([listener, datagrams], [], [], 0)
                self.assertEqual(met, [], "somebody of the earlier life was contacted")
                self.assertEqual(second.returncode, 0, second.stderr)
                self.assertEqual(network.sha256(partial), self.hash)
                partial.unlink()

    def test_another_folder_is_honoured(self):
        state = self.net.folder / "get-folder"
        partial = self.interrupted(state)
        other = self.net.folder / "out-elsewhere"
        second = self.run_get(self.torrent, other, "--json", state=state)
        self.assertEqual(second.returncode, 0, second.stderr)
        self.assertEqual(network.sha256(other / "film.bin"), self.hash)
        self.assertTrue(partial.exists(), "what the first left is left")

    def leave_broken_seeder(self):
        host, _, port = self.broken.swarm_address.rpartition(":")
        self.broken.stop()
        return host, int(port)

    def test_handed_to_a_running_service(self):
        service = self.net.service("service", workers=1)
        refused = self.run_get(self.torrent, self.out(), state=service.state)
        self.assertEqual(refused.returncode, 2, refused.stderr)
        self.assertIn("a service runs on state folder", refused.stderr)
        command = self.command(self.torrent, self.out(), "--json", state=service.state, tunnels=False)
        run = subprocess.run(command, capture_output=True, text=True, timeout=120, env=self.net.environment, stdin=subprocess.DEVNULL)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("handed to the running service", run.stderr)
        self.assertEqual(network.sha256(self.out() / "film.bin"), self.hash)
        torrents = service.ask("list")["torrents"]
        self.assertEqual([t["name"] for t in torrents], ["film.bin"])
        self.assertEqual(torrents[0]["hops"], 2)

    def test_keep_seeding_ends_by_signal(self):
        job = subprocess.Popen(self.command(self.torrent, self.out(), "--keep-seeding"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env=self.net.environment, stdin=subprocess.DEVNULL)
        seen = ""
        for line in job.stderr:
            seen += line
            if "seeding until Ctrl-C" in line:
                break
        self.assertIn("seeding until Ctrl-C", seen)
        job.send_signal(signal.SIGTERM)
        out, errors = job.communicate(timeout=30)
        self.assertEqual(job.returncode, 0, errors)
        self.assertIn("film.bin", out)

    def test_no_relay_reachable_says_what_it_waits_for(self):
        state = self.net.folder / "get-alone"
        job = subprocess.Popen([CEPA, "get", str(self.torrent), "-o", str(self.out()), "--hops", "3", "--workers", "0", "--state", str(state),
                                "--overlay", "ab" * 20, "--peer", "127.99.0.1:7759", "--listen", f"{self.net.address()}:0"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.net.environment, stdin=subprocess.DEVNULL)
        seen = ""
        for line in job.stderr:
            seen += line
            if "an answer of any node" in line:
                break
        self.assertIn("an answer of any node", seen)
        status = json.loads(subprocess.run([CEPA, "status", "--state", str(state), "--json"], capture_output=True, text=True, env=self.net.environment).stdout)
        self.assertIn("an answer of any node", status["routes"][0]["waiting_for"])
        self.assertEqual(status["network"]["exits"], 0)
        job.send_signal(signal.SIGINT)
        job.communicate(timeout=30)
        self.assertEqual(job.returncode, 1)

    def test_a_file_that_may_not_grow_is_an_error(self):
        import resource
        limit = lambda: (signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.setrlimit(resource.RLIMIT_FSIZE, (8 << 20, 8 << 20)))
        run = subprocess.run(self.command(self.torrent, self.out(), hops=0), capture_output=True, text=True, timeout=60, env=self.net.environment,
                             stdin=subprocess.DEVNULL, preexec_fn=limit)
        self.assertEqual(run.returncode, 1, run.stdout)
        self.assertIn("film.bin", run.stderr)


if __name__ == "__main__":
    CEPA = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
