#!/usr/bin/env python3
"""A demo that is interrupted leaves nothing behind: no process, no file, whatever the signal and whenever it comes.

Usage: demo_network_test.py CEPA
"""
import os
import pathlib
import signal
import time

import network
import program
from program import ProgramTest


def processes_under(folder):
    """Processes whose command line names the folder, and their children."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            if str(folder).encode() in pathlib.Path(f"/proc/{entry}/cmdline").read_bytes():
                found.append(int(entry))
        except OSError:
            pass
    return found


class Interrupted(ProgramTest):
    def interrupted(self, number, when):
        """Starts a demo, sends it the signal as soon as `when` holds, and returns its exit status."""
        temporary = self.folder / "tmp"
        temporary.mkdir(exist_ok=True)
        # Not the state and settings of program.py: only the demo's own processes name the folder on their command line.
        demo = self.start_cepa("demo", "--size", "64MiB", environment={"TMPDIR": str(temporary)})
        network.wait_for("the demo to get so far", lambda: when(temporary), 60, every=0.01)
        workers = [c for p in processes_under(temporary) for c in network.children(p)]
        demo.send_signal(number)
        start = time.monotonic()
        status = demo.wait(20)
        self.took = time.monotonic() - start
        network.wait_for("every process to be gone", lambda: not processes_under(temporary) and not any(map(alive, workers)), 5)
        network.wait_for("the folder to be empty", lambda: not os.listdir(temporary), 60)
        return status

    def test_while_the_file_is_made(self):
        self.assertEqual(self.interrupted(signal.SIGINT, lambda t: any(t.iterdir())), 1)

    def test_while_nodes_start(self):
        self.assertEqual(self.interrupted(signal.SIGTERM, lambda t: len(processes_under(t)) >= 3), 1)

    def test_while_it_downloads(self):
        self.assertEqual(self.interrupted(signal.SIGINT, lambda t: any(t.glob("*/.cepa-demo-*/*"))), 1)
        self.assertLess(self.took, 5)

    def test_a_closed_terminal(self):
        self.assertEqual(self.interrupted(signal.SIGHUP, lambda t: len(processes_under(t)) >= 5), 1)

    def test_killed_without_a_word(self):
        self.assertEqual(self.interrupted(signal.SIGKILL, lambda t: any(t.glob("*/.cepa-demo-*/*"))), -signal.SIGKILL)


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


if __name__ == "__main__":
    program.main()
