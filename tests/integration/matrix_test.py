#!/usr/bin/env python3
"""The main job: `cepa demo` through 1 to 3 hops with 0, 1, 2 and 4 workers; the right hash each time, and nobody but exits at the seeders.

The file of FullMatrix is larger and every combination has one; it is labelled slow.

Usage: matrix_test.py CEPA [Matrix|FullMatrix]
"""
import json
import os
import subprocess
import sys
import tempfile
import unittest

import network

CEPA = ""


def demo(*arguments, size="12MiB"):
    run = subprocess.run([CEPA, "demo", "--size", size, "--json", *arguments], capture_output=True, text=True, timeout=600)
    lines = run.stdout.strip().splitlines()
    if run.returncode != 0 or not lines:
        raise AssertionError(f"status {run.returncode}: {run.stdout[-1500:]} {run.stderr[-3000:]}")
    return json.loads(lines[-1])


class Cases(unittest.TestCase):
    def check(self, result, hops, workers):
        self.assertTrue(result["ok"] and result["sha256_ok"] and result["seeders_saw_only_exits"], result)
        self.assertEqual((result["hops"], result["workers"]), (hops, workers))
        self.assertEqual(len(result["worker_bytes"]), max(workers, 1))


class Matrix(Cases):
    def test_hops_and_workers(self):
        for hops in (1, 2, 3):
            for workers in (0, 1, 2):
                with self.subTest(hops=hops, workers=workers):
                    self.check(demo("--hops", str(hops), "--workers", str(workers)), hops, workers)

    def test_four_workers_all_carry(self):
        result = demo("--hops", "3", "--workers", "4", size="48MiB")
        self.check(result, 3, 4)
        self.assertTrue(all(carried > 0 for carried in result["worker_bytes"]), result["worker_bytes"])

    def test_more_hops_by_choice(self):
        self.check(demo("--hops", "5", "--workers", "1", "--relays", "6"), 5, 1)

    def test_front_process(self):
        """Where the kernel cannot steer, main owns the socket: forced here."""
        result = demo("--hops", "2", "--workers", "2", "--front-process")
        self.check(result, 2, 2)
        self.assertIn("front process: forced", result["steering"])
        self.assertNotIn("front process: forced", demo("--hops", "1", "--workers", "2", size="1MiB")["steering"])

    def test_a_file_of_the_user_is_kept_where_asked(self):
        with tempfile.TemporaryDirectory() as folder:
            source = os.path.join(folder, "a file, named oddly.bin")
            with open(source, "wb") as file:
                file.write(os.urandom(3_000_001))
            result = demo(source, "--hops", "1", "--workers", "1", "--output", os.path.join(folder, "out"))
            self.assertEqual(result["bytes"], 3_000_001)
            with open(source, "rb") as one, open(os.path.join(folder, "out", os.path.basename(source)), "rb") as other:
                self.assertEqual(one.read(), other.read())


class FullMatrix(Cases):
    def test_every_combination(self):
        with tempfile.TemporaryDirectory() as folder:
            source = os.path.join(folder, "film.bin")
            network.random_file(source, 512 << 20)
            for hops in (1, 2, 3):
                for workers in (0, 1, 2, 4):
                    with self.subTest(hops=hops, workers=workers):
                        result = demo(source, "--hops", str(hops), "--workers", str(workers))
                        self.check(result, hops, workers)
                        self.assertEqual(result["bytes"], 512 << 20)
                        self.assertTrue(all(carried > 0 for carried in result["worker_bytes"]), result["worker_bytes"])
                        print(f"{hops} hops, {workers} workers: {result['rate_bytes_per_s'] / 1e6:.1f} MB/s, MB by worker",
                              [carried // 1_000_000 for carried in result["worker_bytes"]], flush=True)


if __name__ == "__main__":
    CEPA = sys.argv.pop(1)
    unittest.main(verbosity=2, defaultTest="Matrix")
