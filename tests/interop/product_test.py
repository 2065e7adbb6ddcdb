"""The program itself among nodes of the deployed implementation, on loopback: `cepa run` with two workers downloads a torrent through
their relays and exits from a plain seeder, and their client sends through `cepa node --relay` and `cepa node --exit`.

Usage: product_test.py CEPA BUILD_DIRECTORY
Exit status 77: the package could not be installed, so nothing was tried (a failure where CEPA_REQUIRE_INTEROP=1).
"""
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "integration"))
import interop_test
import network
from interop_test import HERE, RESULT_WITHIN, START_WITHIN

SIZE = 24 << 20


class Failed(Exception):
    pass


def require(good, what):
    if not good:
        raise Failed(what)


class Theirs:
    """A swarm of theirs in the overlay of `net`; its addresses become what our nodes walk to."""

    def __init__(self, net, python, relays, exits):
        self.swarm = interop_test.Process("theirs", [python, os.path.join(HERE, "swarm.py"), "--overlay", net.overlay, "--relays", str(relays),
                                                     "--exits", str(exits)])
        self.nodes = self.swarm.wait_for("ready", within=START_WITHIN)["nodes"]
        self.mids = {node["mid"] for node in self.nodes}
        net.peers = [node["address"] for node in self.nodes if node["role"] != "client"] + net.peers


def private_network(cepa):
    net = network.Network(cepa, relays=0, exits=0)
    net.environment["CEPA_NETWORK_ALLOW_EQUAL_PREFIXES"] = "true"  # theirs are all on 127.0.0.1
    return net


def download_through_theirs(cepa, python):
    with private_network(cepa) as net:
        theirs = Theirs(net, python, relays=3, exits=2)
        try:
            film = net.folder / "film.bin"
            network.random_file(film, SIZE)
            torrent = net.torrent(film)
            seeder = net.seeder("seeder", film, torrent)
            service = net.service("service", workers=2)
            for hops in (1, 2, 3):
                out = net.folder / f"out-{hops}"
                added = service.ask("add", str(torrent), "-o", str(out), "--hops", str(hops), "--seeder", seeder.swarm_address)["id"]
                network.wait_for(f"the download over {hops} hops", lambda: service.ask("show", added)["torrent"]["complete"], RESULT_WITHIN, every=0.5)
                ready = [c for c in service.ask("circuits")["circuits"] if c["state"] == "ready" and c["wanted_hops"] == hops]
                path = {hop["mid"] for circuit in ready for hop in circuit["hops"]}
                require(network.sha256(out / "film.bin") == network.sha256(film), f"{hops} hops: the hash")
                require(ready and path <= theirs.mids, f"{hops} hops: a path of others than theirs: {ready}")
                print(f"  {hops} hops: {len(ready)} circuits of theirs, {service.ask('show', added)['torrent']['downloaded']} bytes")
                service.ask("remove", added)
        finally:
            theirs.swarm.stop()


def their_client_through_ours(cepa, python):
    with private_network(cepa) as net:
        theirs = Theirs(net, python, relays=0, exits=0)
        try:
            ours = [net.node("relay", "--relay"), net.node("exit", "--exit")]
            theirs.swarm.tell(walk=net.peers)
            echo = interop_test.EchoServer()
            theirs.swarm.tell(transfer={"hops": 2, "to": echo.address, "count": 500, "size": 1200, "relays": 2, "exits": 1})
            result = theirs.swarm.wait_for("transfer", within=RESULT_WITHIN)
            print(f"  their client over our nodes: {result}")
            require(result["ok"] and result["echoed"] == 500 and len(result["path"]) == 2, "their client over our nodes")
            for node, counter in zip(ours, ("relayed_bytes", "exited_bytes")):
                network.wait_for(f"{node.name} to have carried it", lambda: sum(w[counter] for w in node.ask("workers")["workers"]) > 500 * 1200, 60)
        finally:
            theirs.swarm.stop()


def main():
    sys.stdout.reconfigure(line_buffering=True)
    cepa, build = os.path.abspath(sys.argv[1]), sys.argv[2]
    python = interop_test.environment(build, "current")
    failed = []
    for scenario in (download_through_theirs, their_client_through_ours):
        print(scenario.__name__.replace("_", " "))
        try:
            scenario(cepa, python)
        except (Failed, interop_test.Failed, AssertionError) as error:
            failed.append(f"{scenario.__name__}: {error}")
    for line in failed:
        print("FAILED", line)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
