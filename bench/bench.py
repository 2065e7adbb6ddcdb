#!/usr/bin/env python3
"""The benchmark table: downloads over real processes on loopback, next to libtorrent through a SOCKS5 relay that does nothing.

For hops 0 to 3 and workers 0, 1, 2 it prints MB/s and CPU seconds per GB by role. Rounds are interleaved, the median is shown with its
spread (min to max). Figures in CPU-s/GB and ratios of one run compare across machines; MB/s does not.

Usage: bench.py --build DIR [--size MIB] [--rounds N] [--hops 0,1,2,3] [--workers 0,1,2] [--seeders N] [--json FILE]
"""
import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "integration"))
import network  # noqa: E402

ROLES = ("libtorrent", "main", "workers", "relays", "exits", "seeders", "proxy")
TICKS = os.sysconf("SC_CLK_TCK")


def thread_seconds(pid: int):
    """CPU of the thread that runs the io loop (the first one), and of all others: those are libtorrent's."""
    first = rest = 0.0
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            fields = pathlib.Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()
        except OSError:
            continue
        seconds = int(fields[0]) / 1e9
        if int(task) == pid:
            first += seconds
        else:
            rest += seconds
    return first, rest


class Usage:
    """CPU seconds by role, read at the start and at the end of the transfer."""

    def __init__(self, net, downloader, seeders):
        self.net, self.downloader, self.seeders = net, downloader, seeders
        self.before = self.read()

    def read(self):
        main, libtorrent = thread_seconds(self.downloader.pid)
        sum_of = lambda processes: sum(sum(thread_seconds(p.pid)) for p in processes)  # noqa: E731
        return {"main": main, "libtorrent": libtorrent,
                "workers": sum(sum(thread_seconds(pid)) for pid in network.children(self.downloader.pid)),
                "relays": sum_of(self.net.relays), "exits": sum_of(self.net.exits), "seeders": sum_of(self.seeders), "proxy": 0.0}

    def since(self):
        now = self.read()
        return {role: now[role] - self.before[role] for role in ROLES}


def through_circuits(cepa, source, hops, workers, seeder_count):
    """One download by `cepa run`; the clock runs from the first byte to the last."""
    with network.Network(cepa, relays=4 if hops else 0, exits=2 if hops else 0) as net:
        torrent = net.torrent(source)
        seeders = [net.seeder(f"seeder{i}", source, torrent) for i in range(seeder_count)]
        downloader = net.service("downloader", workers=workers)
        seeds = [option for seeder in seeders for option in ("--seeder", seeder.swarm_address)]
        identity = downloader.ask("add", str(torrent), "--hops", str(hops), "-o", str(net.folder / "into"), *seeds)["id"]
        show = lambda: downloader.ask("show", identity)["torrent"]  # noqa: E731
        network.wait_for("the first bytes", lambda: show()["bytes_done"] > 0, 60, every=0.02)
        begun, start, usage = show()["bytes_done"], time.monotonic(), Usage(net, downloader, seeders)
        network.wait_for("the download", lambda: show()["complete"], 300, every=0.05)
        seconds, used = time.monotonic() - start, usage.since()
        size = source.stat().st_size - begun
        if network.sha256(source) != network.sha256(net.folder / "into" / source.name):
            raise AssertionError("wrong hash")
    return result(size, seconds, used)


