"""What the tests of single commands share: running cepa, and a folder of one's own. Standard library only."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

MAGNET = "magnet:?xt=urn:btih:0123456789012345678901234567890123456789"


class ProgramTest(unittest.TestCase):
    """Gives each test a temporary folder that is its home too, so that nothing of the user's is read or written."""
    cepa = ""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="cepa-test-"))
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("CEPA_", "XDG_"))} | {"HOME": str(self.folder)}
        self.config = self.folder / "cepa.toml"
        self.config.write_text("")
        self.state = self.folder / "state"

    def tearDown(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def arguments(self, *command):
        return [self.cepa, *map(str, command), "--config", str(self.config), "--state", str(self.state)]

    def run_cepa(self, *command, environment=None, timeout=60, cwd=None):
        return subprocess.run(self.arguments(*command), capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL,
                              env=self.environment | (environment or {}), cwd=cwd or self.folder)

    def start_cepa(self, *command, environment=None):
        """In the background; the caller ends it. What still runs at the end of the test is killed."""
        started = subprocess.Popen(self.arguments(*command), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL,
                                   env=self.environment | (environment or {}), cwd=self.folder)
        self.addCleanup(lambda: (started.kill(), started.wait(), started.stdout.close(), started.stderr.close()))
        return started

    def assert_refused(self, run, status, *words):
        self.assertEqual(run.returncode, status, run.stdout + run.stderr)
        for word in words:
            self.assertIn(word, run.stderr)
        self.assertNotIn("unexpected", run.stderr)

    def json_of(self, run):
        return json.loads(run.stdout.strip().splitlines()[-1])


def main(module="__main__"):
    ProgramTest.cepa = os.path.abspath(sys.argv.pop(1))
    unittest.main(module=module, verbosity=2)
