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
HANG = 240  # seconds: a limit for what hangs, not a measurement
FLOWS = 1 << 19  # so much after a pause, and data flows again


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
            # The death may be noticed only when what was on its way has come: so not before three seconds, nor while all is silent.
            if now - start > 3 and before - resumed >= FLOWS and now - start > back + 1 and now - last < 0.5:
                break
            if torrent.get("complete"):
                break
            self.assertLess(now - start, HANG, f"no bytes after the death of {what}: {self.getter.errors()}")
            time.sleep(0.02)
        self.pauses.append(back)
        print(f"{what}: new bytes {back:.1f} s later (a pause of {longest:.1f} s)", file=sys.stderr)

    def link(self, process):
        """The circuit of the link at one end that carried most lately."""
        def linked():
            return {(c["worker"], c["id"]): c for c in process.ask("circuits")["circuits"]
                    if c["purpose"] == "rendezvous" and c["state"] == "ready" and len(c["hops"]) == c["wanted_hops"]}

        def busiest():
            before = linked()
            time.sleep(0.5)
            carried = {c: now["bytes_down"] + now["bytes_up"] - before[c]["bytes_down"] - before[c]["bytes_up"]
                       for c, now in linked().items() if c in before}
            best = max(carried, key=carried.get, default=None)
            return before[best] if best is not None and carried[best] > 0 else None

        return network.wait_for(f"a link of the {process.name} that carries", busiest, HANG)

    def link_hops(self):
        """The relay at each hop of the downloader's link."""
        return [self.relay_at(hop["address"]) for hop in self.link(self.getter)["hops"]]

    def relay_at(self, address):
        return next(r for r in self.relays if address.startswith(r.address + ":") and r.process.poll() is None)

    def introductions(self):
        """Living relays that are introduction points, each with how many times. All that stand here are the seeder's."""
        counts = {r: r.ask("status")["network"]["introductions"] for r in self.relays if r.process.poll() is None}
        return {relay: count for relay, count in counts.items() if count > 0}

    def told_pid(self, process, worker):
        """What main says; 0 when there is none. It may be dead and still told of."""
        return next((w["pid"] for w in process.ask("workers")["workers"] if w["worker"] == worker), 0)

    def pid_of(self, process, worker):
        """Of one that lives."""
        def pid():
            told = self.told_pid(process, worker)
            return told if told in network.children(process.pid) else None

        return network.wait_for(f"worker {worker} of {process.name}", pid, HANG, every=0.02)

    def knowledge(self, process):
        """Worker 0, and values of the DHT and relays that it says it knows; None when it changed meanwhile."""
        before = self.told_pid(process, 0)
        status = process.ask("status")["network"]
        return (before, status["dht_values"], status["relays"]) if before != 0 and before == self.told_pid(process, 0) else None

    def back_after_worker_0(self, process):
        """Kills worker 0 of a relay: seconds until its successor has the values of the DHT, and the relays, that it had."""
        victim, values, relays = network.wait_for("values and relays", lambda: (k := self.knowledge(process)) and all(k) and k, HANG)
        self.assertIn(victim, network.children(process.pid))
        start = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        back = {}

        def all_back():
            told = self.knowledge(process)
            if told is None or told[0] == victim or told[0] not in network.children(process.pid):
                return False  # what its predecessor said does not count
            _, values_now, relays_now = told
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
        holder = network.wait_for("a relay with values", lambda: next((r for r in self.relays if (k := self.knowledge(r)) and k[1] > 0), None), HANG)
        known = self.back_after_worker_0(holder)
        print("worker 0 of a relay:", ", ".join(f"{what} back after {s:.2f} s" for what, s in known.items()), file=sys.stderr)
        wanted = network.wait_for("introduction points", lambda: sum(self.introductions().values()), HANG)
        point = next(iter(self.introductions()))
        self.pause_after("an introduction point", lambda: kill_node(point))
        network.wait_for("another introduction point", lambda: sum(self.introductions().values()) >= wanted, HANG)
        for what, hop in (("the rendezvous point", -1), ("a relay of the link", 1)):
            relay = self.link_hops()[hop]
            self.pause_after(what, lambda: kill_node(relay))
        for end in (self.getter, self.seeder):
            worker = self.link(end)["worker"]
            for what, number in (("the worker with the link", worker), ("worker 0", 0)):
                victim = self.pid_of(end, number)
                self.pause_after(f"{what} of the {end.name}", lambda: os.kill(victim, signal.SIGKILL))
        network.wait_for("the download", lambda: self.torrent().get("complete"), 2 * HANG)
        self.assertEqual(network.sha256(self.folder / file.name), network.sha256(file))
        print(f"median {statistics.median(self.pauses):.1f} s, longest {max(self.pauses):.1f} s", file=sys.stderr)


if __name__ == "__main__":
    CEPA = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
