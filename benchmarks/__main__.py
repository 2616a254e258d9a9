"""The one entry: `python -m benchmarks [part ...]`."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from benchmarks import client, end_to_end, gate, report, tables
from benchmarks.figures import machine, table

PARTS = {"end_to_end": end_to_end.run, "client": client.run, "gate": gate.run, "tables": tables.run, "report": report.run}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"which of {', '.join(PARTS)}; all when none is named")
    parser.add_argument(
        "--rows", type=int, default=10_000, help="rows of the main job; sheets alone are measured with ten times as many"
    )
    parser.add_argument("--rounds", type=int, default=3, help="how often each thing is taken; the median counts")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, for comparison over time")
    given = parser.parse_args()
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    document: dict[str, object] = {"machine": machine()}
    print(json.dumps(document["machine"], ensure_ascii=False, indent=2), end="\n\n")
    for part in given.parts or PARTS:
        with tempfile.TemporaryDirectory(prefix="batchverify-benchmark-", ignore_cleanup_errors=True) as folder:
            figures = list(PARTS[part](Path(folder), rows=given.rows, rounds=given.rounds))
        print(table(part, figures), end="\n\n", flush=True)
        document[part] = [one.as_json() for one in figures]
    if given.json:
        given.json.write_text(json.dumps(document, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
