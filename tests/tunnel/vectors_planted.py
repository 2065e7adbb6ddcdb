#!/usr/bin/env python3
"""Proves that the vector tests look at the vectors: changes one byte in a copy of the file and demands that they fail,
once for every recorded byte string and once for every recorded number, flag and host name.

usage: vectors_planted.py TUNNEL_TEST VECTORS [--every N]     (every N-th place; the offset in a string is fixed by it)
"""
import argparse
import copy
import json
import os
import re
import subprocess
import sys
import tempfile

# Places whose change may rightly go unnoticed, as patterns of their paths.
INDIFFERENT = re.compile("|".join((
    r"schema|seed|generator|.*/(name|kind|curve|not_executed|sent_to/.*)",  # for readers
    r"dht/token/.*",                                      # the deployed nodes' own recipe for an opaque field
    r".*/connection_type",                                # always 0, as we write it
    r"cells/2[67]/fields/circuit_id",                     # recorded without the packet that would carry it
    r"onion/./relay_initial_relay_early_count",           # tested by relay_early_sequence
    r"hidden/data/initial_counters/(downloader_e2e/forward|seeder_e2e/backward)",  # directions that end only opens
    r"dht/node_ids/./(address/(port|host)|mid)",          # the port, the masked bits and the end of the mid do not enter
    r"negative/.*/(packet|relay_early)",                  # what is dropped may stay dropped; the verdicts do count
    r"exit_policy/samples/[0-9]+/datagram",               # what looks like nothing may go on so; the verdicts do count
)))


def places(value, path=()):
    """Paths to all leaves that the tests must notice."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, path + (key,))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, path + (index,))
    elif value is not None and not INDIFFERENT.fullmatch("/".join(map(str, path))):
        yield path


def changed(value, position):
    """`value` with one byte (or the number, or the flag) changed; None when there is nothing to change."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value ^ 1
    if not value:
        return None
    if re.fullmatch("(?:[0-9a-f]{2})+", value):
        # Bit 4: X25519 ignores the outer bits of a secret.
        at = 2 * (position % (len(value) // 2))
        return value[:at] + f"{int(value[at:at + 2], 16) ^ 0x10:02x}" + value[at + 2:]
    at = position % len(value)
    return value[:at] + ("1" if value[at] != "1" else "2") + value[at + 1:]


def passes(tests, document, folder):
    path = os.path.join(folder, "vectors.json")
    with open(path, "w", encoding="ascii") as file:
        json.dump(document, file)
    run = subprocess.run([tests, "--gtest_filter=Vectors*", "--gtest_brief=1"], env=dict(os.environ, CEPA_IPV8_VECTORS=path),
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60, check=False)
    if run.returncode not in (0, 1):
        raise SystemExit(f"the tests crashed: {run.returncode}")
    return run.returncode == 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tests")
    parser.add_argument("vectors")
    parser.add_argument("--every", type=int, default=1)
    options = parser.parse_args()
    with open(options.vectors, encoding="ascii") as file:
        original = json.load(file)
    with tempfile.TemporaryDirectory() as folder:
        if not passes(options.tests, original, folder):
            raise SystemExit("the vector tests fail on unchanged vectors")
        tried, unnoticed = 0, []
        for number, path in enumerate(places(original)):
            if number % options.every:
                continue
            document = copy.deepcopy(original)
            parent = document
            for key in path[:-1]:
                parent = parent[key]
            new = changed(parent[path[-1]], 7 * number + 3)
            if new is None:
                continue
            parent[path[-1]] = new
            tried += 1
            if passes(options.tests, document, folder):
                unnoticed.append("/".join(map(str, path)))
    print(f"{tried} places changed, {len(unnoticed)} unnoticed")
    for path in unnoticed:
        print("unnoticed:", path)
    return 1 if unnoticed or tried < 50 else 0


if __name__ == "__main__":
    sys.exit(main())
