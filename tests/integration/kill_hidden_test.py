#!/usr/bin/env python3
"""A hidden download goes on whatever dies: an introduction point, the rendezvous point, a relay, worker 0 of either end and of a relay.

Each is killed with kill -9, the next one when data flows again. No node that dies says so: its neighbours only hear nothing any more.
Usage: kill_hidden_test.py CEPA
  CEPA_KILL_HIDDEN_MIB   size of the download (default 32)
  CEPA_KILL_HIDDEN_RATE  what a relay carries, so that the download lasts (default 2MiB/s)
"""
import os
import signal
import statistics
import sys
import time
import unittest

import network

CEPA = ""
SIZE = int(os.environ.get("CEPA_KILL_HIDDEN_MIB", "32")) << 20
RATE = os.environ.get("CEPA_KILL_HIDDEN_RATE", "2MiB/s")
RELAYS = 13  # three die: of fewer, those that both ends keep as guards may leave no path for a minute
WORKERS = 2  # of each end; relays have one beside main
HANG = 120  # seconds: a limit for what hangs, not a measurement
FLOWS = 1 << 20  # so much after a pause, and data flows again


def kill_node(process):
    """Main and workers at once: main is stopped first, or it would replace them, and they would say good-bye for it."""
    os.kill(process.pid, signal.SIGSTOP)
    for pid in network.children(process.pid):
        os.kill(pid, signal.SIGKILL)
    process.process.kill()
    process.process.wait()


