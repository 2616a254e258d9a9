"""Thousands of faults of every kind in one sheet, then none: every row ends, and the bill adds up.

    python -m tests.campaigns.mixed_faults --rows 20000 --faults 2000 --seed 1

The one thing to know: the real process goes on only by the commands that its summaries name. Faults that end a run (an
empty package, a wrong echo, too many in doubt) cost one more command each, so they are a few; the others share the rest.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from batchverify.rules.sums import check_sums
from batchverify.sandbox import Fault
from tests.campaigns.invariants import Findings, Sheet, check
from tests.campaigns.people import person, write_sheet
from tests.campaigns.processes import Desk, Ended, VendorProcess

CONCURRENCY = 50
#: A deadline of one second, so that a vendor who never answers costs one second and not fifteen.
PATIENCE = {
    "BATCHVERIFY_DEADLINE_SECONDS": "1",
    "BATCHVERIFY_BREAKER_PAUSE_SECONDS": "0.2",
    "BATCHVERIFY_BACK_OFF_SECONDS": "0.1",
}
#: Each of these ends a run; after the last one nothing is asked for 90 s.
_STOPPING = (
    Fault.QUOTA_EXHAUSTED,
    Fault.QUOTA_EXPIRED,
    Fault.REVOKED,
    Fault.UNAUTHORIZED,
    Fault.ARREARS,
    Fault.WRONG_ECHO,
    Fault.BREAKER_503,
)
#: What leaves no doubt: sent again, or answered in spite of it.
_HARMLESS = (Fault.THROTTLE_429, Fault.THROTTLE_403, Fault.ERROR_503, Fault.STALE)
_DOUBTFUL = tuple(fault for fault in Fault if fault not in (*_STOPPING, *_HARMLESS))
_FINAL, _OPEN_ROWS, _VENDOR_STOP = 0, 3, 4
_MOST_COMMANDS = 400


@dataclass(slots=True, kw_only=True)
class Course:
    """What was done and seen: the exit codes in their order, and the sentences about what is wrong."""

    codes: list[int] = field(default_factory=list)
    findings: Findings = field(default_factory=Findings)
    struck: dict[str, int] = field(default_factory=dict)

    @property
    def broken(self) -> list[str]:
        return self.findings.broken


def script(*, rows: int, faults: int, seed: int, kinds: Sequence[Fault] = tuple(Fault)) -> list[dict[str, Any]]:
    """Draw at which asks which fault strikes, as the sandbox's console takes it.

    A hundredth of them end runs, two fifths leave a question in doubt, the rest only delays it.
    """
    draw = random.Random(seed)
    few = max(1, faults // 100 // len(_STOPPING))
    wanted = {fault: few for fault in _STOPPING if fault in kinds}
    doubtful = [fault for fault in _DOUBTFUL if fault in kinds]
    wanted |= dict.fromkeys(doubtful, max(1, faults * 2 // 5 // len(doubtful)))
    left = faults - sum(wanted.values())
    for at, fault in enumerate(_HARMLESS):
        wanted[fault] = left // len(_HARMLESS) + (at < left % len(_HARMLESS))
    places = draw.sample(range(1, rows + 1), k=faults)
    rules = []
    for fault, count in wanted.items():
        here, places = places[:count], places[count:]
        # Whether the vendor bills what it did not answer is nobody's knowledge: half of them either way.
        for billed in (True, False):
            share = here[billed::2]
            if share:
                rules.append({"fault": fault.value, "at": sorted(share)} | ({"billed": billed} if fault in doubtful else {}))
    return rules


def campaign(folder: Path, *, rows: int, faults: int, seed: int, kinds: Sequence[Fault] = tuple(Fault)) -> Course:
    """Verify a sheet of that many different people under that many faults, then without; go on until every row has ended."""
    people = [person(number, "00" if number % 5 else "02") for number in range(rows)]
    source = write_sheet(folder / "people.csv", people)
    sheet = Sheet(rows=people, result=folder / "people.verified.csv")
    course = Course()
    with VendorProcess("--latency-ms", "5") as vendor:
        desk = Desk(folder=folder, vendor=vendor, environment=PATIENCE)
        vendor.post("faults", script(rows=rows, faults=faults, seed=seed, kinds=kinds))
        arguments = ["run", str(source)]
        while len(course.codes) < _MOST_COMMANDS:
            ended = desk.run(*arguments, "--yes", "--json", "--concurrency", str(CONCURRENCY))
            course.codes.append(ended.code)
            if ended.code not in (_FINAL, _OPEN_ROWS, _VENDOR_STOP):
                course.broken.append(f"{arguments[0]} ended with {ended.code}: {ended.err[-300:]}")
                return course
            course.broken.extend(check_sums(ended.json))
            if _is_settled(ended):
                break
            arguments = ended.next_arguments
        # What the faults left in doubt is there now, and nothing else is open: a person decides.
        vendor.post("faults", [])
        course.findings.add(check(desk.home, vendor.bill(), [sheet], in_flight=CONCURRENCY))
        while ended.code != _FINAL and len(course.codes) < _MOST_COMMANDS:
            ended = desk.run(*ended.next_arguments, "--yes", "--json")
            course.codes.append(ended.code)
        course.findings = _last_look(desk, vendor, sheet, ended, course)
    return course


def _is_settled(ended: Ended) -> bool:
    """Say whether only rows in doubt are open, or none."""
    status = ended.json["status"]
    return not (status["failed"] or status["locked"] or status["not_run"])


def _last_look(desk: Desk, vendor: VendorProcess, sheet: Sheet, ended: Ended, course: Course) -> Findings:
    bill = vendor.bill()
    findings = check(desk.home, bill, [sheet], in_flight=CONCURRENCY)
    findings.broken = [*course.broken, *findings.broken]
    if ended.code != _FINAL:
        findings.broken.append(f"After {len(course.codes)} commands rows are open: {ended.json['status']}.")
    for ask in bill["asks"]:
        if ask["fault"]:
            course.struck[ask["fault"]] = course.struck.get(ask["fault"], 0) + 1
    drawn = [desk.run("render", ended.json["job"], "--json").json["outputs"] for _ in range(2)]
    if drawn[0] != drawn[1] or drawn[0] != ended.json["outputs"]:
        findings.broken.append("Drawing the result again gave other bytes.")
    if vendor.total() != bill["total"]:
        findings.broken.append("Drawing the result asked something.")
    return findings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the campaign and print what was seen; 1 where anything is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.campaigns.mixed_faults", description="Many faults of every kind, then none: every row ends."
    )
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--faults", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    options = parser.parse_args(arguments)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mixed-faults-") as folder:
        course = campaign(Path(folder), rows=options.rows, faults=options.faults, seed=options.seed)
    findings = course.findings
    struck, seconds = sum(course.struck.values()), time.monotonic() - began
    lines = [
        f"seed {options.seed}: {options.rows} rows, {len(course.codes)} commands in {seconds:.0f} s",
        f"faults {struck} of {len(course.struck)} kinds",
        f"asks {findings.asks}, billed {findings.billed} in [{findings.certain}, {findings.certain + findings.in_doubt}]",
        *(course.broken or ["every row ended, the sums add up, drawn twice alike"]),
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if course.broken else 0


if __name__ == "__main__":
    sys.exit(main())
