"""Sheets: reading and writing beside the libraries alone, planning, a run that reuses everything, and the start."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.cores import measured, vendor
from benchmarks.end_to_end import a_job
from benchmarks.figures import Figure, figure
from benchmarks.people import write_csv, write_xlsx


def run(folder: Path, *, rows: int, rounds: int) -> Iterator[Figure]:
    many = rows * 10
    book, text = write_xlsx(folder / "many.xlsx", many), write_csv(folder / "many.csv", many)
    yield figure("batchverify --help", (_help_seconds() for _ in range(max(rounds, 3))), "s", bar=0.3)
    ours = [measured("read_ours", source=str(book), folder=str(folder)) for _ in range(rounds)]
    theirs = [measured("read_calamine", source=str(book)) for _ in range(rounds)]
    ratios = [us.told["wall_seconds"] / them.told["wall_seconds"] for us, them in zip(ours, theirs, strict=True)]
    yield figure(f"read {many:,} rows of xlsx / python-calamine alone", ratios, "x", bar=1.5)
    ours = [measured("write_ours", source=str(text), folder=str(folder)) for _ in range(rounds)]
    theirs = [measured("write_xlsxwriter", rows=many, folder=str(folder)) for _ in range(rounds)]
    ratios = [us.told["wall_seconds"] / them.told["wall_seconds"] for us, them in zip(ours, theirs, strict=True)]
    yield figure(f"write {many:,} rows x 27 columns of xlsx, as delivered / xlsxwriter alone", ratios, "x", bar=0.35)
    with vendor(0) as endpoint:
        a_job(text, endpoint, folder, 100, home="reused")
        for kind in (text, book):
            # Another name, so that it is another job and not the finished one.
            copies = [folder / f"again-{at}{kind.suffix}" for at in range(rounds)]
            for copy in copies:
                shutil.copyfile(kind, copy)
            taken = [a_job(copy, endpoint, folder, 100, home="reused") for copy in copies]
            if any(one.told["asks"] for one in taken):
                raise SystemExit("What was answered was asked again.")
            what = f"{kind.suffix[1:]}, {many:,} rows, all reused"
            rates = [many / one.told["wall_seconds"] for one in taken]
            yield figure(f"{what}: rows a second", rates, "/s", bar=20_000 if kind is text else None, at_least=True)
            yield figure(f"{what}: peak memory", (one.peak_mb for one in taken), "MB")
        taken = [measured("plan", source=str(text), endpoint=endpoint, home=str(folder / f"plan-{at}")) for at in range(rounds)]
        yield figure(
            f"plan, csv, {many:,} rows: rows a second",
            (many / one.told["wall_seconds"] for one in taken),
            "/s",
            bar=25_000,
            at_least=True,
        )


def _help_seconds() -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "batchverify", "--help"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started
