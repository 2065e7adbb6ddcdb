#!/usr/bin/env python3
"""run and node: roles, what an exit says of itself, identities that are kept or not, folders that are private.

Usage: service_test.py CEPA
"""
import json
import signal

import program
from program import ProgramTest


class Service(ProgramTest):
    def start(self, *command):
        node = self.start_cepa(*command, "--listen", "127.0.0.1:0", "--workers", 0, "--join", "private", "--json")
        line = node.stdout.readline()
        self.assertTrue(line, node.stderr.read() if not line else "")
        return node, json.loads(line)

    def end(self, node):
        if node.poll() is None:
            node.send_signal(signal.SIGTERM)
        node.wait(30)
        return node.returncode

    def test_a_node_names_its_role(self):
        self.assert_refused(self.run_cepa("node", "--join", "private"), 2, "--relay, --exit")

    def test_an_exit_says_plainly_what_exiting_means(self):
        node, _ = self.start("node", "--exit")
        said = "".join(node.stderr.readline() for _ in range(3))
        self.assertTrue(said.startswith("This node is an exit."))
        self.assertIn("YOUR address", said)

    def test_a_relay_says_nothing_of_the_kind(self):
        node, _ = self.start("node", "--relay")
        self.assertEqual(self.end(node), 0)

    def test_a_relay_keeps_its_key_and_a_client_does_not(self):
        node, _ = self.start("node", "--relay")
        self.end(node)
        key = (self.state / "identity.key").read_bytes()
        self.assertEqual((len(key), key[:10]), (74, b"LibNaCLSK:"))
        self.assertEqual((self.state / "identity.key").stat().st_mode & 0o777, 0o600)
        node, _ = self.start("node", "--relay")
        self.end(node)
        self.assertEqual((self.state / "identity.key").read_bytes(), key)
        (self.state / "identity.key").unlink()
        node, _ = self.start("run")
        self.end(node)
        self.assertFalse((self.state / "identity.key").exists())

    def test_the_state_is_private(self):
        node, _ = self.start("run")
        self.assertEqual(self.state.stat().st_mode & 0o777, 0o700)
        self.assertEqual((self.state / "control.sock").stat().st_mode & 0o777, 0o600)
        self.assertEqual(self.end(node), 0)
        self.assertFalse((self.state / "control.sock").exists())

    def test_a_damaged_key_is_an_error_not_a_new_identity(self):
        self.state.mkdir(mode=0o700)
        (self.state / "lock").write_text("")
        (self.state / "identity.key").write_bytes(b"damaged")
        self.assert_refused(self.run_cepa("node", "--relay", "--join", "private", "--listen", "127.0.0.1:0", "--workers", 0), 1, "identity.key")


if __name__ == "__main__":
    program.main()
