#!/usr/bin/env python3
"""Runs a command in a network namespace of its own that has a default route to nowhere, and counts what leaves.

Two instruments: an nft counter of packets that belong to a user's socket and leave by anything but loopback, and a capture on
the far end of the link. The namespace's only way out is a veth whose other end answers nobody, so nothing can reach a stranger.

The command may be the whole test run; what tests do in further namespaces of their own (planted leaks) does not count here. Tests that
fetch from PyPI are left out, or have made their environment before:
  tests/integration/watched.py -- ctest --test-dir build/all -LE "slow|interop"

Usage: watched.py [--report FILE] -- COMMAND [ARGUMENT...]
Exit status: the command's when nothing left, 3 when something did, 77 when no such namespace can be made here.
"""
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time

MARKER = b"the end of what is watched"
SETUP = """
ip link set lo up
sysctl -qw net.ipv6.conf.default.router_solicitations=0 net.ipv6.conf.default.accept_ra=0 || true
ip link add out0 type veth peer name far0
ip addr add 198.18.0.2/24 dev out0
ip -6 addr add 2001:db8:77::2/64 dev out0 nodad || true
ip link set out0 up
ip link set far0 up
ip neigh add 198.18.0.1 lladdr 02:00:00:00:00:01 dev out0
ip -6 neigh add 2001:db8:77::1 lladdr 02:00:00:00:00:01 dev out0 || true
ip route add default via 198.18.0.1
ip -6 route add default via 2001:db8:77::1 || true
nft add table inet watch
nft add chain inet watch out '{ type filter hook output priority 0; policy accept; }'
nft add rule inet watch out oifname lo accept
nft add counter inet watch owned
nft add rule inet watch out meta skuid 0-4294967294 counter name owned
"""


def owned_packets() -> int:
    listing = subprocess.run(["nft", "list", "counter", "inet", "watch", "owned"], capture_output=True, text=True, check=True).stdout
    return int(re.search(r"packets (\d+)", listing).group(1))


def packets_until_marker(capture_file):
    """Sends one packet that only this script sends, and reads the capture until it is there: then all before it is there too."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as marker:
        marker.sendto(MARKER, ("198.18.0.1", 9))
    wanted = f"> 198.18.0.1.9: UDP, length {len(MARKER)}"
    end = time.monotonic() + 30
    while time.monotonic() < end:
        seen = subprocess.run(["tcpdump", "-nn", "-r", capture_file], capture_output=True, text=True).stdout.splitlines()
        if any(wanted in line for line in seen):
            return [line for line in seen if wanted not in line]
        time.sleep(0.1)
    raise RuntimeError("the capture never saw the marker: the instrument is broken")


def inside(arguments, report) -> int:
    """Already in the new namespaces: builds the link, runs the command, reads the instruments."""
    with tempfile.TemporaryDirectory() as folder:
        resolv = os.path.join(folder, "resolv.conf")
        with open(resolv, "w") as file:
            file.write("nameserver 198.18.0.1\noptions timeout:1 attempts:1\n")
        subprocess.run(["mount", "--bind", resolv, os.path.realpath("/etc/resolv.conf")], check=False, stderr=subprocess.DEVNULL)
        made = subprocess.run(["sh", "-ec", SETUP], capture_output=True, text=True)
        if made.returncode != 0:
            print(f"watched: no namespace with a default route here: {made.stderr.strip()[-300:]}", file=sys.stderr)
            return 77
        capture_file = os.path.join(folder, "far.pcap")
        capture = subprocess.Popen(["tcpdump", "-U", "--immediate-mode", "-i", "far0", "-w", capture_file, "(ip or ip6) and not icmp6 and not (ip6[6] = 0)"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        assert capture.stderr is not None
        capture.stderr.readline()  # "tcpdump: listening on far0"
        status = subprocess.run(arguments).returncode
        owned = owned_packets()
        captured = packets_until_marker(capture_file)
        capture.terminate()
        capture.wait(10)
    print(f"watched: {owned} packets of a socket left loopback, {len(captured)} seen on the link", file=sys.stderr)
    for line in captured[:10]:
        print(f"watched:   {line}", file=sys.stderr)
    if report:
        with open(report, "w") as file:
            json.dump({"owned": owned, "captured": len(captured), "status": status}, file)
    if status == 0 and (owned or captured):
        return 3
    return status


def main() -> int:
    arguments = sys.argv[1:]
    report = None
    if arguments[:1] == ["--report"]:
        report, arguments = arguments[1], arguments[2:]
    if arguments[:1] == ["--inside"]:
        return inside(arguments[2:], report)
    if arguments[:1] != ["--"] or len(arguments) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    unshare = ["unshare", "--net", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--net", "--mount"]
    extra = ["--report", report] if report else []
    command = unshare + [sys.executable, os.path.abspath(__file__)] + extra + ["--inside"] + arguments
    return subprocess.run(command).returncode


if __name__ == "__main__":
    sys.exit(main())
