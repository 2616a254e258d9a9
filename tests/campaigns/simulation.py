"""Whole worlds from one number each: clocks, network, crashes, several processes on one home, and a referee.

    python -m tests.campaigns.simulation --seeds 100000 --first 1 --processes 2
    python -m tests.campaigns.simulation --seeds 1 --first 4711 --verbose

The one thing to know: a seed is a world. Everything that happens in it is drawn from the seed, so that a world in which
something was broken can be looked at again, step by step, as often as one likes.
"""

from __future__ import annotations

import argparse
import gc
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

from batchverify.store.ledger.schema import create_file
from tests.campaigns.simulated_world import Parts, Tally, World

_CHUNK = 250
_GARBAGE = 50_000


def simulate(
    seeds: Sequence[int], *, parts: Parts | None = None, say: Callable[[str], None] | None = None, most_broken: int = 10
) -> Tally:
    """Live these worlds, one after the other; ends early when so many were broken."""
    tally, broken = Tally(), 0
    parts = parts or Parts()
    # A world is thrown away as a whole, and walking through it in the middle finds nothing.
    gc.set_threshold(_GARBAGE, 20, 20)
    in_memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="simulation-", dir=in_memory if in_memory.is_dir() else None) as name:
        folder = Path(name)
        template = folder / "template.sqlite"
        create_file(template, simulated=True)
        with closing(sqlite3.connect(template)) as con:
            con.executescript(parts.tables)
        for seed in seeds:
            world = World(seed, folder, template, parts=parts, say=say)
            try:
                lived = world.live()
            finally:
                world.close()
            tally.add(lived)
            broken += bool(lived.findings.broken)
            if broken == most_broken:
                break
    return tally


def campaign(*, first: int, seeds: int, processes: int) -> Tally:
    """Live that many worlds on so many cores."""
    if processes == 1:
        return simulate(range(first, first + seeds))
    starts = range(first, first + seeds, _CHUNK)
    tally = Tally()
    with ProcessPoolExecutor(processes) as pool:
        for lived in pool.map(simulate, [range(start, min(start + _CHUNK, first + seeds)) for start in starts]):
            tally.add(lived)
    return tally


def main(arguments: Sequence[str] | None = None) -> int:
    """Live the worlds and print what was seen; 1 where anything was broken."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.campaigns.simulation", description="Whole worlds from one number each, judged."
    )
    parser.add_argument("--seeds", type=int, default=2_000)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--verbose", action="store_true", help="tell what happens in each world")
    options = parser.parse_args(arguments)
    began = time.monotonic()
    if options.verbose:
        say = partial(print, flush=True)
        tally = simulate(range(options.first, options.first + options.seeds), say=say)
    else:
        tally = campaign(first=options.first, seeds=options.seeds, processes=options.processes)
    seconds, seen = time.monotonic() - began, tally.findings
    cpu = sum(os.times()[:4])
    lines = [
        f"{tally.seeds} seeds from {options.first} on in {seconds:.0f} s, {cpu:.0f} s of a core ({tally.seeds / cpu:.0f} a second)",
        f"runs {seen.runs}, crashes {tally.crashes}, runs lost in the middle {seen.lost_runs}",
        f"asks {seen.asks}, billed {seen.billed} in [{seen.certain}, {seen.certain + seen.in_doubt}], in doubt {seen.in_doubt}",
        f"asks for a locked ID number after a restart with a clock set forward: {tally.excused}",
        f"asks above the rate that left late, for their connection took long: {tally.crowded}",
        *(seen.broken or ["no invariant was broken"]),
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if seen.broken else 0


if __name__ == "__main__":
    sys.exit(main())