class KillHidden(unittest.TestCase):
    def setUp(self):
        self.net = network.Network(CEPA, relays=0, exits=0)
        self.addCleanup(self.net.close)
        self.net.environment |= {"CEPA_RELAY_RATE": RATE, "CEPA_WORKERS_SYNC_INTERVAL": "100ms"}
        self.relays = [self.relay(f"relay{i}") for i in range(RELAYS)]
        self.pauses = []

    def relay(self, name):
        listen = f"{self.net.address()}:{network.PORT}"
        process = self.net.start(name, "node", "--relay", "--workers", "1", *self.net.tunnel_options(listen))
        process.address = listen.rpartition(":")[0]
        process.ready()
        self.net.peers.append(listen)
        return process

    def start_download(self):
        file = self.net.folder / "film.bin"
        network.random_file(file, SIZE)
        ends = ["--hops", "2", "--workers", str(WORKERS)]
        self.seeder = self.net.start("seeder", "seed", str(file), *ends, *self.net.tunnel_options())
        magnet = self.seeder.ready()["magnet"]
        self.seeder.process.stdout.readline()  # it can be found
        self.folder = self.net.folder / "got"
        self.getter = self.net.start("getter", "get", magnet, "-o", str(self.folder), *ends, "--peers", "hidden", "--keep-seeding",
                                     *self.net.tunnel_options())
        network.wait_for("the download to flow", lambda: self.done() >= 2 * FLOWS, HANG)
        return file

    def torrent(self):
        try:
            found = self.getter.ask("list")["torrents"]
        except AssertionError:  # it may not listen yet
            return {}
        return found[0] if found else {}

    def done(self):
        return self.torrent().get("bytes_done", 0)

    def pause_after(self, what, kill):
        """Kills. The pause lasts from the last bytes that were still on their way until new ones come: what is reported is
        the time from the kill to those."""
        self.assertFalse(self.torrent().get("complete"), f"complete before {what} was killed: make it larger")
        start = time.monotonic()
        kill()
        last, before, longest, back = start, self.done(), 0.0, 0.0
        resumed = before
        while True:
            now, torrent = time.monotonic(), self.torrent()
            done = torrent.get("bytes_done", before)
            if done > before:
                if now - last > longest:
                    longest, back, resumed = now - last, now - start, before
                last, before = now, done
            # The death may be noticed only when what was on its way has come: so not before three seconds.
            if now - start > 3 and before - resumed >= FLOWS and now - start > back + 1:
                break
            if torrent.get("complete"):
                break
            self.assertLess(now - start, HANG, f"no bytes after the death of {what}: {self.getter.errors()}")
            time.sleep(0.02)
        self.pauses.append(back)
        print(f"{what}: new bytes {back:.1f} s later (a pause of {longest:.1f} s)", file=sys.stderr)

    def link_hops(self):
        """The relay at each hop of the downloader's link that carried most lately."""
        def linked():
            return {c["id"]: c for c in self.getter.ask("circuits")["circuits"]
                    if c["purpose"] == "rendezvous" and c["state"] == "ready" and len(c["hops"]) == c["wanted_hops"]}

        def busiest():
            before = linked()
            time.sleep(0.5)
            carried = {c: now["bytes_down"] - before[c]["bytes_down"] for c, now in linked().items() if c in before}
            best = max(carried, key=carried.get, default=None)
            return before[best]["hops"] if best is not None and carried[best] > 0 else None

        hops = network.wait_for("a link that carries", busiest, HANG)
        return [self.relay_at(hop["address"]) for hop in hops]

    def relay_at(self, address):
        return next(r for r in self.relays if address.startswith(r.address + ":") and r.process.poll() is None)

    def introduction_point(self):
        def serving():
            return next((r for r in self.relays if r.process.poll() is None and r.ask("status")["network"]["introductions"] > 0), None)

        return network.wait_for("an introduction point", serving, HANG)

    def worker_0(self, process):
        """Its pid; never 0, nor one that is dead and still told of."""
        def pid():
            told = next((w["pid"] for w in process.ask("workers")["workers"] if w["worker"] == 0), 0)
            return told if told in network.children(process.pid) else None

        return network.wait_for(f"worker 0 of {process.name}", pid, HANG, every=0.02)

    def kill_worker_0(self, process):
        os.kill(self.worker_0(process), signal.SIGKILL)

    def knowledge(self, process):
        """Who tells it, and values of the DHT and relays that it says it knows."""
        status = process.ask("status")["network"]
        pid = next((w["pid"] for w in process.ask("workers")["workers"] if w["worker"] == 0), 0)
        return pid, status["dht_values"], status["relays"]

    def back_after_worker_0(self, process):
        """Kills worker 0 of a relay: seconds until its successor has the values of the DHT, and the relays, that it had."""
        victim, values, relays = network.wait_for("values and relays", lambda: all(k := self.knowledge(process)) and k, HANG)
        self.assertIn(victim, network.children(process.pid))
        start = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        back = {}

        def all_back():
            pid, values_now, relays_now = self.knowledge(process)
            if pid in (0, victim) or pid not in network.children(process.pid):
                return False  # what its predecessor said does not count
            if values_now >= values:
                back.setdefault("DHT values", time.monotonic() - start)
            if relays_now >= relays:
                back.setdefault("relays", time.monotonic() - start)
            return len(back) == 2

        network.wait_for(f"{values} values and {relays} relays again", all_back, HANG, every=0.02)
        return back

    def test_the_download_goes_on(self):
        file = self.start_download()
        # Of values only those under somebody's keys stand there: one that has some.
        holder = network.wait_for("a relay with values", lambda: next((r for r in self.relays if self.knowledge(r)[1] > 0), None), HANG)
        known = self.back_after_worker_0(holder)
        print("worker 0 of a relay:", ", ".join(f"{what} back after {s:.2f} s" for what, s in known.items()), file=sys.stderr)
        self.pause_after("the introduction point", lambda: kill_node(self.introduction_point()))
        point = self.link_hops()[-1]
        self.pause_after("the rendezvous point", lambda: kill_node(point))
        relay = self.link_hops()[1]
        self.pause_after("a relay of that circuit", lambda: kill_node(relay))
        self.pause_after("worker 0 of the downloader", lambda: self.kill_worker_0(self.getter))
        self.pause_after("worker 0 of the seeder", lambda: self.kill_worker_0(self.seeder))
        network.wait_for("the download", lambda: self.torrent().get("complete"), 2 * HANG)
        self.assertEqual(network.sha256(self.folder / file.name), network.sha256(file))
        print(f"median {statistics.median(self.pauses):.1f} s, longest {max(self.pauses):.1f} s", file=sys.stderr)


if __name__ == "__main__":
    CEPA = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
