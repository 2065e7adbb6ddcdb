#!/usr/bin/env python3
"""What the system refuses, for real: a folder that may not be read, a full disk, no network namespaces.

Each case makes the refusal itself: as nobody, or in namespaces of its own, so that root and an ordinary user both run it.

Usage: bad_input_test.py CEPA
"""
import json
import os
import shutil
import subprocess

import network
import program
from program import MAGNET, ProgramTest

#: In a user namespace that allows no further ones, without the capability that would not need them.
NO_NAMESPACES = ("unshare", "--user", "--map-root-user", "sh", "-c",
                 'echo 0 >/proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin "$@"', "sh")
#: $1 is mounted as a disk of 6 MiB, seen by the command only.
SMALL_DISK = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", 'mount -t tmpfs -o size=6m none "$1" && shift && exec "$@"', "sh")


class BadInput(ProgramTest):
    def setUp(self):
        super().setUp()
        self.folder.chmod(0o755)

    def tried(self, prefix):
        """Skips with the system's own words where `prefix` is not possible."""
        trial = subprocess.run([*prefix, "true"], capture_output=True, text=True)
        if trial.returncode != 0:
            self.skipTest(f"{prefix[0]}: {trial.stderr.strip()[-200:]}")
        return prefix

    def run_as(self, prefix, *command):
        return subprocess.run([*prefix, *self.arguments(*command)], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
                              env=self.environment, cwd=self.folder)

    def nobody(self):
        """Root reads everything, so root becomes nobody; the program may lie where nobody may not go."""
        if os.geteuid() != 0:
            return ()
        prefix = self.tried(("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"))
        own = type(self).cepa
        self.cepa = shutil.copy(own, self.folder)
        self.folder.chmod(0o777)
        return prefix

    def test_an_unreadable_folder(self):
        as_nobody = self.nobody()
        closed = self.folder / "closed"
        closed.mkdir()
        (closed / "file").write_bytes(b"x" * 1000)
        closed.chmod(0)
        try:
            self.assert_refused(self.run_as(as_nobody, "create", closed), 1, str(closed), "Permission denied")
            self.assert_refused(self.run_as(as_nobody, "seed", closed), 1, str(closed), "Permission denied")
            self.assert_refused(self.run_as(as_nobody, "get", MAGNET, "--hops", 0, "-o", closed / "sub"), 1, "Permission denied")
            self.assert_refused(self.run_as(as_nobody, "demo", closed / "file"), 1, "Permission denied")
        finally:
            closed.chmod(0o700)  # so that it can be removed

    def test_a_full_disk(self):
        self.tried((*SMALL_DISK, str(self.folder)))
        with network.Network(self.cepa, relays=0, exits=0) as net:
            film = net.folder / "film.bin"
            network.random_file(film, 16 << 20)
            torrent = net.torrent(film)
            seeder = net.seeder("seeder", film, torrent)
            disk = self.folder / "disk"
            disk.mkdir()
            run = self.run_as((*SMALL_DISK, str(disk)), "get", torrent, "--hops", 0, "-o", disk, "--seeder", seeder.swarm_address)
        self.assert_refused(run, 1, "film.bin", "No space left on device")

    def test_without_namespaces_it_warns_or_refuses_as_set(self):
        prefix = self.tried(NO_NAMESPACES)
        node = ("run", "--join", "private", "--listen", "127.0.0.1:0", "--workers", 0, "--json")
        job = subprocess.Popen([*prefix, *self.arguments(*node)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL,
                               env=self.environment)
        self.addCleanup(lambda: (job.kill(), job.wait(), job.stdout.close(), job.stderr.close()))
        self.assertTrue(json.loads(job.stdout.readline())["ready"])
        status = self.json_of(self.run_cepa("status", "--json"))
        self.assertFalse(status["containment"]["on"])
        job.terminate()
        _, errors = job.communicate(timeout=30)
        self.assertIn("no containment", errors)
        self.assertIn("user namespace", errors)
        self.config.write_text('[torrents]\ncontainment = "required"\n')
        self.assert_refused(self.run_as(prefix, *node[:-1]), 1, "containment is required", "user namespace")


if __name__ == "__main__":
    program.main()