def through_null_relay(build, source, folder, cepa, seeder_count):
    """libtorrent through a SOCKS5 relay that does nothing: what no tunnel can beat."""
    torrent = folder / "null.torrent"
    if not torrent.exists():  # one for all rounds
        subprocess.run([cepa, "create", str(source), "-o", str(torrent)], check=True, capture_output=True)
    transfer = str(build / "lt_transfer")
    buffers = ["recv_socket_buffer_size=4194304", "send_socket_buffer_size=4194304"]
    start = lambda *command: subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)  # noqa: E731
    proxy = start(str(build / "socks5_null"), "--gso")
    seeders = [start(transfer, "seed", str(source.parent), str(torrent), *buffers) for _ in range(seeder_count)]
    try:
        proxy_port, *ports = (process.stdout.readline().split()[-1] for process in (proxy, *seeders))
        before = [sum(thread_seconds(process.pid)) for process in (proxy, *seeders)]
        with tempfile.TemporaryDirectory(dir=folder) as into:
            run = subprocess.run([transfer, "get", into, str(torrent), ",".join(f"127.0.0.1:{port}" for port in ports), f"proxy={proxy_port}", "disk=posix",
                                  "timeout=120", *buffers], check=True, capture_output=True, text=True)
        got = json.loads(run.stdout)
        used = [sum(thread_seconds(process.pid)) - then for process, then in zip((proxy, *seeders), before)]
        return result(got["bytes"], got["seconds"], dict.fromkeys(ROLES, 0.0) | {"libtorrent": got["cpu_s"], "proxy": used[0], "seeders": sum(used[1:])})
    finally:
        for process in (proxy, *seeders):
            process.terminate()
            process.wait(10)


def result(size, seconds, used):
    return {"mb_s": size / 1e6 / seconds, "cpu_s_per_gb": {role: used[role] / (size / 1e9) for role in ROLES}}


def print_table(rows):
    print(f"{'':22}{'MB/s':>18}   " + "".join(f"{role:>11}" for role in ROLES) + f"{'all':>9}   CPU-s/GB")
    for name, runs in rows.items():
        rates = [run["mb_s"] for run in runs]
        costs = {role: statistics.median(run["cpu_s_per_gb"][role] for run in runs) for role in ROLES}
        spread = f"{statistics.median(rates):6.1f} ({min(rates):.0f}-{max(rates):.0f})"
        print(f"{name:22}{spread:>18}   " + "".join(f"{costs[role]:11.2f}" for role in ROLES) + f"{sum(costs.values()):9.2f}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    numbers = lambda text: [int(n) for n in text.split(",")]  # noqa: E731
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--size", type=int, default=384, help="MiB per download")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--hops", type=numbers, default=[0, 1, 2, 3])
    parser.add_argument("--workers", type=numbers, default=[0, 1, 2])
    parser.add_argument("--seeders", type=int, default=4)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    cepa = str(options.build.resolve() / "cepa")
    rows = {}
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="cepa-bench-", dir=memory) as name:
        folder = pathlib.Path(name)
        os.environ["TMPDIR"] = name  # the disk is not what is measured
        tempfile.tempdir = name
        source = folder / "bench.bin"
        network.random_file(source, options.size << 20)
        plan = [("null SOCKS5 relay", lambda: through_null_relay(options.build.resolve(), source, folder, cepa, options.seeders))]
        for hops in options.hops:
            for workers in options.workers if hops else options.workers[:1]:
                label = f"{hops} hops, {workers} workers" if hops else "0 hops (plain)"
                plan.append((label, lambda h=hops, w=workers: through_circuits(cepa, source, h, w, options.seeders)))
        for round_number in range(options.rounds):
            for label, run in plan:
                outcome = run()
                rows.setdefault(label, []).append(outcome)
                print(f"round {round_number + 1}/{options.rounds}  {label}: {outcome['mb_s']:.1f} MB/s", file=sys.stderr)
    print_table(rows)
    null = statistics.median(run["mb_s"] for run in rows["null SOCKS5 relay"])
    ratios = {label: statistics.median(run["mb_s"] for run in runs) / null for label, runs in rows.items()}
    print("\nrate as a share of the null relay's: " + ", ".join(f"{label} {ratio:.2f}" for label, ratio in ratios.items()))
    if options.json:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
        options.json.write_text(json.dumps({"commit": commit, "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "machine": platform.machine(),
                                            "cores": os.cpu_count(), "size_mib": options.size, "rows": rows, "share_of_null": ratios}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
