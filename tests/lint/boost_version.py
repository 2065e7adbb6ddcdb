#!/usr/bin/env python3
"""The configure step must refuse a Boost that is not the one libtorrent was built with, and say so.

Usage: boost_version.py SOURCE_DIR CMAKE
"""
import subprocess
import sys
import tempfile


def main() -> int:
    with tempfile.TemporaryDirectory() as build:
        run = subprocess.run([sys.argv[2], "-G", "Ninja", "-S", sys.argv[1], "-B", build, "-DCEPA_BOOST_REQUIRED=1.81"],
                             capture_output=True, text=True)
    said = " ".join(run.stderr.split())
    ok = run.returncode != 0 and "libtorrent-rasterbar is built with Boost 1.81" in said
    print("refused, and said why" if ok else f"status {run.returncode}, said: {said[-500:]}")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
