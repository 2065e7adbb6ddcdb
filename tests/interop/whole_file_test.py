"""Hidden swarms between the program and the deployed implementation, on loopback: a whole file each time, by its magnet link alone.

The seeder or the downloader is theirs (a node of theirs with a BitTorrent program behind it), the other is `cepa seed` or `cepa get`; the
relays, exits, introduction and rendezvous points are theirs, ours, or of both.

Usage: hidden_test.py CEPA BUILD_DIRECTORY older|current|native [NETWORK...]
Writes a line per transfer, and BUILD_DIRECTORY/hidden-GENERATION.json. Exit status 77: the package could not be installed, so nothing was
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

SIZE = 4 << 20
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
        self.kind, self.count = kind, 0
        native = ["--native"] if generation == "native" else []
        self.swarm = interop_test.Process("theirs", [python, os.path.join(HERE, "swarm.py"), "--overlay", self.net.overlay, "--relays",
                                                     str(theirs[0]), "--exits", str(theirs[1]), *native])
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
        network.random_file(film, SIZE)
        return film

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


def ours_from_theirs(arena, hops):
    film = arena.film()
    torrent = arena.net.torrent(film)
    behind = arena.net.seeder(f"behind-{arena.count}", film, torrent)
    magnet = "magnet:?xt=urn:btih:" + behind.torrent_id
    arena.swarm.tell(seed={"hash": lookup_hash(magnet), "hops": hops, "to": behind.swarm_address})
    try:
        arena.swarm.wait_for("introduced", within=START_WITHIN)
        out = arena.fresh("out")
        got, seconds = arena.get([magnet, "-o", str(out), "--hops", str(hops), "--peers", "hidden", "--workers", "1", *arena.options()])
    finally:
        arena.swarm.tell(leave={"hash": lookup_hash(magnet)})
        behind.stop()
    return network.sha256(out / film.name) == network.sha256(film), seconds, got["seconds"]


def theirs_from_ours(arena, hops):
    film = arena.film()
    seeder = arena.net.start(f"seed-{arena.count}", "seed", str(film), "--hops", str(hops), "--workers", "1", *arena.options())
    magnet = seeder.ready()["magnet"]
    started = time.monotonic()
    arena.swarm.tell(fetch={"hash": lookup_hash(magnet), "hops": hops})
    try:
        bridge = arena.swarm.wait_for("bridge", within=RESULT_WITHIN)["address"]
        linked = time.monotonic() - started
        out = arena.fresh("out")
        got, _ = arena.get([magnet, "-o", str(out), "--hops", "0", "--seeder", bridge])
    finally:
        arena.swarm.tell(leave={"hash": lookup_hash(magnet)})
        seeder.stop()
    return network.sha256(out / film.name) == network.sha256(film), linked + got["seconds"], got["seconds"]


DIRECTIONS = (("our downloader, their seeder", ours_from_theirs), ("their downloader, our seeder", theirs_from_ours))


def run(arena, generation, rows):
    failed = []
    for hops in (1, 2, 3):
        for name, transfer in DIRECTIONS:
            what = f"{generation}: {name}, network of {arena.kind}, {hops} hops"
            try:
                same, seconds, transferring = transfer(arena, hops)
            except (Failed, interop_test.Failed, AssertionError, subprocess.TimeoutExpired) as error:
                failed.append(f"{what}: {error}")
                print(f"  FAILED {failed[-1]}")
                continue
            rows.append({"generation": generation, "combination": name, "network": arena.kind, "hops": hops, "bytes": SIZE, "sha256_ok": same,
                         "seconds": round(seconds, 2), "mb_s": round(SIZE / 1e6 / max(transferring, 0.001), 2)})
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
    pathlib.Path(build, f"hidden-{generation}.json").write_text(json.dumps(rows, indent=1) + "\n")
    for line in failed:
        print("FAILED", line)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
