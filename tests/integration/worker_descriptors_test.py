#!/usr/bin/env python3
"""What a replaced worker holds: its three streams, its socket, its inbox, its siblings' inboxes and its own event loop; nothing else.

Usage: worker_descriptors_test.py CEPA
Needs root: a worker is not dumpable, so the system shows its descriptors to nobody else, not even to its own user.
"""
import os
import pathlib
import signal
import sys
import unittest

import kill_workers_test
import network

CEPA = ""


def descriptors(pid: int):
    """number -> what it is: "pipe", "socket", "eventpoll", a path. None when the system does not show them."""
    out = {}
    try:
        entries = os.listdir(f"/proc/{pid}/fd")
    except PermissionError:
        return None
    for entry in entries:
        try:
            target = os.readlink(f"/proc/{pid}/fd/{entry}")
        except OSError:
            continue
        kind, _, rest = target.partition(":[")
        out[int(entry)] = target.split(":", 1)[1].strip("[]") if kind.startswith("anon_inode") else kind
    return out


class WorkerDescriptors(unittest.TestCase):
    def test_a_replaced_worker_holds_what_is_listed(self):
        with network.Network(CEPA, relays=1, exits=1) as net:
            downloader = net.service("downloader", workers=4)
            family = kill_workers_test.workers(downloader.pid)
            self.assertEqual(len(family), 4)
            os.kill(min(family), signal.SIGKILL)
            network.wait_for("a replacement", lambda: kill_workers_test.workers(downloader.pid) - family, 20, every=0.002)
            network.wait_for("its first report", lambda: len(downloader.ask("workers")["workers"]) == 4, 20)
            for pid in kill_workers_test.workers(downloader.pid):
                self.check(pid, 4)

    def check(self, pid, count):
        held = descriptors(pid)
        if held is None:
            self.skipTest("/proc/PID/fd of a worker is shown to root only: workers are not dumpable")
        last_inbox = 9 + count
        self.assertEqual((held.pop(0), held.pop(1)), ("/dev/null", "/dev/null"))
        self.assertEqual([held.pop(n, None) for n in range(2, 9)], ["pipe"] * 7)
        self.assertEqual([held.pop(n, None) for n in range(9, last_inbox + 1)], ["socket"] * (1 + count))
        self.assertLessEqual(set(held.values()), {"eventpoll", "eventfd", "timerfd"}, f"more than event loops: {held}")
        self.assertLessEqual(len(held), 6, held)


if __name__ == "__main__":
    CEPA = sys.argv.pop(1)
    sys.path.insert(0, str(pathlib.Path(__file__).parent))
    unittest.main(verbosity=2)
