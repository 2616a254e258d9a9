"""The main job, sheet in and sheet out, against the ideal: rows x latency / asks at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.cores import Measured, measured, vendor
from benchmarks.figures import Figure, figure
from benchmarks.people import write_csv, write_xlsx

_LATENCY_MS = 50.0
_SCRIPT_ROWS = 2_000
_SCRIPT_THREADS = 20


def run(folder: Path, *, rows: int, rounds: int) -> Iterator[Figure]:
    sheets = {"csv": write_csv(folder / "people.csv", rows), "xlsx": write_xlsx(folder / "people.xlsx", rows)}
    with vendor(_LATENCY_MS) as endpoint:
        for kind, concurrency, bar in (("csv", 50, 1.05), ("csv", 200, 1.30), ("xlsx", 50, 1.05), ("xlsx", 200, 1.30)):
            taken = [a_job(sheets[kind], endpoint, folder, concurrency) for _ in range(rounds)]
            yield from _against_ideal(f"{kind}, {_LATENCY_MS:.0f} ms, c = {concurrency}", taken, rows, concurrency, bar=bar)
    with vendor(0) as endpoint:
        for kind, sheet in sheets.items():
            taken = [a_job(sheet, endpoint, folder, 50) for _ in range(rounds)]
            where = f"{kind}, 0 ms, c = 50"
            yield figure(f"{where}: rows a second, job", (rows / one.told["wall_seconds"] for one in taken), "/s")
            yield from _cost(where, taken, rows, bar=300 if kind == "csv" else None)
    yield from _against_a_script(folder, rounds)


def a_job(source: Path, endpoint: str, folder: Path, concurrency: int, *, home: str | None = None) -> Measured:
    """Run the job in a fresh home (or the one named) and see to it that every row was asked and matched."""
    fresh = folder / (home or f"home-{len(list(folder.glob('home-*')))}")
    target = folder / f"result{source.suffix}"
    taken = measured("job", source=str(source), endpoint=endpoint, home=str(fresh), concurrency=concurrency, output=str(target))
    if taken.told["status"]["matched"] != taken.told["rows"]:
        raise SystemExit(f"Not every row was answered: {taken.told}")
    return taken


def _against_ideal(where: str, taken: list[Measured], rows: int, concurrency: int, *, bar: float) -> Iterator[Figure]:
    ideal = rows * _LATENCY_MS / 1_000 / concurrency
    yield figure(f"{where}: whole process / ideal {ideal:.1f} s", (one.wall_seconds / ideal for one in taken), bar=bar)
    yield figure(f"{where}: job inside the process / ideal", (one.told["wall_seconds"] / ideal for one in taken), bar=bar)
    yield figure(f"{where}: asking alone / ideal", (one.told["asking_seconds"] / ideal for one in taken))
    yield from _cost(where, taken, rows, bar=None)


def _cost(where: str, taken: list[Measured], rows: int, *, bar: float | None) -> Iterator[Figure]:
    yield figure(f"{where}: CPU an ask, all in", (one.told["cpu_seconds"] / rows * 1e6 for one in taken), "us", bar=bar)
    yield figure(f"{where}: CPU an ask, with start-up", (one.cpu_seconds / rows * 1e6 for one in taken), "us")
    yield figure(f"{where}: peak memory", (one.peak_mb for one in taken), "MB")


def _against_a_script(folder: Path, rounds: int) -> Iterator[Figure]:
    """Time pandas + requests in threads + to_excel over the same sheet, with as many asks at once."""
    source = write_xlsx(folder / "few.xlsx", _SCRIPT_ROWS)
    for latency_ms, bar in ((_LATENCY_MS, 1.0), (0.0, 2.0)):
        with vendor(latency_ms) as endpoint:
            ratios = []
            for _ in range(rounds):
                theirs = measured(
                    "script", source=str(source), endpoint=endpoint, threads=_SCRIPT_THREADS, output=str(folder / "script.xlsx")
                )
                ours = a_job(source, endpoint, folder, _SCRIPT_THREADS)
                ratios.append(theirs.wall_seconds / ours.wall_seconds)
        yield figure(
            f"xlsx, {latency_ms:.0f} ms, c = 20, {_SCRIPT_ROWS:,} rows: times as fast as pandas + requests in threads",
            ratios,
            "x",
            bar=bar,
            at_least=True,
        )
