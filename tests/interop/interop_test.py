"""Our nodes and those of the deployed implementation, on loopback, carrying each other's data.

Usage: interop_test.py TUNNEL_NODE BUILD_DIRECTORY older|current|native
Exit status 77: the package could not be installed, so nothing was tried (a failure where CEPA_REQUIRE_INTEROP=1).
"""
import json
import os
import queue
import secrets
import socket
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
# The generation before cells went native, and the one that Tribler ships; "native" is the latter with its own engine.
# The older one names elliptic curves that later releases of `cryptography` no longer have.
# Exact releases: what is tested is to be the same everywhere, and a newer one is taken in on purpose.
CURRENT = ["pyipv8==3.2.1", "ipv8-rust-tunnels==0.1.53"]
PACKAGES = {"older": ["pyipv8==3.1", "cryptography<46"], "current": CURRENT, "native": CURRENT}
COUNT, SIZE = 2500, 1300
START_WITHIN, RESULT_WITHIN = 60, 220


class Failed(Exception):
    pass


def environment(build, generation):
    """The interpreter of a virtual environment with the package; made once per build tree."""
    folder = os.path.join(build, "venv-" + ("older" if generation == "older" else "current"))
    python = os.path.join(folder, "bin", "python")
    done = os.path.join(folder, "installed")
    if os.path.exists(done):
        return python
    try:
        subprocess.run(["/usr/bin/python3", "-m", "venv", "--clear", folder], check=True, timeout=120, capture_output=True, text=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--retries", "2", *PACKAGES[generation]], check=True, timeout=600,
                       capture_output=True, text=True)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired, OSError) as error:
        why = (getattr(error, "stderr", None) or str(error)).strip().splitlines()[-1:]
        what = " ".join(PACKAGES[generation])
        if os.environ.get("CEPA_REQUIRE_INTEROP") == "1":
            sys.exit(f"interop: cannot install {what}: {why}")
        print(f"SKIPPED: cannot install {what} from PyPI: {why}")
        sys.exit(77)
    open(done, "w", encoding="ascii").close()
    return python


class Process:
    """A child that speaks JSON lines; ends when its stdin is closed."""

    def __init__(self, name, command):
        self.name = name
        self.events = queue.Queue()
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.child.stdout:
            try:
                self.events.put(json.loads(line))
            except ValueError:
                print(f"  {self.name}: {line.rstrip()}")
        self.events.put({"event": "end"})

    def wait_for(self, *wanted, within):
        deadline = time.monotonic() + within
        while True:
            try:
                event = self.events.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise Failed(f"{self.name}: none of {wanted} within {within} s") from None
            if event["event"] in wanted:
                return event
            if event["event"] == "end":
                raise Failed(f"{self.name} ended before {wanted}")
            print(f"  {self.name}: {event}")

    def tell(self, **command):
        self.child.stdin.write(json.dumps(command) + "\n")
        self.child.stdin.flush()

    def stop(self):
        self.child.stdin.close()
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


