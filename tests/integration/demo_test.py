#!/usr/bin/env python3
"""cepa demo from end to end: the file arrives through the hops, the seeders see only exits, every worker carries some.

Usage: demo_test.py CEPA
"""
import hashlib
import os
import signal

import program
from program import ProgramTest


class Demo(ProgramTest):
    def setUp(self):
        super().setUp()
        self.temporary = self.folder / "tmp"
        self.temporary.mkdir()
        self.environment["TMPDIR"] = str(self.temporary)

    def demo(self, *options):
        run = self.run_cepa("demo", *options, "--json", timeout=280)
        self.assertEqual(run.returncode, 0, run.stderr[-3000:])
        self.assertEqual(os.listdir(self.temporary), [])
        return self.json_of(run)

    def check(self, result, hops, workers):
        self.assertTrue(result["ok"] and result["sha256_ok"])
        self.assertEqual((result["hops"], result["workers"]), (hops, workers))
        self.assertTrue(result["seeders_saw_only_exits"])
        self.assertTrue(set(result["seeders_saw"]) <= set(result["exits"]))
        self.assertGreater(result["seconds"], 0)
        roles = [p["role"] for p in result["processes"]]
        self.assertEqual(roles.count("downloader"), 1)
        for process in result["processes"]:
            self.assertGreater(process["pid"], 0)
            self.assertGreaterEqual(process["cpu_s"], 0)
        self.assertGreaterEqual(sum(result["worker_bytes"]), result["bytes"])

    def test_three_hops_two_workers_with_a_file_that_is_kept(self):
        source = self.folder / "in" / "my film.bin"
        source.parent.mkdir()
        content = os.urandom(12_345_678)
        source.write_bytes(content)
        result = self.demo(source, "--output", self.folder / "out")
        self.check(result, 3, 2)
        self.assertEqual(result["bytes"], len(content))
        self.assertEqual(result["sha256"], hashlib.sha256(content).hexdigest())
        self.assertEqual((self.folder / "out" / "my film.bin").read_bytes(), content)
        self.assertEqual(os.listdir(self.folder / "out"), ["my film.bin"])
        self.assertEqual(len(result["worker_bytes"]), 2)

    def test_one_hop_in_one_process(self):
        result = self.demo("--hops", 1, "--workers", 0, "--size", "8MiB", "--relays", 0, "--exits", 2)
        self.check(result, 1, 0)

    def test_four_workers_each_carry_some(self):
        result = self.demo("--hops", 2, "--workers", 4, "--size", "48MiB", "--relays", 3)
        self.check(result, 2, 4)
        self.assertEqual(len(result["worker_bytes"]), 4)
        self.assertTrue(all(b > 0 for b in result["worker_bytes"]), result["worker_bytes"])

    def test_interrupted_it_leaves_no_folder_that_it_made(self):
        out = self.folder / "new"
        job = self.start_cepa("demo", "--size", "2GiB", "--output", out, "--hops", 1)
        seen = ""
        for line in job.stderr:
            seen += line
            if "starting" in line:
                break
        self.assertTrue(out.exists(), seen)
        job.send_signal(signal.SIGINT)
        _, errors = job.communicate(timeout=60)
        self.assertEqual(job.returncode, 1, errors)
        self.assertFalse(out.exists())
        self.assertEqual(os.listdir(self.temporary), [])

    def test_plain_for_comparison(self):
        result = self.demo("--hops", 0, "--size", "4MiB")
        self.assertTrue(result["ok"])
        self.assertFalse(result["seeders_saw_only_exits"])

    def test_the_users_own_settings_do_not_reach_it(self):
        # A user who joined the public network still gets a private demo: this would otherwise be refused (allow_loopback).
        result = self.demo("--hops", 1, "--size", "1MiB", "--workers", 1, "--seeders", 1, "--relays", 0)
        self.assertTrue(result["ok"])
        run = self.run_cepa("demo", "--hops", 1, "--size", "1MiB", "--workers", 1, "--seeders", 1, "--relays", 0, "--json",
                            environment={"CEPA_NETWORK_JOIN": "public"}, timeout=120)
        self.assertEqual(run.returncode, 0, run.stderr)

    def test_bad_numbers(self):
        self.assert_refused(self.run_cepa("demo", "--hops", 3, "--relays", 0, "--exits", 1), 2, "3 hops need at least 3 nodes")
        self.assert_refused(self.run_cepa("demo", "--size", "lots"), 2, "--size lots")
        for flag in (("--join", "public"), ("--peer", "192.0.2.1:1"), ("--overlay", "ab" * 20), ("--listen", "192.0.2.1:1")):
            self.assert_refused(self.run_cepa("demo", *flag), 2, flag[0], "the demo has a network of its own")
        for wrong in (("--relays", 0, "--exits", 1), ("--output", "/proc/x")):  # known before a file is made
            run = self.run_cepa("demo", *wrong)
            self.assertNotEqual(run.returncode, 0)
            self.assertNotIn("random file", run.stderr)
        target = self.folder / "out"
        target.mkdir()
        source = self.folder / "file"
        source.write_bytes(b"x" * 100_000)
        (target / "file").write_text("precious")
        self.assert_refused(self.run_cepa("demo", source, "--output", target), 1, "exists already")
        self.assertEqual((target / "file").read_text(), "precious")
        self.assertEqual(os.listdir(self.temporary), [])


if __name__ == "__main__":
    program.main()
