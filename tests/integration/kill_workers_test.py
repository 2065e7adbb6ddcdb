#!/usr/bin/env python3
"""Workers die and the download goes on: kill -9 of random workers, worker 0 included, through a download; kill -9 of main.

Usage: kill_workers_test.py CEPA
  CEPA_KILL_SIZE_MIB   size of the download (default 192)
  CEPA_KILL_EVERY_S    seconds between kills (default 1.5)
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
SIZE = int(os.environ.get("CEPA_KILL_SIZE_MIB", "192")) << 20
EVERY = float(os.environ.get("CEPA_KILL_EVERY_S", "1.5"))


def is_worker(pid: int) -> bool:
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[1:2] == [b"worker"]
    except OSError:
        return False


def workers(main: int):
    return {pid for pid in network.children(main) if is_worker(pid)}


def descriptors(pid: int):
    """number -> what it is: "pipe", "socket", "eventpoll", a path."""
    out = {}
    for entry in os.listdir(f"/proc/{pid}/fd"):
        try:
            out[int(entry)] = os.readlink(f"/proc/{pid}/fd/{entry}")
            kind, _, rest = out[int(entry)].partition(":[")
            out[int(entry)] = rest.rstrip("]") if kind == "anon_inode" else kind
        except OSError:
            pass
    return out


class KillWorkers(unittest.TestCase):
    def start(self, net, size, count=4):
        source = net.folder / "data.bin"
        network.random_file(source, size)
        torrent = net.torrent(source)
        seeders = [net.seeder(f"seeder{i}", source, torrent) for i in range(4)]
        downloader = net.service("downloader", workers=count)
        into = net.folder / "into"
        seeds = [option for seeder in seeders for option in ("--seeder", seeder.swarm_address)]
        identity = downloader.ask("add", str(torrent), "--hops", "2", "-o", str(into), *seeds)["id"]
        return source, downloader, into, identity

    def done(self, downloader, identity):
        return downloader.ask("show", identity)["torrent"]["bytes_done"]

    def test_random_workers_die(self):
        with network.Network(CEPA) as net:
            source, downloader, into, identity = self.start(net, SIZE)
            network.wait_for("the first bytes", lambda: self.done(downloader, identity) > 0, 60)
            before = downloader.ask("status")
            replaced, resumed, killed_zero = [], [], False
            table = {w["pid"]: w["worker"] for w in downloader.ask("workers")["workers"]}
            while not downloader.ask("show", identity)["torrent"]["complete"]:
                victims = workers(downloader.pid)
                victim = random.choice(sorted(victims))
                if not killed_zero:  # worker 0, which discovers, is the first
                    victim = next((pid for pid, worker in table.items() if worker == 0 and pid in victims), victim)
                    killed_zero = True
                start = time.monotonic()
                os.kill(victim, signal.SIGKILL)
                network.wait_for("a replacement", lambda: workers(downloader.pid) - victims, 20, every=0.002)
                replaced.append(time.monotonic() - start)
                bytes_then = self.done(downloader, identity)
                network.wait_for("traffic again", lambda: self.done(downloader, identity) > bytes_then, 60, every=0.05)
                resumed.append(time.monotonic() - start)
                time.sleep(max(0.0, EVERY - (time.monotonic() - start)))
                self.assertIsNone(downloader.process.poll(), downloader.errors())
            after = downloader.ask("status")
            self.assertEqual(before["pid"], after["pid"])
            self.assertGreaterEqual(len(replaced), 2, "the download was over before workers could be killed: make it larger")
            self.assertGreaterEqual(after["pool"]["restarts"], len(replaced))
            self.assertEqual(before["socks5"]["accepted"], after["socks5"]["accepted"], "a SOCKS5 association was dropped")
            self.assertEqual(network.sha256(source), network.sha256(into / source.name))
            self.check_descriptors(downloader)
            print(f"\n{len(replaced)} kills; replacement process after {max(replaced) * 1e3:.0f} ms at most "
                  f"(median {sorted(replaced)[len(replaced) // 2] * 1e3:.0f}); traffic again after {max(resumed):.2f} s at most", file=sys.stderr)

    def check_descriptors(self, downloader):
        """A replaced worker holds its three streams, its socket, its inbox, its siblings' inboxes and its own event loop; nothing else."""
        count = len(workers(downloader.pid))
        for pid in workers(downloader.pid):
            held = descriptors(pid)
            last_inbox = 9 + count
            self.assertEqual((held.pop(0), held.pop(1)), ("/dev/null", "/dev/null"))
            self.assertEqual([held.pop(n, None) for n in range(2, 9)], ["pipe"] * 7)
            self.assertEqual([held.pop(n, None) for n in range(9, last_inbox + 1)], ["socket"] * (1 + count))
            self.assertLessEqual(set(held.values()), {"eventpoll", "eventfd", "timerfd"}, f"more than event loops: {held}")
            self.assertLessEqual(len(held), 6, held)

    def test_main_dies(self):
        with network.Network(CEPA, relays=1, exits=1) as net:
            downloader = net.service("downloader", workers=3)
            family = workers(downloader.pid)
            self.assertEqual(len(family), 3)
            os.kill(downloader.pid, signal.SIGKILL)
            start = time.monotonic()
            network.wait_for("all workers to end", lambda: not any(is_worker(pid) for pid in family), 10, every=0.005)
            print(f"\nno process left {1e3 * (time.monotonic() - start):.0f} ms after kill -9 of main", file=sys.stderr)


if __name__ == "__main__":
    CEPA = sys.argv.pop(1)
    sys.path.insert(0, str(pathlib.Path(__file__).parent))
    unittest.main(verbosity=2)
