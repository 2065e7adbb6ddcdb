#!/usr/bin/env python3
"""Names what a run of ctest skipped, and why: ctest itself only says how many.

Reads Testing/Temporary/LastTest.log of the given build folders and prints one line per skipped test or case:
"skipped: NAME: REASON". Exit status 0, whatever it finds.

Usage: skips.py BUILD_FOLDER...
"""
import pathlib
import re
import sys

BLOCK = re.compile(r'^\d+/\d+ Testing: (?P<name>.+?)\n.*?^Output:\n-+\n(?P<output>.*?)^<end of output>\n(?P<end>.*?)^"', re.M | re.S)
PYTHON = re.compile(r"^(?P<case>\w+) \(.*?(?:\n.*?)?\.\.\. skipped (?P<quote>['\"])(?P<reason>.*)(?P=quote)$", re.M)
GTEST = re.compile(r"^\S+:\d+: Skipped\n(?P<reason>.+)$", re.M)


def reasons(output: str):
    """Of one test; "" is never a reason."""
    found = [f"{case['case']}: {case['reason']}" for case in PYTHON.finditer(output)]
    found += [case["reason"].strip() for case in GTEST.finditer(output)]
    if found:
        return found
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return [lines[-1] if lines else "it did not say"]


def skipped(log: str):
    """(name, reason) of everything that a LastTest.log says was skipped."""
    for block in BLOCK.finditer(log):
        # ctest's two ways of saying so: by the exit status, and by what the test printed.
        if "Test Skipped" not in block["end"] and "Skip regular expression found" not in block["end"]:
            continue
        for reason in reasons(block["output"]):
            yield block["name"], reason


def main() -> int:
    for folder in sys.argv[1:]:
        log = pathlib.Path(folder) / "Testing" / "Temporary" / "LastTest.log"
        if log.exists():
            for name, reason in skipped(log.read_text(errors="replace")):
                print(f"skipped: {name}: {reason}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
