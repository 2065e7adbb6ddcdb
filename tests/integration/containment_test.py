#!/usr/bin/env python3
"""With libtorrent's worst settings nothing leaves the containment; with our settings nothing leaves without it either.

Each case runs in a namespace with a default route that counts what leaves; the controls must leak, or the others prove nothing.

Usage: containment_test.py WORST_SETTINGS
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).parent
PROGRAM = ""


class Containment(unittest.TestCase):
    def leaks(self, mode, prefix=()):
        with tempfile.TemporaryDirectory() as folder:
            report = os.path.join(folder, "report.json")
            run = subprocess.run([sys.executable, str(HERE / "watched.py"), "--report", report, "--", *prefix, PROGRAM, mode],
                                 capture_output=True, text=True, timeout=60)
            if run.returncode == 77:
                self.skipTest(run.stderr.strip()[-300:])
            self.assertTrue(os.path.exists(report), run.stderr)
            with open(report) as file:
                seen = json.load(file)
            self.assertEqual(seen["status"], 0, run.stderr)
            return seen, run.stderr

    def test_worst_settings_inside_send_nothing(self):
        seen, text = self.leaks("contained")
        self.assertEqual((seen["owned"], seen["captured"]), (0, 0), text)

    def test_worst_settings_inside_send_nothing_as_an_ordinary_user(self):
        if os.geteuid() != 0 or not shutil.which("setpriv"):
            self.skipTest("needs root and setpriv to become nobody")
        with tempfile.TemporaryDirectory() as folder:  # the build folder may be closed to nobody
            os.chmod(folder, 0o755)
            global PROGRAM
            own, PROGRAM = PROGRAM, shutil.copy(PROGRAM, folder)
            try:
                seen, text = self.leaks("contained", ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"))
            finally:
                PROGRAM = own
        self.assertEqual((seen["owned"], seen["captured"]), (0, 0), text)

    def test_our_settings_and_cleaning_send_nothing_without_containment(self):
        seen, text = self.leaks("hardened")
        self.assertEqual((seen["owned"], seen["captured"]), (0, 0), text)

    def test_control_worst_settings_outside_leak(self):
        seen, text = self.leaks("open")
        self.assertGreaterEqual(seen["owned"], 10, text)
        self.assertGreaterEqual(seen["captured"], 10, text)

    def test_control_a_torrent_that_is_not_cleaned_leaks_names(self):
        seen, text = self.leaks("uncleaned")
        self.assertGreaterEqual(seen["owned"], 1, text)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main(verbosity=2)
