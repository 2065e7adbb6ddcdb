#!/usr/bin/env python3
"""Nodes behind network address translators: found by introductions and punctures, reached or said to be unreachable.

Usage: nat_test.py CEPA
"""
import json
import os
import sys
import time
import unittest

import nat_lab
from network import PORT, Network, random_file, sha256, wait_for

CEPA = os.path.abspath(sys.argv.pop(1))
SIZE = 2 << 20
LIMIT = 90
rows = []


def report(kind, role, found, reached, seconds):
    rows.append({"kind": kind, "role": role, "found": found, "reached": reached, "seconds": seconds and round(seconds, 1)})
    print("  " + json.dumps(rows[-1]), flush=True)


class World:
    """A lab and a private overlay in it, with `relays` and `exits` public nodes."""

    def __init__(self, relays, exits):
        self.lab = nat_lab.NatLab()
        try:
            self.net = Network(CEPA, relays=0, exits=0)
            self.net.environment.pop("CEPA_NETWORK_ALLOW_LOOPBACK")
            for i in range(relays):
                self.node(f"relay{i}", self.lab.host(), "--relay")
            for i in range(exits):
                self.node(f"exit{i}", self.lab.host(), "--exit")
        except BaseException:
            self.lab.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.net.close()
        self.lab.close()

    def options(self):
        """Everybody is told of one public node; introductions do the rest."""
        options = ["--overlay", self.net.overlay, "--listen", f"0.0.0.0:{PORT}"]
        return options + (["--peer", self.net.peers[0]] if self.net.peers else [])

    def start(self, name, host, *arguments):
        process = self.net.start(name, *arguments, prefix=host.prefix)
        process.told = process.ready()
        process.host = host
        return process

    def node(self, name, host, *role):
        process = self.start(name, host, "node", *role, "--workers", "0", *self.options())
        if host.kind == "none":
            self.net.peers.append(f"{host.address}:{PORT}")
        return process

    def content(self, name):
        film = self.net.folder / f"{name}.bin"
        random_file(film, SIZE)
        return film

    def plain_seeder(self, film):
        """The .torrent, and where its seeder is."""
        host, torrent = self.lab.host(), self.net.torrent(film)
        self.start("seeder", host, "seed", str(film), "--torrent", str(torrent), "--listen", f"{host.address}:6881")
        return torrent, f"{host.address}:6881"

    def service(self, host):
        return self.start("service", host, "run", "--workers", "1", *self.options())

    def download(self, service, hops, source, seeder=None, limit=LIMIT):
        """Seconds until it is complete, and where."""
        out = self.net.folder / f"out-{time.monotonic_ns()}"
        started = time.monotonic()
        added = service.ask("add", str(source), "-o", str(out), "--hops", str(hops), *(("--seeder", seeder) if seeder else ("--peers", "hidden")))["id"]
        wait_for("the download", lambda: service.ask("show", added)["torrent"]["complete"], limit, every=0.5)
        return time.monotonic() - started, out


def public_addresses(process):
    return {hop["address"].rpartition(":")[0] for circuit in process.ask("circuits")["circuits"] if circuit["state"] == "ready" for hop in circuit["hops"]}


class Nat(unittest.TestCase):
    def test_client(self):
        for kind in nat_lab.KINDS:
            with self.subTest(kind=kind), World(relays=2, exits=1) as world:
                film = world.content("film")
                torrent, address = world.plain_seeder(film)
                service = world.service(world.lab.host(kind))
                seconds, out = world.download(service, 3, torrent, address)
                self.assertEqual(sha256(out / film.name), sha256(film))
                report(kind, "client", True, True, seconds)

    def test_hidden_seeder(self):
        """Seeder and downloader behind translators, the file by the magnet link alone; nobody exits."""
        for kind in nat_lab.KINDS:
            with self.subTest(kind=kind), World(relays=5, exits=0) as world:
                film = world.content("film")
                host = world.lab.host(kind)
                seeder = world.start("seeder", host, "seed", str(film), "--hops", "2", "--workers", "1", *world.options())
                service = world.service(world.lab.host(kind))
                seconds, out = world.download(service, 2, seeder.told["magnet"])
                self.assertEqual(sha256(out / film.name), sha256(film))
                report(kind, "hidden seeder and its downloader", True, True, seconds)

    def test_relay(self):
        """Three hops with two relays and one exit: every path leads through the relay behind the translator."""
        for client_kind in nat_lab.KINDS:
            for kind in nat_lab.KINDS:
                with self.subTest(kind=kind, client=client_kind), World(relays=1, exits=1) as world:
                    relay = world.node("behind", world.lab.host(kind), "--relay")
                    service = world.service(world.lab.host(client_kind))
                    reachable = {kind, client_kind} <= {"none", "endpoint_independent"} or "none" in (kind, client_kind)
                    (self.reached if reachable else self.refused)(world, relay, service)

    def reached(self, world, relay, service):
        film = world.content("film")
        torrent, address = world.plain_seeder(film)
        seconds, out = world.download(service, 3, torrent, address)
        self.assertEqual(sha256(out / film.name), sha256(film))
        self.assertIn(relay.host.public_address, public_addresses(service))
        carried = wait_for("the relay to have carried it", lambda: sum(w["relayed_bytes"] for w in relay.ask("workers")["workers"]), LIMIT)
        self.assertGreater(carried, SIZE)
        report(relay.host.kind, f"relay (client: {service.host.kind})", True, True, seconds)

    @staticmethod
    def said(text):
        return text if "known" in text or "path" in text else None

    def refused(self, world, relay, service):
        """A puncture cannot meet a port that is another one for each: both sides say what is wrong, and nothing hangs silently."""
        film = world.content("film")
        torrent, address = world.plain_seeder(film)
        added = service.ask("add", str(torrent), "-o", str(world.net.folder / "out"), "--hops", "3", "--seeder", address)["id"]
        said = wait_for("the download to say what it waits for", lambda: self.said(service.ask("show", added)["torrent"]["waiting_for"]), LIMIT, every=0.5)
        behind = relay if relay.host.kind == "address_dependent" else service
        reach = wait_for("the node to notice the translator", lambda: behind.ask("status")["network"]["reach"], LIMIT, every=0.5)
        self.assertIn("another port", reach)
        self.assertFalse(service.ask("show", added)["torrent"]["complete"])
        report(relay.host.kind, f"relay (client: {service.host.kind}): said: {said}", False, False, None)


if __name__ == "__main__":
    why = nat_lab.possible()
    if why:
        print(f"SKIPPED: {why}")
        sys.exit(77)
    unittest.main(verbosity=2)
