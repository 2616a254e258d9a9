"""Let every call that changes the disk be the last one, or the one that fails, and look whether anything was lost or paid twice.

    python -m tests.campaigns.disk_faults [--every N] [--places ledger,result] [--recovering] [--seed S]

The one thing to know: first the calls of a clean run are counted, for each kind of call and each place apart (the ledger's
file, its log, the index of the log, the cache, the key, scratch files, locks, the result). Then, for every n, a real process is killed at the n-th of them, or the
call fails with EIO or ENOSPC; a run without faults goes on (in this process: it is quicker), and everything is checked
against the bill of a vendor who never notices. With `--recovering` that is done to runs that recover a killed one. How a call is caught, and why not by strace, says `watched_calls`.
"""

from __future__ import annotations

import argparse
import errno
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from batchverify.errors import BatchVerifyError
from batchverify.model import RowStatus
from tests import desk as passes
from tests.campaigns.invariants import Findings, Sheet, check
from tests.campaigns.people import Person, person, read_result, write_sheet
from tests.campaigns.processes import APP_CODE, Desk, VendorProcess, clean_environment, ended, wait_until
from tests.campaigns.watched_calls import Call, Outcome, Watch

QUESTIONS, ROWS, CONCURRENCY = 12, 14, 4
LATENCY_SECONDS = 0.005
_REFUSED, _OPEN_ROWS, _HOME_FAILED = 2, 3, 5
RESULT, SUMMARY = "people.verified.csv", "people.summary.json"
#: Places by what a path below the desk's folder looks like; the first that fits.
_PLACES = (
    ("ledger", re.compile(r"home/sandbox/ledger\.sqlite")),
    ("ledger's log", re.compile(r"home/sandbox/ledger\.sqlite-wal")),
    ("ledger's index", re.compile(r"home/sandbox/ledger\.sqlite-shm")),
    ("new ledger", re.compile(r"home/sandbox/\.ledger\.sqlite\.[^/]*/.*")),
    ("key", re.compile(r"home/sandbox/(\.master\.key\.[^/]*/.*|master\.key)")),
    ("locks", re.compile(r"home/locks/.*|home/sandbox/[^/]*\.create")),
    ("cache", re.compile(r"home/sandbox/cache/.*")),
    ("scratch", re.compile(r"home/tmp/.*")),
    ("result", re.compile(r"\.bv-.*|people\.(verified|summary).*")),
    ("folders", re.compile(r"|home(/sandbox(/cache|/\.[^/]*)?|/locks|/tmp)?")),
)
PLACES = tuple(name for name, _ in _PLACES)
#: What a run may do without: it is a copy, or says only who is alive.
_SPARE = frozenset({"cache", "scratch", "locks"})
#: What may fail and the run go on. A file that cannot be taken away is no harm, a folder that is there need not be made,
#: SQLite looks away when a folder cannot be synced and opens a log that it may not create for reading only.
_SPARE_CALLS = frozenset({("fsync", "folders"), ("mkdir", "folders"), ("create", "ledger's log")})
#: The kinds of call that the short form tries: what writes, syncs, cuts and renames.
CORE = frozenset({"write", "fsync", "ftruncate", "rename"})


