"""Asks alone: our client beside stock httpx, wrk where there is one, and the whole job beside all of them."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.cores import Measured, cores, measured, pin, vendor
from benchmarks.end_to_end import a_job
from benchmarks.figures import Figure, figure
from benchmarks.people import person, write_csv

_LATENCY_MS = 50.0
_SECONDS_EACH = 4


def run(folder: Path, *, rows: int, rounds: int) -> Iterator[Figure]:
    with vendor(_LATENCY_MS) as endpoint:
        yield from _beside_httpx(folder, endpoint, rows=rows, rounds=rounds)
        best = 0.0
        for concurrency in (20, 50, 100, 200):
            count = int(concurrency * 1_000 / _LATENCY_MS * _SECONDS_EACH)
            taken = [measured("bare_client", endpoint=endpoint, concurrency=concurrency, rows=count) for _ in range(rounds)]
            one = figure(
                f"client alone, 50 ms, c = {concurrency}: asks a second", map(rate, taken), "/s", bar=0.95 * best, at_least=True
            )
            best = max(best, one.value)
            yield one
            yield figure(f"client alone, 50 ms, c = {concurrency}: CPU an ask", map(_cpu_us, taken), "us")
        if shutil.which("wrk"):
            yield from (figure(f"wrk, 50 ms, c = {c}: asks a second", [_wrk(endpoint, c)], "/s") for c in (50, 200))
    with vendor(0) as endpoint:
        taken = [measured("bare_client", endpoint=endpoint, concurrency=50, rows=rows) for _ in range(rounds)]
        yield figure("client alone, 0 ms, c = 50: asks a second", map(rate, taken), "/s")
        yield figure("client alone, 0 ms, c = 50: CPU an ask", map(_cpu_us, taken), "us")


def _beside_httpx(folder: Path, endpoint: str, *, rows: int, rounds: int) -> Iterator[Figure]:
    """Compare in turns, so that what else the machine does meets all alike."""
    source = write_csv(folder / "people.csv", rows)
    ours, default, raised, bare = [], [], [], []
    for _ in range(rounds):
        ours.append(a_job(source, endpoint, folder, 50))
        bare.append(measured("bare_client", endpoint=endpoint, concurrency=50, rows=rows // 4))
        default.append(measured("httpx_client", endpoint=endpoint, concurrency=50, rows=1_000, keep_alive=False))
        raised.append(measured("httpx_client", endpoint=endpoint, concurrency=50, rows=500, keep_alive=True))
    yield figure("our whole job, csv, 50 ms, c = 50: asks a second", map(rate, ours), "/s")
    # What the vendor's own slowness and this machine's neighbors cost is in both; the rest is gate, sheets and first rounds.
    parts = [rate(them) / rate(us) for us, them in zip(ours, bare, strict=True)]
    yield figure("our whole job / our client alone: time an ask", parts, "x")
    for name, theirs, bar in (("default limits", default, 2.4), ("keep-alive raised to 50", raised, 8.0)):
        yield figure(f"stock httpx, {name}, asks only: asks a second", map(rate, theirs), "/s")
        yield figure(f"stock httpx, {name}: CPU an ask", map(_cpu_us, theirs), "us")
        ratios = [rate(us) / rate(them) for us, them in zip(ours, theirs, strict=True)]
        yield figure(f"our whole job / stock httpx, {name}", ratios, "x", bar=bar, at_least=True)


def rate(taken: Measured) -> float:
    return float(taken.told["asks"] / taken.told["wall_seconds"])


def _cpu_us(taken: Measured) -> float:
    return float(taken.told["cpu_seconds"] / taken.told["asks"] * 1e6)


def _wrk(endpoint: str, concurrency: int) -> float:
    asked = person(1)
    query = urlencode({"accountNo": asked.card, "idCard": asked.id_number, "name": asked.name})
    core = cores().client
    told = subprocess.run(
        ["wrk", "-t1", f"-c{concurrency}", "-d3", "-H", "Authorization: APPCODE sandbox", f"{endpoint}/bank3Check?{query}"],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=(lambda: pin(core)),
    ).stdout
    found = re.search(r"Requests/sec:\s*([\d.]+)", told)
    return float(found[1]) if found else 0.0
