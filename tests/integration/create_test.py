#!/usr/bin/env python3
"""cepa create: the same content gives the same bytes, and they say nothing of when, where and with what.

Usage: create_test.py CEPA
"""
import os
import resource
import time

import program
from program import ProgramTest


class Create(ProgramTest):
    def make(self, folder, mtime):
        folder.mkdir()
        path = folder / "film.bin"
        path.write_bytes(bytes(range(256)) * 1000)
        os.utime(path, (mtime, mtime))
        return path

    def test_the_same_content_gives_the_same_file(self):
        a = self.make(self.folder / "a", 1_000_000_000)
        b = self.make(self.folder / "b", 1_500_000_000)
        first = self.run_cepa("create", a, "-o", self.folder / "a.torrent")
        self.assertEqual(first.returncode, 0, first.stderr)
        self.assertIn("magnet:?xt=urn:btih:", first.stdout)
        time.sleep(1.1)  # a date in it would differ
        self.run_cepa("create", b, "-o", self.folder / "b.torrent")
        content = (self.folder / "a.torrent").read_bytes()
        self.assertEqual(content, (self.folder / "b.torrent").read_bytes())
        for trace in (b"creation date", b"created by", b"mtime", b"comment", str(self.folder).encode()):
            self.assertNotIn(trace, content)

    def test_json_names_all_of_it(self):
        path = self.make(self.folder / "a", 1_000_000_000)
        result = self.json_of(self.run_cepa("create", path, "--json", cwd=self.folder))
        self.assertTrue(result["ok"])
        self.assertEqual((result["name"], result["bytes"], result["torrent"]), ("film.bin", 256_000, "film.bin.torrent"))
        self.assertIn(result["id"], result["magnet"])
        self.assertTrue((self.folder / "film.bin.torrent").exists())

    def test_v1_and_trackers(self):
        path = self.make(self.folder / "a", 1)
        self.run_cepa("create", path, "--v1", "--tracker", "udp://tracker.example:1/announce", "-o", self.folder / "v1.torrent")
        content = (self.folder / "v1.torrent").read_bytes()
        self.assertNotIn(b"meta version", content)
        self.assertIn(b"udp://tracker.example:1/announce", content)

    def test_an_existing_file_is_left_alone(self):
        path = self.make(self.folder / "a", 1)
        (self.folder / "there.torrent").write_text("precious")
        self.assert_refused(self.run_cepa("create", path, "-o", self.folder / "there.torrent"), 1, "there.torrent", "File exists")
        self.assertEqual((self.folder / "there.torrent").read_text(), "precious")
        (self.folder / "film.bin.torrent").write_text("precious")
        run = self.run_cepa("create", path)
        self.assert_refused(run, 1, "film.bin.torrent", "File exists", "-o")
        self.assertNotIn("hashing", run.stderr, "nothing is read for it")

    def test_a_file_that_cannot_be_written_is_not_left_behind_in_part(self):
        path = self.make(self.folder / "a", 1)
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))  # as a full disk: the write fails midway
        import signal, subprocess
        run = subprocess.run(self.arguments("create", path, "-o", self.folder / "cut.torrent"), capture_output=True, text=True, env=self.environment,
                             preexec_fn=lambda: (signal.signal(signal.SIGXFSZ, signal.SIG_IGN), limit()))
        self.assertEqual(run.returncode, 1, run.stdout)
        self.assertIn("cut.torrent", run.stderr)
        self.assertFalse((self.folder / "cut.torrent").exists())


if __name__ == "__main__":
    program.main()
