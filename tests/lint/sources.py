#!/usr/bin/env python3
"""Greps the sources for what CMake and the compiler cannot see. Prints every finding and fails when there is one.

Usage: sources.py ROOT
"""
import pathlib
import re
import sys

# (what it is, pattern, folders it is searched in, files it is allowed in)
RULES = [
    ("includes go by layer, never by \"../\"", r'#\s*include\s+"\.\./', ("src", "proto", "tests"), ()),
    ("libsodium belongs to tunnel and main", r"#\s*include\s+<sodium", ("src", "proto"), ("src/tunnel/", "src/main/")),
    ("libcrypto belongs to tunnel and main", r"#\s*include\s+<openssl/", ("src", "proto"), ("src/tunnel/", "src/main/")),
    ("libtorrent belongs to main", r"#\s*include\s+<libtorrent/", ("src", "proto"), ("src/main/",)),
    ("Boost.Process belongs to main", r"#\s*include\s+<boost/process", ("src", "proto"), ("src/main/",)),
    ("JSON belongs to main", r"#\s*include\s+<nlohmann/", ("src", "proto"), ("src/main/",)),
    # But libtorrent's: what its plugins count is read by main.
    ("processes are our threads: no mutex", r"\bstd::(recursive_|shared_)?mutex\b", ("src", "proto"), ("src/main/peer_payload.hpp",)),
    ("a bare detached swallows exceptions", r"\bdetached\b\s*\)", ("src", "proto"), ()),
    ("the tunnels never read the wall clock for ages", r"system_clock|steady_clock|\btime\s*\(\s*(nullptr|NULL|0)\s*\)|CLOCK_REALTIME",
     ("src/tunnel",), ()),
    ("calls of libtorrent that leak: banned by name",
     r"\b(add_dht_router|start_upnp|start_natpmp|start_lsd|listen_on|set_i2p_proxy|outgoing_interfaces)\s*\(", ("src",), ()),
    ("sources are listed by name", r"file\s*\(\s*GLOB", ("src", "proto", "tests", "cmake"), ()),
    ("no path of a build machine", r"(^|[^\w.])/(w" r"ork|f" r"arm)/", ("src", "proto", "tests", "docs", "bench", "cmake", "README.md", "run"), ()),
    ("the project does not depend on a folder beside it", r"\.\./sha" r"red", ("src", "proto", "tests", "docs", "bench", "cmake", "README.md", "run"), ()),
]
TEXT = {".cpp", ".hpp", ".c", ".h", ".proto", ".py", ".txt", ".cmake", ".md", ".sh", ""}
BAD_NAMES = re.compile(r"(^|_)(util|utils|helper|helpers|common|manager|misc)(_|\.|$)")


def files(root: pathlib.Path, where: str):
    start = root / where
    if start.is_file():
        return [start]
    return sorted(p for p in start.rglob("*") if p.is_file() and p.suffix in TEXT) if start.is_dir() else []


def findings(root: pathlib.Path):
    for what, pattern, folders, allowed in RULES:
        regex = re.compile(pattern)
        for folder in folders:
            for path in files(root, folder):
                name = path.relative_to(root).as_posix()
                if name.startswith(tuple(allowed)) or name.startswith("tests/lint/"):
                    continue
                for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
                    if regex.search(line):
                        yield f"{name}:{number}: {what}: {line.strip()[:120]}"
    for folder in ("src", "proto"):
        for path in files(root, folder):
            name = path.relative_to(root).as_posix()
            if BAD_NAMES.search(path.stem):
                yield f"{name}: a file is named after its one concept"
            if path.suffix == ".cpp" and path.name != "main.cpp":
                mirrored = root / "tests"
                if not any(mirrored.rglob(f"{path.stem}_test.cpp")) and not any(mirrored.rglob(f"{path.stem}_test.py")):
                    yield f"{name}: has no mirrored test {path.stem}_test"
            if path.suffix == ".hpp" and not path.read_text().startswith("//"):
                yield f"{name}: a header opens with its concept, process and specification"


def main() -> int:
    root = pathlib.Path(sys.argv[1])
    found = list(findings(root))
    print("\n".join(found) or "nothing found")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
