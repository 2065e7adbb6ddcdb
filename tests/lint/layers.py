#!/usr/bin/env python3
"""Proves the dependency rule: with the real compile flags of each layer, an allowed include compiles and a forbidden one does not.

Usage: layers.py BUILD_DIR (with compile_commands.json)
"""
import json
import pathlib
import shlex
import subprocess
import sys
import tempfile

# layer: (a source of it, headers it may include, headers it may not)
LAYERS = {
    "base": ("src/base/address.cpp", ["base/bytes.hpp"], ["proto/frame.hpp", "socks5/message.hpp", "tunnel/tunnel.hpp"]),
    "proto": ("proto/frame.cpp", ["base/bytes.hpp", "proto/frame.hpp"], ["socks5/message.hpp", "tunnel/tunnel.hpp", "worker/worker.hpp"]),
    "socks5": ("src/socks5/message.cpp", ["base/bytes.hpp", "socks5/message.hpp"], ["proto/frame.hpp", "tunnel/tunnel.hpp", "main/app.hpp"]),
    "tunnel": ("src/tunnel/error.cpp", ["base/bytes.hpp", "tunnel/tunnel.hpp"], ["proto/frame.hpp", "socks5/message.hpp", "worker/worker.hpp"]),
    "worker": ("src/worker/worker.cpp", ["tunnel/tunnel.hpp", "proto/frame.hpp"], ["socks5/message.hpp", "main/app.hpp"]),
    "main": ("src/main/app.cpp", ["socks5/message.hpp", "proto/frame.hpp"], ["tunnel/tunnel.hpp", "worker/worker.hpp"]),
}


def compiles(command: str, directory: str, header: str) -> bool:
    arguments, flags, skip = shlex.split(command), [], False
    for argument in arguments:
        if skip:
            skip = False
        elif argument in ("-o", "-c", "-MF", "-MT", "-MQ"):
            skip = True
        elif argument != "-MD":
            flags.append(argument)
    if pathlib.Path(flags[0]).name == "ccache":
        flags = flags[1:]
    with tempfile.NamedTemporaryFile("w", suffix=".cpp") as source:
        source.write(f'#include "{header}"\n')
        source.flush()
        return subprocess.run(flags + ["-fsyntax-only", source.name], cwd=directory, capture_output=True).returncode == 0


def main() -> int:
    entries = json.loads((pathlib.Path(sys.argv[1]) / "compile_commands.json").read_text())
    bad = []
    for layer, (source, allowed, forbidden) in LAYERS.items():
        entry = next((e for e in entries if e["file"].endswith("/" + source)), None)
        if entry is None:
            bad.append(f"{layer}: {source} is not compiled")
            continue
        bad += [f"{layer}: may include {h} but cannot" for h in allowed if not compiles(entry["command"], entry["directory"], h)]
        bad += [f"{layer}: must not include {h} but can" for h in forbidden if compiles(entry["command"], entry["directory"], h)]
    print("\n".join(bad) or f"{len(LAYERS)} layers hold")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
