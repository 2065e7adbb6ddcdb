"""The table of docs/interoperability.md, from what whole_file_test.py wrote. Usage: table.py BUILD_DIRECTORY"""
import json
import pathlib
import sys

print("| generation | combination | network of | hops | MiB | MB/s | seconds, with finding and linking | hash |\n|---|---|---|---|---|---|---|---|")
for file in sorted(pathlib.Path(sys.argv[1]).glob("files-*.json")):
    for row in json.loads(file.read_text()):
        print("| {generation} | {combination} | {network} | {hops} | {mib} | {mb_s} | {seconds} | {hash} |".format(
            **row, mib=row["bytes"] >> 20, hash="right" if row["sha256_ok"] else "WRONG"))
