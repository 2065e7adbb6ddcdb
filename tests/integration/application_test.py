#!/usr/bin/env python3
"""Bad input is answered with a clear error and exit status; settings have their precedence; nobody joins by accident.

Usage: application_test.py CEPA
"""
import json
import os
import pty
import select
import signal
import socket
import subprocess
import time
import unittest

import network
import program
from program import MAGNET, ProgramTest


class BadInput(ProgramTest):
    def test_wrong_command_lines(self):
        self.assert_refused(self.run_cepa("frobnicate"), 2, "cepa: no such command", "--help")
        for command in (["get", MAGNET, "--frob"], ["show"], ["workers", "x"], ["demo", "--size", "lots"]):
            self.assertTrue(self.run_cepa(*command).stderr.startswith("cepa: "), command)
        self.assert_refused(self.run_cepa("get"), 2, "SOURCE")
        self.assert_refused(self.run_cepa("get", MAGNET, "--hops", "9"), 2, "--hops")
        self.assert_refused(self.run_cepa("status", "--workers", "many"), 2, "--workers many", "auto")

    def test_help_and_version(self):
        self.assertEqual(self.run_cepa("--help").returncode, 0)
        self.assertTrue(subprocess.run([self.cepa, "--version"], capture_output=True, text=True).stdout.startswith("cepa 0."))

    def test_bad_settings_name_file_line_key_and_what_is_right(self):
        self.config.write_text("[network]\n\njion = \"public\"\n")
        self.assert_refused(self.run_cepa("status"), 2, f"{self.config}:3: unknown key network.jion; did you mean network.join?")
        self.config.write_text("[relay]\nrate = \"fast\"\n")
        self.assert_refused(self.run_cepa("status"), 2, f"{self.config}:2: relay.rate = 'fast': expected bytes per second")
        self.config.unlink()
        self.assert_refused(self.run_cepa("status"), 2, str(self.config))

    def test_bad_environment(self):
        self.assert_refused(self.run_cepa("status", environment={"CEPA_TUNNELS_HOPS": "many"}), 2, "CEPA_TUNNELS_HOPS")
        self.assert_refused(self.run_cepa("status", environment={"CEPA_HOPS": "1"}), 2, "CEPA_HOPS", "did you mean CEPA_TUNNELS_HOPS?")
        self.assert_refused(self.run_cepa("status", environment={"CEPA_WORKERS": "4"}), 2, "did you mean CEPA_WORKERS_COUNT?")

    def test_every_setting_is_listed(self):
        listed = self.json_of(self.run_cepa("settings", "--json"))["settings"]
        self.assertTrue(all(key["meaning"] and key["expected"] for key in listed))
        run = self.run_cepa("settings")
        for key in ("network.join", "tunnels.hops", "torrents.dht_nodes"):
            self.assertIn(key, [one["key"] for one in listed])
            self.assertIn(key, run.stdout)
        self.config.write_text("[nonsense")
        self.assertEqual(self.run_cepa("settings").returncode, 0, "it helps to mend the file")

    def test_test_options_are_refused_on_the_public_network(self):
        self.config.write_text("[network]\njoin = \"public\"\nallow_loopback = true\n")
        self.assert_refused(self.run_cepa("run"), 2, "allow_loopback")

    def test_missing_and_unreadable_files(self):
        self.assert_refused(self.run_cepa("get", self.folder / "absent.torrent", "--hops", 0), 1, "absent.torrent", "No such file")
        self.assert_refused(self.run_cepa("seed", self.folder / "absent"), 1, "absent")
        self.assert_refused(self.run_cepa("create", self.folder / "absent"), 1, "absent")
        self.assert_refused(self.run_cepa("demo", self.folder / "absent"), 1, "absent", "No such file")
        self.assert_refused(self.run_cepa("demo", self.folder), 1, "not a regular file")
        (self.folder / "empty").write_bytes(b"")
        self.assert_refused(self.run_cepa("demo", self.folder / "empty"), 1, "empty")

    def test_a_folder_that_is_a_file(self):
        (self.folder / "file").write_bytes(b"x")
        self.assert_refused(self.run_cepa("get", MAGNET, "--hops", 0, "-o", self.folder / "file" / "sub"), 1, "folder", "Not a directory")

    def test_bad_torrents(self):
        self.assert_refused(self.run_cepa("get", "magnet:?dn=x", "--hops", 0), 2, "bad magnet link")
        self.assert_refused(self.run_cepa("get", "magnet:?xt=urn:btih:zz", "--hops", 0), 2, "magnet")
        self.assert_refused(self.run_cepa("get", "https://example.org/x.torrent", "--hops", 0), 2, "Web")
        bad = self.folder / "bad.torrent"
        bad.write_bytes(b"not bencoded")
        self.assert_refused(self.run_cepa("get", bad, "--hops", 0), 1, "bad.torrent")
        self.assert_refused(self.run_cepa("get", bad), 1, "bad.torrent: not a .torrent file")  # before the network is asked for
        self.assert_refused(self.run_cepa("get", "magnet:?xt=urn:btih:zzz"), 2, "bad magnet link")

    def test_nobody_runs(self):
        for command in (["status"], ["list"], ["circuits"], ["workers"], ["stop"], ["show", "ab"], ["add", MAGNET]):
            self.assert_refused(self.run_cepa(*command), 1, "no cepa runs", str(self.state))

    def test_errors_are_json_too(self):
        run = self.run_cepa("list", "--json")
        self.assertEqual(run.returncode, 1)
        self.assertFalse(self.json_of(run)["ok"])
        self.assertIn("no cepa runs", self.json_of(run)["error"])

    def test_a_wrong_command_line_is_json_too(self):
        for command in (["frobnicate"], ["get"], ["get", MAGNET, "--hops", "9"]):
            run = self.run_cepa(*command, "--json")
            self.assertEqual(run.returncode, 2)
            self.assertFalse(self.json_of(run)["ok"])

    def test_a_state_folder_of_other_things(self):
        self.state.mkdir()
        (self.state / "thesis.tex").write_text("x")
        self.assert_refused(self.run_cepa("node", "--relay", "--join", "private"), 1, "holds other files")

    def test_state_of_a_newer_version(self):
        self.state.mkdir(mode=0o700)
        (self.state / "lock").write_text("")
        (self.state / "schema").write_text("999\n")
        self.assert_refused(self.run_cepa("node", "--relay", "--join", "private"), 1, "newer cepa", "999")

    def test_a_port_in_use(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            listen = "127.0.0.1:%d" % taken.getsockname()[1]
            for workers in (0, 1):
                self.assert_refused(self.run_cepa("node", "--relay", "--join", "private", "--listen", listen, "--workers", workers), 1, listen, "in use")

    def test_a_torrent_port_in_use_is_shown(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            listen = "127.0.0.1:%d" % taken.getsockname()[1]
            self.config.write_text(f'[torrents]\nlisten = "{listen}"\n')
            service = self.start_cepa("run", "--join", "private", "--listen", "127.0.0.1:0", "--workers", 0, "--json")
            self.assertTrue(json.loads(service.stdout.readline())["ready"])
            self.assertEqual(self.run_cepa("add", MAGNET, "--hops", 0).returncode, 0)
            session = lambda: self.json_of(self.run_cepa("status", "--json"))["sessions"][0]
            network.wait_for("the refusal", lambda: "in use" in session()["listen_error"], 30)
            shown = self.run_cepa("status").stdout
            self.assertIn("NO LISTENER", shown)
            self.assertIn(listen, shown)

    def test_a_second_instance(self):
        first = self.start_cepa("node", "--relay", "--join", "private", "--listen", "127.0.0.1:0", "--workers", 0, "--json")
        self.assertTrue(json.loads(first.stdout.readline())["ready"])
        run = self.run_cepa("node", "--relay", "--join", "private", "--listen", "127.0.0.1:0", "--workers", 0)
        self.assert_refused(run, 1, str(self.state), "in use by another cepa")
        self.assert_refused(self.run_cepa("get", MAGNET, "--hops", 0), 1, "in use by cepa node")
        for command in (["list"], ["show", "ab"], ["add", MAGNET], ["remove", "ab"]):
            self.assert_refused(self.run_cepa(*command), 2, "a node has no torrents", "cepa run")
        first.send_signal(signal.SIGTERM)
        self.assertEqual(first.wait(30), 0)


class Joining(ProgramTest):
    def test_without_a_choice_it_says_how_to_join_and_how_to_try_the_demo(self):
        for command in (["run"], ["node", "--relay"], ["get", MAGNET]):
            self.assert_refused(self.run_cepa(*command), 2, "--join public", "--peer", "cepa demo")
        self.assertFalse(self.state.exists())

    def test_a_terminal_is_asked_and_no_is_no(self):
        status, output = self.at_a_terminal(["run"], b"no\n")
        self.assertEqual(status, 2)
        self.assertIn(b"Join the public network? [yes/no]", output)
        self.assertIn(b"cepa demo", output)
        self.assertEqual(self.config.read_text(), "")

    def at_a_terminal(self, command, answer):
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(self.cepa, self.arguments(*command), self.environment)
        output = b""
        asked = False
        end = time.monotonic() + 30
        while time.monotonic() < end:
            ready, _, _ = select.select([terminal], [], [], 1)
            try:
                read = os.read(terminal, 4096) if ready else None
            except OSError:  # the other end closed
                break
            if read == b"":
                break
            output += read or b""
            if b"[yes/no]" in output and not asked:
                asked = True
                os.write(terminal, answer)
        os.close(terminal)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), output


if __name__ == "__main__":
    program.main()
