"""The audit report of a large job, in each form, and its check: seconds and memory of the whole process (ten times --rows)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.cores import measured, vendor
from benchmarks.end_to_end import a_job
from benchmarks.figures import Figure, figure
from benchmarks.people import write_csv

_MOST_SECONDS = 10.0
_MOST_MB = 500.0
#: The bars are those of a hundred thousand rows.
_BARRED_ROWS = 100_000


def run(folder: Path, *, rows: int, rounds: int) -> Iterator[Figure]:
    rows *= 10
    with vendor(0) as endpoint:
        job = a_job(write_csv(folder / "people.csv", rows), endpoint, folder, 50, home="home").told["job"]
    is_barred = rows == _BARRED_ROWS
    for suffix in (".json", ".html", ".xlsx", ".pdf"):
        target = str(folder / f"report{suffix}")
        for act in ("report", "check"):
            taken = [measured(act, job=job, home=str(folder / "home"), output=target) for _ in range(rounds)]
            where = f"{act} {suffix}, {rows:,} rows"
            bars = (_MOST_SECONDS, _MOST_MB) if is_barred and act == "report" else (None, None)
            yield figure(f"{where}: whole process", (one.wall_seconds for one in taken), "s", bar=bars[0])
            yield figure(f"{where}: CPU", (one.cpu_seconds for one in taken), "s")
            yield figure(f"{where}: peak memory", (one.peak_mb for one in taken), "MB", bar=bars[1])
