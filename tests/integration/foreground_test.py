#!/usr/bin/env python3
"""Ctrl-C is main's alone: once ends in order, twice ends at once; kill -9 of main leaves no worker.

Usage: foreground_test.py CEPA
"""
import json
import os
import pathlib
import signal
import time

import network
import program
from program import ProgramTest


def gone(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


class Foreground(ProgramTest):
    def start(self, workers):
        node = self.start_cepa("run", "--listen", "127.0.0.1:0", "--workers", workers, "--join", "private", "--json")
        self.assertTrue(json.loads(node.stdout.readline())["ready"])
        children = network.wait_for("the workers", lambda: (c := [p for p in network.children(node.pid) if not gone(p)]) and len(c) == workers and c or workers == 0, 20)
        return node, children if workers else []

    def test_once_ends_in_order(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            node, children = self.start(2)
            node.send_signal(number)
            self.assertEqual(node.wait(20), 0)
            self.assertTrue(all(map(gone, children)))
            self.assertFalse((self.state / "control.sock").exists())

    def test_a_signal_to_the_whole_group_of_the_terminal_reaches_main_alone(self):
        node, children = self.start(2)
        groups = {os.getpgid(c) for c in children}
        self.assertNotIn(os.getpgid(node.pid), groups)

    def test_twice_ends_at_once(self):
        node, children = self.start(2)
        for child in children:
            os.kill(child, signal.SIGSTOP)  # the orderly end would have to wait for them
        node.send_signal(signal.SIGINT)
        time.sleep(0.3)
        self.assertIsNone(node.poll())
        node.send_signal(signal.SIGINT)
        start = time.monotonic()
        self.assertEqual(node.wait(20), 1)
        self.assertLess(time.monotonic() - start, 2)
        for child in children:
            if not gone(child):
                os.kill(child, signal.SIGCONT)
        network.wait_for("the workers to go", lambda: all(map(gone, children)), 5)

    def test_one_press_that_arrives_twice_is_one(self):
        node, _ = self.start(2)
        node.send_signal(signal.SIGINT)
        node.send_signal(signal.SIGINT)
        self.assertEqual(node.wait(20), 0)

    def test_kill_of_main_leaves_nobody(self):
        node, children = self.start(2)
        node.kill()
        network.wait_for("the workers to go", lambda: all(map(gone, children)), 5, every=0.01)
        # The socket file of the dead node is in nobody's way.
        again, _ = self.start(0)
        again.send_signal(signal.SIGINT)
        self.assertEqual(again.wait(20), 0)


if __name__ == "__main__":
    program.main()
