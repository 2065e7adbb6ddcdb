"""The program and the deployed implementation on loopback: a whole file each time, by libtorrent's own uTP, its hash compared.

Through exits a downloader fetches from a plain seeder. Hidden ones need the magnet link alone. An end that is theirs is a node of theirs
with a BitTorrent program behind it, one that is ours is `cepa get` or `cepa seed`; the relays, exits, introduction and rendezvous points
are theirs, ours, or of both.

Usage: whole_file_test.py CEPA BUILD_DIRECTORY older|current|native [NETWORK...]
Writes a line per transfer, and BUILD_DIRECTORY/files-GENERATION.json. Exit status 77: the package could not be installed, so nothing was
tried (a failure where CEPA_REQUIRE_INTEROP=1).
"""
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "integration"))
import interop_test
import network
from interop_test import HERE, RESULT_WITHIN, START_WITHIN

SIZES = {"older": 4 << 20, "current": 4 << 20, "native": 16 << 20}  # cells in Python take their time
# theirs (relays, exits), ours (relays, exits). Three hops and the one to the meeting point want more nodes than a circuit has hops.
NETWORKS = {"theirs": ((4, 2), (0, 0)), "ours": ((0, 0), (4, 2)), "both": ((2, 1), (2, 1))}


class Failed(Exception):
    pass


def lookup_hash(magnet):
    info_hash = magnet.partition("btih:")[2].partition("&")[0].lower()
    return hashlib.sha1(b"tribler anonymous download" + info_hash.encode()).hexdigest()


class Arena:
    """A private overlay with nodes of both kinds, and what the transfers need."""

    def __init__(self, cepa, python, generation, kind):
        theirs, ours = NETWORKS[kind]
        self.net = network.Network(cepa, relays=0, exits=0)
        self.net.environment["CEPA_NETWORK_ALLOW_EQUAL_PREFIXES"] = "true"  # theirs are all on 127.0.0.1
        self.kind, self.count, self.size = kind, 0, SIZES[generation]
        native = ["--native"] if generation == "native" else []
        self.swarm = interop_test.Process("theirs", [python, os.path.join(HERE, "swarm.py"), "--overlay", self.net.overlay, "--relays",
                                                     str(theirs[0]), "--exits", str(theirs[1]), "--clients", "3", *native])
        try:
            nodes = self.swarm.wait_for("ready", within=START_WITHIN)["nodes"]
            self.net.peers = [node["address"] for node in nodes if node["role"] != "client"]
            for i in range(ours[0] + ours[1]):
                self.net.node(f"node{i}", "--exit" if i >= ours[0] else "--relay")
            self.swarm.tell(walk=self.net.peers[sum(theirs):])
        except BaseException:
            self.close()
            raise

    def close(self):
        self.swarm.stop()
        self.net.close()

    def fresh(self, what):
        self.count += 1
        return self.net.folder / f"{what}-{self.count}"

    def film(self):
        film = self.fresh("film").with_suffix(".bin")
        network.random_file(film, self.size)
        return film

    def bridge(self, of):
        """Where a program finds what was asked for under that name; a link made anew has said the same again, and may say it late."""
        while True:
            event = self.swarm.wait_for("bridge", within=RESULT_WITHIN)
            if event["of"] == of:
                return event["address"]

    def options(self):
        return ["--overlay", self.net.overlay, "--listen", f"{self.net.address()}:{network.PORT}",
                *(part for peer in self.net.peers for part in ("--peer", peer))]

    def get(self, arguments):
        """`cepa get` to its end: what it printed, and the seconds from its start."""
        started = time.monotonic()
        run = subprocess.run([self.net.cepa, "get", *arguments, "--state", str(self.fresh("state")), "--json"], env=self.net.environment,
                             capture_output=True, text=True, timeout=RESULT_WITHIN, check=False)
        if run.returncode != 0:
            raise Failed(f"cepa get: status {run.returncode}: {run.stderr[-800:]}")
        return json.loads(run.stdout.strip().splitlines()[-1]), time.monotonic() - started


class PlainSeeder:
    """A file and who seeds it in the clear."""

    def __init__(self, arena):
        self.film = arena.film()
        self.process = arena.net.seeder(f"plain-{arena.count}", self.film, arena.net.torrent(self.film))
        self.address = self.process.swarm_address
        self.magnet = "magnet:?xt=urn:btih:" + self.process.torrent_id

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stop()

    def is_in(self, folder):
        return network.sha256(folder / self.film.name) == network.sha256(self.film)


class TheirSeeder(PlainSeeder):
    """The same, hidden by a node of theirs."""

    def __init__(self, arena, hops):
        super().__init__(arena)
        self.arena = arena
        arena.swarm.tell(seed={"hash": lookup_hash(self.magnet), "hops": hops, "to": self.address})
        arena.swarm.wait_for("introduced", within=START_WITHIN)

    def __exit__(self, *_):
        self.arena.swarm.tell(leave={"hash": lookup_hash(self.magnet)})
        super().__exit__()


