#!/usr/bin/env python3
"""The configure step must refuse a Boost that is not the one libtorrent was built with, and say so; it learns that one from
libtorrent's package. A newer libtorrent 2.0.x is taken, 2.1 is not.

Usage: boost_version.py SOURCE_DIR CMAKE
"""
import os
import pathlib
import subprocess
import sys
import tempfile

FAKE_DPKG = """#!/bin/sh
case "$*" in
*Depends*) echo "libtorrent-rasterbar2.0 (= 2.0.11-1), {depends}, libssl-dev" ;;
*) echo "{version}" ;;
esac
"""


def configure(folder, *options, environment=None):
    run = subprocess.run([sys.argv[2], "-G", "Ninja", "-S", sys.argv[1], "-B", tempfile.mkdtemp(dir=folder), *options], capture_output=True,
                         text=True, env=os.environ | (environment or {}))
    return run.returncode, " ".join(run.stderr.split())


def refused_for(result, version):
    return result[0] != 0 and f"libtorrent-rasterbar is built with Boost {version}" in result[1]


def with_package(folder, depends, version):
    """As on a distribution whose libtorrent development package depends on `depends`."""
    program = pathlib.Path(tempfile.mkdtemp(dir=folder)) / "dpkg-query"
    program.write_text(FAKE_DPKG.format(depends=depends, version=version))
    program.chmod(0o755)
    return configure(folder, f"-DCEPA_DPKG_QUERY={program}")


def with_libtorrent(folder, version):
    """As with another release of libtorrent, as far as its description goes."""
    where = subprocess.run(["pkg-config", "--variable=pcfiledir", "libtorrent-rasterbar"], capture_output=True, text=True, check=True).stdout.strip()
    text = pathlib.Path(where, "libtorrent-rasterbar.pc").read_text()
    other = pathlib.Path(tempfile.mkdtemp(dir=folder))
    lines = [f"Version: {version}" if line.startswith("Version:") else line for line in text.splitlines()]
    (other / "libtorrent-rasterbar.pc").write_text("\n".join(lines) + "\n")
    return configure(folder, "-DCEPA_TESTS=OFF", environment={"PKG_CONFIG_PATH": str(other)})


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        newer, next_one = with_libtorrent(folder, "2.0.99"), with_libtorrent(folder, "2.1.0")
        checks = {
            "said by the user": refused_for(configure(folder, "-DCEPA_BOOST_REQUIRED=1.81"), "1.81"),
            "named by the package": refused_for(with_package(folder, "libboost-system1.83-dev", ""), "1.83"),
            "the distribution's default": refused_for(with_package(folder, "libboost-dev", "1.67.0.2"), "1.67"),
            "a newer libtorrent 2.0.x is taken": newer[0] == 0,
            "libtorrent 2.1 is refused": next_one[0] != 0 and "2.0.8 or a newer 2.0.x is needed" in next_one[1],
        }
    for what, ok in checks.items():
        print(f"{'ok' if ok else 'WRONG'}: {what}")
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
