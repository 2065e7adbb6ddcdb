"""A private network of real cepa processes on loopback: relays, exits, seeders, and whoever uses them.

Every node has a state folder, a key and a 127.x.y.z address of its own, in a /16 of its own. Nothing reaches beyond loopback: the overlay id
is random and there is no bootstrap server. Used by the integration tests and by the benchmark.
"""
import hashlib
import json
import os
import pathlib
import random
import secrets
import shutil
import signal
import subprocess
import tempfile
import time

PORT = 7759


def sha256(path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def random_file(path, size: int):
    """Written in chunks; incompressible, like what travels."""
    with open(path, "wb") as file:
        while size > 0:
            file.write(os.urandom(min(size, 1 << 20)))
            size -= 1 << 20


def children(pid: int):
    """Processes whose parent is `pid`."""
    try:
        return [int(p) for task in os.listdir(f"/proc/{pid}/task") for p in pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text().split()]
    except OSError:
        return []


def cpu_seconds(pid: int) -> float:
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Process:
    """One cepa process started with --json; its last line on stdout is read as it comes."""

    def __init__(self, network, name, arguments, environment=None, prefix=()):
        self.name = name
        self.state = network.folder / f"state-{name}"
        self.log = open(network.folder / f"{name}.log", "w+")
        self.process = subprocess.Popen([*prefix, network.cepa, *arguments, "--state", str(self.state), "--json"], stdout=subprocess.PIPE, stderr=self.log,
                                        stdin=subprocess.DEVNULL, text=True, env=network.environment | (environment or {}))
        self.network = network

    @property
    def pid(self) -> int:
        return self.process.pid

    def errors(self) -> str:
        self.log.flush()
        return pathlib.Path(self.log.name).read_text()[-3000:]

    def ready(self) -> dict:
        """The object that a node prints once it runs."""
        line = self.process.stdout.readline()
        if not line.startswith("{") or not json.loads(line).get("ready"):
            raise AssertionError(f"{self.name} did not start: {line} {self.errors()}")
        return json.loads(line)

    def ask(self, *command) -> dict:
        """A command that acts on this node, e.g. ask("status")."""
        run = subprocess.run([self.network.cepa, *command, "--state", str(self.state), "--json"], capture_output=True, text=True,
                             env=self.network.environment, timeout=60)
        if run.returncode != 0:
            raise AssertionError(f"{' '.join(command)}: status {run.returncode}: {run.stderr[-1000:]} {run.stdout[-500:]}")
        return json.loads(run.stdout.strip().splitlines()[-1])

    def stop(self, grace: float = 15) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(grace)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()
        self.log.close()
        return self.process.returncode


class Network:
    def __init__(self, cepa, relays=3, exits=2):
        self.cepa = cepa
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="cepa-test-"))
        self.overlay = secrets.token_hex(20)
        self.host = f"{random.randrange(1, 255)}.{random.randrange(1, 255)}"
        self.next_network = 10
        self.processes = []
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("CEPA_")} | {"CEPA_NETWORK_ALLOW_LOOPBACK": "true"}
        self.peers = []
        try:
            self.relays = [self.node(f"relay{i}", "--relay") for i in range(relays)]
            self.exits = [self.node(f"exit{i}", "--exit") for i in range(exits)]
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for process in reversed(self.processes):
            process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def address(self) -> str:
        self.next_network += 1
        return f"127.{self.next_network}.{self.host}"

    def start(self, name, *arguments, environment=None, prefix=()) -> Process:
        """`prefix`: a command that runs the rest, e.g. in another network namespace."""
        process = Process(self, name, arguments, environment, prefix)
        self.processes.append(process)
        return process

    def tunnel_options(self, listen=None):
        options = ["--overlay", self.overlay, "--listen", listen or f"{self.address()}:{PORT}"]
        for peer in self.peers[:4]:
            options += ["--peer", peer]
        return options

    def node(self, name, *role) -> Process:
        listen = f"{self.address()}:{PORT}"
        process = self.start(name, "node", *role, "--workers", "0", *self.tunnel_options(listen))
        process.address = listen.rpartition(":")[0]
        process.ready()
        self.peers.append(listen)
        return process

    def torrent(self, path) -> pathlib.Path:
        out = self.folder / (pathlib.Path(path).name + ".torrent")
        subprocess.run([self.cepa, "create", str(path), "-o", str(out)], check=True, capture_output=True, env=self.environment)
        return out

    def seeder(self, name, path, torrent) -> Process:
        process = self.start(name, "seed", str(path), "--torrent", str(torrent), "--listen", f"{self.address()}:0")
        ready = process.ready()
        process.swarm_address, process.torrent_id = ready["listen"], ready["id"]
        return process

    def service(self, name, *options, workers=2, environment=None) -> Process:
        """`cepa run`: a downloader that torrents are added to."""
        process = self.start(name, "run", "--workers", str(workers), *self.tunnel_options(), *options, environment=environment)
        process.ready()
        return process


def wait_for(what, condition, limit: float, every: float = 0.1):
    """A hang limit, not a measurement: raises when `condition()` stays false for `limit` seconds."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(every)
    raise AssertionError(f"waited {limit} s for {what}")