def ours_through_exits(arena, hops):
    with PlainSeeder(arena) as seeder:
        out = arena.fresh("out")
        got, seconds = arena.get([seeder.magnet, "-o", str(out), "--hops", str(hops), "--peers", "public", "--seeder", seeder.address,
                                  "--workers", "1", *arena.options()])
        return seeder.is_in(out), seconds, got["seconds"]


def theirs_through_exits(arena, hops):
    with PlainSeeder(arena) as seeder:
        arena.swarm.tell(forward={"name": seeder.address, "hops": hops, "to": seeder.address, "relays": 5, "exits": 2})
        bridge = arena.bridge(seeder.address)
        if bridge is None:
            raise Failed("no circuit")
        out = arena.fresh("out")
        got, seconds = arena.get([seeder.magnet, "-o", str(out), "--hops", "0", "--seeder", bridge])
        return seeder.is_in(out), seconds, got["seconds"]


def ours_from_theirs(arena, hops):
    with TheirSeeder(arena, hops) as seeder:
        out = arena.fresh("out")
        got, seconds = arena.get([seeder.magnet, "-o", str(out), "--hops", str(hops), "--peers", "hidden", "--workers", "1", *arena.options()])
        return seeder.is_in(out), seconds, got["seconds"]


def theirs_from_theirs(arena, hops):
    with TheirSeeder(arena, hops) as seeder:
        started = time.monotonic()
        arena.swarm.tell(fetch={"hash": lookup_hash(seeder.magnet), "hops": hops})
        bridge = arena.bridge(lookup_hash(seeder.magnet))
        linked = time.monotonic() - started
        out = arena.fresh("out")
        got, _ = arena.get([seeder.magnet, "-o", str(out), "--hops", "0", "--seeder", bridge])
        return seeder.is_in(out), linked + got["seconds"], got["seconds"]


def theirs_from_ours(arena, hops):
    film = arena.film()
    seeder = arena.net.start(f"seed-{arena.count}", "seed", str(film), "--hops", str(hops), "--workers", "1", *arena.options())
    magnet = seeder.ready()["magnet"]
    started = time.monotonic()
    arena.swarm.tell(fetch={"hash": lookup_hash(magnet), "hops": hops})
    try:
        bridge = arena.bridge(lookup_hash(magnet))
        linked = time.monotonic() - started
        out = arena.fresh("out")
        got, _ = arena.get([magnet, "-o", str(out), "--hops", "0", "--seeder", bridge])
    finally:
        arena.swarm.tell(leave={"hash": lookup_hash(magnet)})
        seeder.stop()
    return network.sha256(out / film.name) == network.sha256(film), linked + got["seconds"], got["seconds"]


# Who meets whom, and the networks in which the two implementations meet at all.
COMBINATIONS = (("our downloader, exit", ours_through_exits, ("theirs", "both")),
                ("their downloader, exit", theirs_through_exits, ("ours", "both")),
                ("our downloader, their hidden seeder", ours_from_theirs, NETWORKS),
                ("their downloader, our hidden seeder", theirs_from_ours, NETWORKS),
                ("their downloader, their hidden seeder", theirs_from_theirs, ("ours",)))


def run(arena, generation, rows):
    failed = []
    for hops in (1, 2, 3):
        for name, transfer, networks in COMBINATIONS:
            if arena.kind not in networks:
                continue
            what = f"{generation}: {name}, network of {arena.kind}, {hops} hops"
            try:
                same, seconds, transferring = transfer(arena, hops)
            except (Failed, interop_test.Failed, AssertionError, subprocess.TimeoutExpired) as error:
                failed.append(f"{what}: {error}")
                print(f"  FAILED {failed[-1]}")
                continue
            rows.append({"generation": generation, "combination": name, "network": arena.kind, "hops": hops, "bytes": arena.size, "sha256_ok": same,
                         "seconds": round(seconds, 2), "mb_s": round(arena.size / 1e6 / max(transferring, 0.001), 2)})
            print(f"  {rows[-1]}")
            if not same:
                failed.append(f"{what}: the hash")
    return failed


def main():
    sys.stdout.reconfigure(line_buffering=True)
    cepa, build, generation = os.path.abspath(sys.argv[1]), sys.argv[2], sys.argv[3]
    python = interop_test.environment(build, generation)
    failed, rows = [], []
    for kind in sys.argv[4:] or NETWORKS:
        try:
            arena = Arena(cepa, python, generation, kind)
        except (interop_test.Failed, AssertionError) as error:
            failed.append(f"network of {kind}: {error}")
            continue
        try:
            failed += run(arena, generation, rows)
        finally:
            arena.close()
    pathlib.Path(build, f"files-{generation}.json").write_text(json.dumps(rows, indent=1) + "\n")
    for line in failed:
        print("FAILED", line)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