class EchoServer:
    """Returns every datagram to where it came from, and remembers from where they came."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind(("127.0.0.1", 0))
        self.address = "%s:%d" % self.socket.getsockname()
        self.sources = set()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                data, source = self.socket.recvfrom(4096)
                self.sources.add(source)
                self.socket.sendto(data, source)
            except OSError:
                return


class Scenario:
    """Some nodes of theirs, some of ours, in an overlay of their own."""

    def __init__(self, node, python, generation, theirs, ours, bootstrap=False):
        self.node, self.overlay = node, secrets.token_hex(20)
        self.sides = {side for side, nodes in (("their", theirs), ("our", ours)) if sum(nodes) > 0}
        self.relays, self.exits = theirs[0] + ours[0], theirs[1] + ours[1]
        self.echo = EchoServer()
        self.processes = []
        native = ["--native"] if generation == "native" else []
        self.swarm = self.start("theirs", [python, os.path.join(HERE, "swarm.py"), "--overlay", self.overlay,
                                           "--relays", str(theirs[0]), "--exits", str(theirs[1]), *native, *(["--bootstrap"] if bootstrap else [])])
        ready = self.swarm.wait_for("ready", within=START_WITHIN)
        nodes, self.bootstrap = ready["nodes"], ready["bootstrap"]
        self.client = nodes[-1]["address"]
        self.known = {n["mid"]: ("their", n["role"]) for n in nodes}
        self.addresses = [n["address"] for n in nodes]
        self.our_nodes = []
        for role in ["relay"] * ours[0] + ["exit"] * ours[1]:
            self.our_nodes.append(self.start_ours(role))
        if not self.bootstrap:
            self.swarm.tell(walk=[a for a in self.addresses if a not in {n["address"] for n in nodes}])

    def start(self, name, command):
        process = Process(name, command)
        self.processes.append(process)
        return process

    def our_command(self, *arguments):
        peers = ["--bootstrap", self.bootstrap] if self.bootstrap else [part for address in self.addresses for part in ("--peer", address)]
        return [self.node, "--overlay", self.overlay, *peers, *arguments]

    def start_ours(self, role):
        process = self.start("our " + role, self.our_command("--" + role))
        event = process.wait_for("listening", within=START_WITHIN)
        self.known[event["mid"]] = ("our", role)
        self.addresses.append(event["address"])
        return process

    def by_our_client(self, hops):
        arguments = ("--hops", hops, "--to", self.echo.address, "--count", COUNT, "--size", SIZE, "--relays", self.relays + self.exits,
                     "--exits", self.exits)
        client = self.start("our client", self.our_command(*map(str, arguments)))
        try:
            self.check("our client", hops, client.wait_for("done", "failed", within=RESULT_WITHIN))
        finally:
            client.stop()

    def by_their_client(self, hops):
        self.swarm.tell(transfer={"hops": hops, "to": self.echo.address, "count": COUNT, "size": SIZE,
                                  "relays": self.relays + self.exits, "exits": self.exits})
        self.check("their client", hops, self.swarm.wait_for("transfer", within=RESULT_WITHIN))

    def leave_alone(self, seconds):
        """Nobody is told to walk any more: for longer than the 57.5 s after which the silent are forgotten."""
        time.sleep(10)
        self.swarm.tell(walk_no_more=True)
        time.sleep(seconds)

    def check(self, client, hops, result):
        path = [self.known.get(mid, ("an unknown", "node")) for mid in result.get("path", [])]
        text = " > ".join(" ".join(hop) for hop in path)
        print(f"  {client}, {hops} hops: {text or 'no path'}: {result}")
        good = result.get("ok", result["event"] == "done") and result["echoed"] == COUNT and result["wrong"] == 0
        if not good or len(path) != hops or len(set(result["path"])) != hops or ("an unknown", "node") in path:
            raise Failed(f"{client}, {hops} hops")
        if path[-1][1] != "exit":
            raise Failed(f"{client}, {hops} hops: the last hop is no exit")
        if {side for side, _ in path} != self.sides:
            raise Failed(f"{client}, {hops} hops: the path should have led through nodes of both sides")

    def stop(self):
        for process in reversed(self.processes):
            if process.child.poll() is None:
                process.stop()
        self.echo.socket.close()
        return [event for node in self.our_nodes for event in list(node.events.queue) if event["event"] == "traffic"]


BY_SERVER = "a bootstrap server alone"
# theirs (relays, exits), ours (relays, exits), hops by our client, hops by theirs, seconds of being left alone before. In the mixed ones there are so few nodes that
# every path must cross from one implementation to the other.
SCENARIOS = [
    ("their relays and exits", (3, 2), (0, 0), (1, 2, 3), (), 0),
    ("our relays and exits", (0, 0), (3, 2), (), (1, 2, 3), 0),
    ("their relays, our exit", (3, 0), (0, 1), (2, 3), (2, 3), 0),
    ("our relays, their exit", (0, 1), (3, 0), (2, 3), (2, 3), 0),
    ("relays of both, their exit", (1, 1), (1, 0), (3,), (3,), 0),
    ("relays of both, our exit", (1, 0), (1, 1), (3,), (3,), 0),
    ("left to themselves for a while", (1, 1), (1, 0), (), (3,), 75),
    (BY_SERVER, (1, 1), (1, 0), (3,), (3,), 0),
]


def run(node, python, generation, scenario):
    name, theirs, ours, our_hops, their_hops, alone = scenario
    print(f"{generation}: {name}")
    network = Scenario(node, python, generation, theirs, ours, bootstrap=name == BY_SERVER)
    failed = []
    try:
        if alone:
            network.leave_alone(alone)
        for transfer, lengths in ((network.by_our_client, our_hops), (network.by_their_client, their_hops)):
            for hops in lengths:
                try:
                    transfer(hops)
                except Failed as error:
                    failed.append(f"{name}: {error}")
                    print(f"  FAILED {error}")
    finally:
        traffic = network.stop()
    print(f"  our nodes carried: {traffic}")
    if sum(ours) > 0 and not failed and sum(t["relayed"] + t["exited"] for t in traffic) == 0:
        failed.append(f"{name}: our nodes carried nothing")
    if alone and any(t["peers"] < sum(theirs) + 1 for t in traffic):
        failed.append(f"{name}: our nodes forgot peers that live")
    return failed


def main():
    sys.stdout.reconfigure(line_buffering=True)
    node, build, generation = sys.argv[1:4]
    wanted = sys.argv[4:]
    python = environment(build, generation)
    failed = []
    for scenario in SCENARIOS:
        if scenario[0] not in wanted if wanted else scenario[-1] > 0 and generation != "native":
            continue # being left alone takes its time: once, with what Tribler ships
        try:
            failed += run(node, python, generation, scenario)
        except Failed as error:
            failed.append(f"{scenario[0]}: {error}")
    for line in failed:
        print("FAILED", line)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