class Blow(StrEnum):
    """What befalls the n-th call."""

    KILL = "kill"
    EIO = "EIO"
    ENOSPC = "ENOSPC"

    @property
    def error(self) -> int:
        """The error number that the call fails with, 0 for the death of the process."""
        return 0 if self is Blow.KILL else int(getattr(errno, self.value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One run to spoil."""

    call: Call
    blow: Blow

    def __str__(self) -> str:
        return f"{self.blow} at {self.call}"


@dataclass(slots=True, kw_only=True)
class Tally:
    """What a sweep has seen. `codes` counts the exit codes by blow and place; what is wrong stands in `findings`."""

    findings: Findings = field(default_factory=Findings)
    codes: dict[tuple[str, str], Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    cases: int = 0
    missed: int = 0
    most_after: int = 0

    def lines(self) -> Iterator[str]:
        """Spell the figures."""
        for (blow, place), codes in sorted(self.codes.items()):
            yield f"{blow:6} {place:14} " + ", ".join(f"{count} × exit {code}" for code, count in sorted(codes.items()))
        found = self.findings
        yield f"cases {self.cases} (not reached {self.missed}), rows {found.rows}, asks {found.asks}"
        yield f"billed {found.billed} in [{found.certain}, {found.certain + found.in_doubt}]"
        yield f"asks that arrived after an error of the ledger {self.most_after} at most, all of them granted before it"
        yield from found.broken or ["nothing lost, nothing paid twice"]


@contextmanager
def quick_folder() -> Iterator[Path]:
    """An empty folder in memory where there is such a place: thousands of homes are made and thrown away."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="campaign-", dir=memory if os.access(memory, os.W_OK) else None) as name:
        yield Path(name)


def place_below(folder: Path) -> Callable[[str], str]:
    """Make the function that gives the place of a path below `folder`, "" elsewhere."""
    beginning = f"{folder.resolve()}/"

    def place(path: str) -> str:
        below = f"{path}/".removeprefix(beginning).rstrip("/") if f"{path}/".startswith(beginning) else None
        return next((name for name, pattern in _PLACES if below is not None and pattern.fullmatch(below)), "")

    return place


def command_of(desk: Desk, *arguments: str) -> tuple[list[str], dict[str, str]]:
    """The command line and the environment of a command at a desk, for who starts it in another way."""
    assert desk.vendor is not None
    environment = clean_environment() | {"BATCHVERIFY_HOME": str(desk.home), "TMPDIR": str(desk.temporary)}
    environment |= {"BATCHVERIFY_ENDPOINT": desk.vendor.endpoint, "BATCHVERIFY_APPCODE": APP_CODE}
    return [sys.executable, "-m", *desk.program, *arguments], environment | dict(desk.environment)


@dataclass(frozen=True, slots=True, kw_only=True)
class Killed:
    """A run that was killed with asks in flight: its folder, a copy of what it left there, and the bill up to then."""

    folder: Path
    left: Path
    bill: Mapping[str, Any]


class Room:
    """A folder with a sheet, and the vendor that all rooms share; its bill begins anew with each room.

    `after` is what a killed run has left, and then the folder is that run's.
    """

    findings = Findings()

    def __init__(self, folder: Path, vendor: VendorProcess, *, after: Killed | None = None) -> None:
        vendor.post("reset", {})
        self.vendor, self.after = vendor, after
        different = [person(number, "02" if number % 5 == 0 else "00") for number in range(QUESTIONS)]
        self.rows: list[Person] = [*different, *different[: ROWS - QUESTIONS]]
        if after is None:
            folder.mkdir(parents=True)
            write_sheet(folder / "people.csv", self.rows)
        else:
            shutil.copytree(after.left, folder)
        self.desk = Desk(folder=folder, vendor=vendor)
        self.source = folder / "people.csv"

    def run(self, watch: Watch) -> Outcome:
        """Verify the sheet under a watch."""
        command, environment = command_of(
            self.desk, "run", self.source.name, "--yes", "--json", "--concurrency", str(CONCURRENCY)
        )
        return watch.run(command, folder=self.desk.folder, environment=environment)

    def result_faults(self) -> Iterator[str]:
        """A result is there whole or not at all."""
        if (self.desk.folder / RESULT).exists():
            rows = read_result(self.desk.folder / RESULT)
            if len(rows) != len(self.rows) or not all(row["bv_status"] and row["bv_source"] for row in rows):
                yield "half of a result lies in its place"

    def go_on(self) -> Iterator[str]:
        """Go on without faults until every row has ended, and check everything; yields what is wrong."""
        desk = passes.Desk(folder=self.desk.folder, home=self.desk.home, endpoint=self.vendor.endpoint)
        result = desk.verify(self.source, concurrency=CONCURRENCY)
        yield from self._judged(result)
        if result.counts().get("in_doubt"):
            # A person accepts that the rows in doubt may be paid twice: then every row has its answer.
            result = desk.rerun(result.job, what=frozenset({RowStatus.IN_DOUBT}), concurrency=CONCURRENCY)
            yield from self._judged(result)
        if not {"matched", "mismatched"}.issuperset(result.counts()):
            yield f"after the last run the rows are {result.counts()}"
        left = {path.name for path in self.desk.folder.glob(".*")} | {path.name for path in (self.desk.home / "tmp").iterdir()}
        if left:
            yield f"{len(left)} drafts were left behind"
        # An empty hidden folder may stay where a new ledger had just been given its name.
        if any(path.is_file() for path in (self.desk.home / "sandbox").glob(".*/*")):
            yield "a half-made file was left behind"

    def _judged(self, result: passes.Result) -> Iterator[str]:
        sheet = Sheet(rows=self.rows, result=result.path)
        bill = self.vendor.bill()
        for name in () if self.after is None else ("asks", "total", "billed"):
            bill[name] = self.after.bill[name] + bill[name]
        self.findings = check(self.desk.home, bill, [sheet], in_flight=CONCURRENCY)
        yield from self.findings.broken
        self.findings.broken = []


def killed(folder: Path, vendor: VendorProcess) -> Killed:
    """Kill a run with asks in flight, so that another one has something to recover."""
    room = Room(folder / "killed", vendor)
    # Slow, so that something is in flight whenever it is killed.
    vendor.post("latency", {"seconds": 0.1})
    process = room.desk.begin("run", room.source.name, "--yes", "--concurrency", str(CONCURRENCY))
    wait_until(lambda: vendor.total() > CONCURRENCY, process=process)
    process.kill()
    run = ended(process)
    assert run.code == -signal.SIGKILL, f"It was faster than we: {run.err}"
    vendor.post("latency", {"seconds": LATENCY_SECONDS})
    room.desk.folder.rename(folder / "left")
    return Killed(folder=room.desk.folder, left=folder / "left", bill=vendor.bill())


def counted(folder: Path, vendor: VendorProcess, *, after: Killed | None = None) -> list[Call]:
    """Every call of a clean run, in order. Raises AssertionError when it is not clean."""
    room = Room(folder if after is None else after.folder, vendor, after=after)
    watch = Watch(place_of=place_below(room.desk.folder))
    run = room.run(watch)
    assert run.code == (0 if after is None else _OPEN_ROWS), run.err
    shutil.rmtree(room.desk.folder)
    return watch.order


def cases_of(
    order: Sequence[Call], *, every: int, places: Iterable[str] = PLACES, names: Iterable[str] = (), shift: int = 0
) -> list[Case]:
    """Every `every`-th call of each kind and place, the first and the last of each in any case; each with all blows.

    `names` are the kinds of call to try, all where there are none.
    Where only some are taken, each has one of the blows in turn, so that all three come to all kinds.
    """
    kinds: defaultdict[tuple[str, str], list[Call]] = defaultdict(list)
    for call in order:
        if call.place in places and (call.name in names or not names):
            kinds[call.name, call.place].append(call)
    cases: list[Case] = []
    for calls in kinds.values():
        for at, call in enumerate(calls):
            if at in {0, len(calls) - 1} or (at + shift) % every == 0:
                blows = list(Blow) if every == 1 else [list(Blow)[(len(cases) + shift) % len(Blow)]]
                cases += [Case(call=call, blow=blow) for blow in blows]
    return cases


def sweep(folder: Path, vendor: VendorProcess, cases: Iterable[Case], *, after: Killed | None = None) -> Tally:
    """Try the cases one by one."""
    tally = Tally()
    for number, case in enumerate(cases):
        room = Room(folder / f"case-{number}" if after is None else after.folder, vendor, after=after)
        attempt(room, case, tally)
        shutil.rmtree(room.desk.folder)
    return tally


def attempt(room: Room, case: Case, tally: Tally) -> None:
    """Let a run be spoiled, go on with it, and judge both."""
    before: list[tuple[int, bool]] = []

    def strike() -> int:
        # The caller stands still meanwhile, so whatever arrives later left after the blow or was under way.
        before.append((room.vendor.total(), (room.desk.folder / SUMMARY).exists()))
        return case.blow.error

    watch = Watch(place_of=place_below(room.desk.folder), at=case.call, strike=strike)
    run = room.run(watch)
    tally.cases += 1
    if not before:
        tally.missed += 1
    else:
        tally.codes[case.blow.value, case.call.place][run.code] += 1
    asked, was_done = before[-1] if before else (0, True)
    well = 0 if room.after is None else _OPEN_ROWS
    allowed = _codes_of(case, struck=bool(before), was_done=was_done, asked=asked, well=well)
    faults = [*_of_ending(run, allowed), *room.result_faults()]
    if before and case.blow is not Blow.KILL and run.code == _HOME_FAILED:
        late = room.vendor.total() - asked
        tally.most_after = max(tally.most_after, late)
        if late > CONCURRENCY:
            faults.append(f"{late} asks arrived after the error, with {CONCURRENCY} in flight at most")
    try:
        faults += room.go_on()
    except BatchVerifyError as error:
        faults.append(f"the run that went on failed: {error}")
    tally.findings.add(room.findings)
    tally.findings.broken += [f"{case}: {fault}" for fault in faults]


def _codes_of(case: Case, *, struck: bool, was_done: bool, asked: int, well: int) -> set[int]:
    """The exit codes that are right: dead, or a failed home, or well where the run could do without that call."""
    if not struck:
        return {well}
    if case.blow is Blow.KILL:
        return {-signal.SIGKILL}
    allowed = {_HOME_FAILED}
    if case.call.place == "result" and not asked:
        # Before anything is asked it is tried whether a result can be written at all.
        allowed.add(_REFUSED)
    if was_done or _may_be_spared(case.call):
        allowed.add(well)
    return allowed


def _of_ending(run: Outcome, allowed: set[int]) -> Iterator[str]:
    """How a run may end: with one of these codes, and a sentence that says what to do where it failed."""
    if "Traceback" in run.err:
        yield f"it ended with a traceback: {run.err[-300:]}"
    if run.code not in allowed:
        yield f"it ended with {run.code}: {run.err[-300:]}"
    if run.code in {_REFUSED, _HOME_FAILED} and not re.search(r"^Error: .+\. .+\.$", run.err, re.MULTILINE):
        yield f"it ended without a sentence that says what to do: {run.err[-300:]}"


def _may_be_spared(call: Call) -> bool:
    return call.place in _SPARE or call.name == "unlink" or (call.name, call.place) in _SPARE_CALLS


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sweep and print what was seen; 1 where anything is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.campaigns.disk_faults", description="Spoil every call that changes the disk and check the bill."
    )
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--places", default=",".join(PLACES))
    parser.add_argument("--recovering", action="store_true", help="spoil runs that recover what a killed one left in flight")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    options = parser.parse_args(arguments)
    began = time.monotonic()
    with quick_folder() as folder, VendorProcess("--latency-ms", str(1000 * LATENCY_SECONDS)) as vendor:
        after = killed(folder, vendor) if options.recovering else None
        order = counted(folder / "clean", vendor, after=after)
        cases = cases_of(order, every=options.every, places=options.places.split(","), shift=options.seed)
        random.Random(options.seed).shuffle(cases)
        tally = sweep(folder, vendor, cases, after=after)
    lines = [f"seed {options.seed}: {len(order)} calls in a clean run, {time.monotonic() - began:.0f} s", *tally.lines()]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if tally.findings.broken else 0


if __name__ == "__main__":
    sys.exit(main())
