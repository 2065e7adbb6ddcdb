#!/usr/bin/env python3
"""Not one packet beyond loopback: the demo, watched in a namespace with a default route. A control that leaks must be caught.

Usage: strangers_test.py CEPA
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).parent
CEPA = ""
LEAK = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('198.51.100.7', 9))"


class Strangers(unittest.TestCase):
    def watched(self, *command):
        with tempfile.TemporaryDirectory() as folder:
            report = os.path.join(folder, "report.json")
            run = subprocess.run([sys.executable, str(HERE / "watched.py"), "--report", report, "--", *command],
                                 capture_output=True, text=True, timeout=300)
            if run.returncode == 77:
                self.skipTest(run.stderr.strip())
            self.assertTrue(os.path.exists(report), run.stderr)
            with open(report) as file:
                return json.load(file), run

    def test_a_leak_is_caught_by_both_instruments(self):
        seen, _ = self.watched(sys.executable, "-c", LEAK)
        self.assertGreaterEqual(seen["owned"], 1)
        self.assertGreaterEqual(seen["captured"], 1)

    def test_the_demo_sends_nothing_beyond_loopback(self):
        seen, run = self.watched(CEPA, "demo", "--size", "16MiB", "--json")
        self.assertEqual(seen["status"], 0, run.stderr[-2000:])
        result = json.loads(run.stdout.strip().splitlines()[-1])
        self.assertTrue(result["ok"] and result["sha256_ok"])
        self.assertEqual((seen["owned"], seen["captured"]), (0, 0), run.stderr)


if __name__ == "__main__":
    CEPA = sys.argv.pop(1)
    unittest.main(verbosity=2)
