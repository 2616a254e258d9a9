"""Kill the real process at random, again and again, and look whether anything was lost or paid twice.

    python -m tests.campaigns.kills --kills 1000 --seed 1

The one thing to know: a sheet is verified under `kill -9` until it is done; the vendor is never killed, so its bill is the
truth. Where a kill falls is drawn from the seed: at any instant from the start on, at a number of asks, or while the
result is written.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from batchverify.store.ledger import Ledger
from tests.campaigns.invariants import Findings, Sheet, check
from tests.campaigns.people import Person, person, write_sheet
from tests.campaigns.processes import Desk, Ended, VendorProcess, ended, wait_until

ROWS, QUESTIONS, CONCURRENCY, KILLS_PER_SHEET = 320, 260, 8, 5
_TURNS_PER_KILL = 3
_OPEN_ROWS = 3
_RESUMED_SHARE = 0.6


def sheet_of(path: Path, *, seed: int) -> list[Person]:
    """Write a sheet of people with duplicates, mismatches and some that cannot be verified, and return its rows."""
    draw = random.Random(seed)
    different = [person(number, draw.choice(["00", "00", "02", "52"])) for number in range(QUESTIONS)]
    rows = [*different, *draw.choices(different, k=ROWS - QUESTIONS)]
    draw.shuffle(rows)
    write_sheet(path, rows)
    return rows


def campaign(folder: Path, *, kills: int, seed: int) -> Findings:
    """Kill that many runs, and check after each sheet; what is wrong stands in the findings."""
    findings, number = Findings(), 0
    while kills > 0:
        room = folder / f"sheet-{number}"
        room.mkdir(parents=True)
        with VendorProcess("--latency-ms", "15") as vendor:
            here = min(KILLS_PER_SHEET, kills)
            findings.add(_one_sheet(Desk(folder=room, vendor=vendor), kills=here, seed=seed * 1_000_003 + number))
        kills -= here
        number += 1
    return findings


def _one_sheet(desk: Desk, *, kills: int, seed: int) -> Findings:
    assert desk.vendor is not None
    draw = random.Random(seed)
    source = desk.folder / "people.csv"
    rows = sheet_of(source, seed=seed)
    killed, was_killed = 0, True
    for _ in range(_TURNS_PER_KILL * kills):
        if killed < kills:
            left = QUESTIONS - desk.vendor.total()
            # After one that ended of itself there is little left to ask: the next is killed early.
            share = max(1, left // (kills - killed + 1))
            # Only the last one may be let come to its result, for nothing is left to ask then.
            weights = [0, 0, 0, 1] if not was_killed else [7, 2, 6 if killed == kills - 1 else 0, 0]
            was_killed = _kill_one(desk, source, draw, share=share, weights=weights)
            killed += was_killed
    last = desk.run(*_going_on(desk, source, draw), "--yes", "--json", "--concurrency", str(CONCURRENCY))
    findings = _judged(desk, last, rows, seed=seed)
    if last.code == _OPEN_ROWS:
        # A person accepts that the rows in doubt may be paid twice: then every row has its answer.
        after = desk.run(*last.next_arguments, "--yes", "--json", "--concurrency", str(CONCURRENCY))
        findings.broken += _judged(desk, after, rows, seed=seed).broken
        if after.code != 0:
            findings.broken.append(f"Seed {seed}: the command that goes on ended with {after.code}.")
    if killed < kills:
        findings.broken.append(f"Seed {seed}: only {killed} of {kills} processes were killed before they had ended.")
    return findings


def _going_on(desk: Desk, source: Path, draw: random.Random) -> list[str]:
    """Draw one of the two ways to go on with what a dead process began: `resume JOB`, or `run` with the same file."""
    path = desk.home / "sandbox" / "ledger.sqlite"
    if path.exists() and draw.random() < _RESUMED_SHARE:
        with Ledger.open(path, create=False, simulated=True) as ledger:
            unfinished = [job.id for job in ledger.jobs() if job.finished_at is None]
        if unfinished:
            return ["resume", unfinished[0]]
    return ["run", str(source)]


def _judged(desk: Desk, last: Ended, rows: Sequence[Person], *, seed: int) -> Findings:
    assert desk.vendor is not None
    if last.code not in {0, _OPEN_ROWS}:
        return Findings(broken=[f"Seed {seed}: the last run ended with {last.code}: {last.err[-500:]}"])
    sheet = Sheet(rows=rows, result=Path(last.json["outputs"][0]["path"]))
    findings = check(desk.home, desk.vendor.bill(), [sheet], in_flight=CONCURRENCY)
    findings.broken = [f"Seed {seed}: {fault}" for fault in findings.broken]
    return findings


def _kill_one(desk: Desk, source: Path, draw: random.Random, *, share: int, weights: Sequence[int]) -> bool:
    """Start a run and kill it somewhere; True if it was killed before it had ended.

    Of what is left, a run is let its `share` of asks, so that there is something to kill in the next.
    """
    assert desk.vendor is not None
    vendor = desk.vendor
    target = vendor.total() + draw.randint(1, share)
    process = desk.begin(*_going_on(desk, source, draw), "--yes", "--concurrency", str(CONCURRENCY))
    match draw.choices(["asks", "instant", "writing", "early"], weights)[0]:
        case "asks":
            wait_until(lambda: vendor.total() >= target, process=process)
            time.sleep(draw.uniform(0, 0.03))
        case "instant":
            time.sleep(draw.uniform(0.2, 1.2))
        case "early":
            time.sleep(draw.uniform(0.05, 0.5))
        case _:
            wait_until(lambda: vendor.total() >= target, process=process)
            _wait_until_silent(vendor, process)
            time.sleep(draw.uniform(0, 0.15))
    was_alive = process.poll() is None
    process.kill()
    ended(process)
    return was_alive


def _wait_until_silent(vendor: VendorProcess, process: subprocess.Popen[str]) -> None:
    before = -1
    while process.poll() is None and before != (before := vendor.total()):
        time.sleep(0.06)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the campaign and print what was seen; 1 where anything is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.campaigns.kills", description="Kill runs at random and check the bill."
    )
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    options = parser.parse_args(arguments)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        findings = campaign(Path(folder), kills=options.kills, seed=options.seed)
    lines = [
        f"seed {options.seed}: {options.kills} kills in {time.monotonic() - began:.0f} s; {findings.lost_runs} runs lost in the middle",
        f"rows {findings.rows}, asks {findings.asks}",
        f"billed {findings.billed} in [{findings.certain}, {findings.certain + findings.in_doubt}]",
        f"in doubt {findings.in_doubt}, of one kill at most {findings.most_doubt_of_a_lost_run} of {CONCURRENCY} in flight",
        *(findings.broken or ["nothing lost, nothing paid twice"]),
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if findings.broken else 0


if __name__ == "__main__":
    sys.exit(main())
