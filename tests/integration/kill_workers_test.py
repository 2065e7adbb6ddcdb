#!/usr/bin/env python3
"""Workers die and the download goes on: kill -9 of random workers, worker 0 included, through a download; kill -9 of main.

Usage: kill_workers_test.py CEPA
  CEPA_KILL_SIZE_MIB   size of the download with four workers; with one it is half (default 384)
  CEPA_KILL_EVERY_S    seconds between kills (default 1.5)
  CEPA_KILL_ASSERT     1: the figures must keep the limits below, on an idle machine; else they are only printed
"""
import os
import pathlib
import random
import signal
import sys
import time
import unittest

import network

CEPA = ""
SIZE = int(os.environ.get("CEPA_KILL_SIZE_MIB", "384")) << 20
EVERY = float(os.environ.get("CEPA_KILL_EVERY_S", "1.5"))
ASSERT = os.environ.get("CEPA_KILL_ASSERT") == "1"
MOST_UNTIL_REPLACED, MOST_UNTIL_TRAFFIC, MOST_UNTIL_ALL_GONE = 0.05, 3.0, 0.5  # seconds


def is_worker(pid: int) -> bool:
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[1:2] == [b"worker"]
    except OSError:
        return False


def workers(main: int):
    return {pid for pid in network.children(main) if is_worker(pid)}


class KillWorkers(unittest.TestCase):
    def start(self, net, size, count):
        source = net.folder / "data.bin"
        network.random_file(source, size)
        torrent = net.torrent(source)
        seeders = [net.seeder(f"seeder{i}", source, torrent) for i in range(4)]
        # What a worker reports is what is measured here: often.
        downloader = net.service("downloader", workers=count, environment={"CEPA_WORKERS_SYNC_INTERVAL": "100ms"})
        into = net.folder / "into"
        seeds = [option for seeder in seeders for option in ("--seeder", seeder.swarm_address)]
        identity = downloader.ask("add", str(torrent), "--hops", "2", "-o", str(into), *seeds)["id"]
        return source, downloader, into, identity

    def torrent(self, downloader, identity):
        return downloader.ask("show", identity)["torrent"]

    def table(self, downloader):
        """Worker -> its process and the bytes that it has carried for us."""
        return {w["worker"]: (w["pid"], w["bytes_up"] + w["bytes_down"]) for w in downloader.ask("workers")["workers"]}

    def kill_one(self, downloader, identity, worker):
        """Kills a worker's process. Returns seconds until there is another process, and until that one carries data
        itself; None for the second when the download was over before."""
        family = workers(downloader.pid)
        victim = self.table(downloader).get(worker, (0, 0))[0]
        if victim not in family:
            return None
        start = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        network.wait_for("a replacement", lambda: workers(downloader.pid) - family, 20, every=0.002)
        replaced = time.monotonic() - start

        def traffic():
            pid, carried = self.table(downloader).get(worker, (victim, 0))
            if pid != victim and carried > 0:
                return "traffic"
            return "complete" if self.torrent(downloader, identity)["complete"] else None

        what = network.wait_for(f"traffic in worker {worker} again", traffic, 60, every=0.02)
        return replaced, time.monotonic() - start if what == "traffic" else None

    def download_through_kills(self, size, count):
        with network.Network(CEPA) as net:
            source, downloader, into, identity = self.start(net, size, count)
            network.wait_for("the first bytes", lambda: self.torrent(downloader, identity)["bytes_done"] > 0, 60)
            before = downloader.ask("status")
            replaced, resumed = [], []
            worker = 0  # which discovers: it is the first
            while not self.torrent(downloader, identity)["complete"]:
                start = time.monotonic()
                if figures := self.kill_one(downloader, identity, worker):
                    replaced.append(figures[0])
                    resumed += [figures[1]] if figures[1] is not None else []
                    worker = random.randrange(count)
                time.sleep(max(0.0, EVERY - (time.monotonic() - start)))
                self.assertIsNone(downloader.process.poll(), downloader.errors())
            after = downloader.ask("status")
            self.assertEqual(before["pid"], after["pid"])
            self.assertGreaterEqual(len(resumed), 1, "the download was over before workers could be killed: make it larger")
            self.assertGreaterEqual(after["pool"]["restarts"], len(replaced))
            self.assertEqual(before["socks5"]["accepted"], after["socks5"]["accepted"], "a SOCKS5 association was dropped")
            self.assertEqual(network.sha256(source), network.sha256(into / source.name))
            print(f"\n{count} workers, {len(replaced)} kills: replacement process after {max(replaced) * 1e3:.0f} ms at most "
                  f"(median {sorted(replaced)[len(replaced) // 2] * 1e3:.0f}); the replacement carries data after {max(resumed):.2f} s at most "
                  f"(median {sorted(resumed)[len(resumed) // 2]:.2f})", file=sys.stderr)
            if ASSERT:
                self.assertLessEqual(max(replaced), MOST_UNTIL_REPLACED)
                self.assertLessEqual(max(resumed), MOST_UNTIL_TRAFFIC)

    def test_random_workers_die(self):
        self.download_through_kills(SIZE, 4)

    def test_the_only_worker_dies(self):
        self.download_through_kills(SIZE // 2, 1)

    def test_main_dies(self):
        with network.Network(CEPA, relays=1, exits=1) as net:
            downloader = net.service("downloader", workers=3)
            family = workers(downloader.pid)
            self.assertEqual(len(family), 3)
            os.kill(downloader.pid, signal.SIGKILL)
            start = time.monotonic()
            network.wait_for("all workers to end", lambda: not any(is_worker(pid) for pid in family), 10, every=0.005)
            gone = time.monotonic() - start
            print(f"\nno process left {1e3 * gone:.0f} ms after kill -9 of main", file=sys.stderr)
            if ASSERT:
                self.assertLessEqual(gone, MOST_UNTIL_ALL_GONE)


if __name__ == "__main__":
    CEPA = sys.argv.pop(1)
    sys.path.insert(0, str(pathlib.Path(__file__).parent))
    unittest.main(verbosity=2)
