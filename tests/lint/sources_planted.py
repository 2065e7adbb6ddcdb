#!/usr/bin/env python3
"""Plants one violation of every rule of sources.py in a throw-away tree and requires that each is found."""
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import sources  # noqa: E402

PLANTED = {
    "src/socks5/a.hpp": ['#include "../tunnel/x.hpp"', "#include <sodium.h>", "#include <openssl/evp.h>", "#include <libtorrent/session.hpp>",
                         "#include <boost/process/child.hpp>", "#include <nlohmann/json.hpp>", "std::mutex m;",
                         "co_spawn(io, run(), detached);", "ses.add_dht_router({});"],
    "src/tunnel/a.cpp": ["auto t = std::chrono::system_clock::now();"],
    "src/tunnel/helper.cpp": [""],
    "cmake/a.cmake": ["file(GLOB s *.cpp)"],
    "docs/a.md": ["see /wor" "k/main", "see ../sha" "red/design.md"],
}


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, lines in PLANTED.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(lines) + "\n")
        found = list(sources.findings(root))
    whats = [rule[0] for rule in sources.RULES] + ["a file is named after its one concept", "has no mirrored test", "a header opens with"]
    missed = [what for what in whats if not any(what in line for line in found)]
    print("\n".join(f"not found: {what}" for what in missed) or f"all {len(whats)} planted violations found")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
