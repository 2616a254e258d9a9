"""The gate alone: what an ask costs in the ledger, and how long a free worker waits for its next ask.

The one thing to know: the waiting is seen from the workers of a real crew with a real, durable ledger; only the vendor is
replaced, by a sleep. From the end of one ask to the beginning of the worker's next one is what the gate takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.cores import measured
from benchmarks.figures import Figure, figure

_ASKS = 6_000


def run(folder: Path, *, rows: int, rounds: int) -> Iterator[Figure]:
    for batch in (1, 10, 50):
        count = min(rows, 400 * batch)
        taken = [
            measured("gate_cost", folder=str(folder / f"cost-{batch}-{at}"), batch=batch, asks=count) for at in range(rounds)
        ]
        yield figure(
            f"settle and reserve, {batch} at once: CPU an ask",
            (one.told["cpu_us"] for one in taken),
            "us",
            bar=20 if batch == 50 else None,
        )
        yield figure(f"settle and reserve, {batch} at once: a commit", (one.told["commit_ms"] for one in taken), "ms")
    for slower_ms in (0.0, 5.0):
        taken = [
            measured("gate_wait", folder=str(folder / f"wait-{slower_ms:.0f}-{at}"), asks=_ASKS, slower_ms=slower_ms)
            for at in range(rounds)
        ]
        where = f"50 ms, c = 200{f', commits {slower_ms:.0f} ms slower' if slower_ms else ''}"
        yield figure(f"{where}: wait for the gate, median", (one.told["wait_ms_p50"] for one in taken), "ms")
        yield figure(f"{where}: wait for the gate, p99", (one.told["wait_ms_p99"] for one in taken), "ms")
        allowed = [one.told["wait_ms_p99"] / (2.5 * one.told["commit_ms"] + 0.5) for one in taken]
        yield figure(f"{where}: p99 / (2.5 commits + 0.5 ms)", allowed, bar=1.0)
        yield figure(f"{where}: asks a second", (one.told["rate"] for one in taken), "/s")
    count = 10 * rows
    recovered = [measured("recovery", folder=str(folder / f"recovery-{at}"), asks=count) for at in range(rounds)]
    yield figure(
        f"recovery of a dead run, {count:,} asks, half of them open", (one.told["wall_seconds"] for one in recovered), "s", bar=2
    )
