"""A month at a desk: twenty jobs, three packages, faults of both kinds, and somebody else with the same AppCode.

    python -m tests.campaigns.month --seed 1

The one thing to know: nobody waits for the month to pass. The clock of our sessions leaps and the vendor's is set beside
it; the sandbox's bill, ask by ask, says afterwards what was true of every window and of every ask in doubt.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import inf
from pathlib import Path
from typing import Any

from batchverify.job import Session
from batchverify.job.clock import SystemClock
from batchverify.job.realm import open_realm
from batchverify.job.reconciling import Reconciliation, reconcile_exports
from batchverify.job.usage import UsageBy, usage_of
from batchverify.rules.reconcile import Finding, Judgment
from batchverify.rules.windows import BEIJING, Window, window_of
from batchverify.sandbox import Ask, Fault, Rule, Running, Settings, question_digest, running
from batchverify.sandbox.console import respond
from tests.builders import enter_package, rows
from tests.desk import Desk, Result

JOBS, DAYS = 20, 30
#: What the desk bought. The one that expires first is used first, and runs out within a job, where the next one goes on.
PACKAGES = (1000, 150, 150)
_BEGINS = datetime(2027, 3, 1, tzinfo=BEIJING)
_DOUBTS = (Fault.RESET_AFTER, Fault.TRUNCATED_LENGTH, Fault.HTML, Fault.STATUS_9999)
#: More than may be in doubt in one job: fewer could hide among those that were not billed, and nobody could tell.
_FOREIGN_ROWS = 8


class LeapingClock(SystemClock):
    """A clock that leaps to an instant when told, and takes the vendor's with it; in between, it goes as ours does."""

    def __init__(self, vendor: Running) -> None:
        super().__init__()
        self._vendor = vendor
        self._leapt = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self._leapt

    def monotonic(self) -> float:
        return super().monotonic() + self._leapt.total_seconds()

    def leap(self, to: datetime) -> None:
        """Make it `to` now, here and at the vendor's."""
        by = to - self.now()
        assert by > timedelta(0), "Time goes one way."
        self._leapt += by
        self._vendor.vendor.advance(by.total_seconds())


@dataclass(slots=True, kw_only=True)
class TimedDesk(Desk):
    """A desk whose sessions have this clock."""

    clock: SystemClock

    def session(self, **changes: Any) -> Session:
        # Slotted dataclasses know no zero-argument super().
        return replace(Desk.session(self, **changes), clock=self.clock)


@dataclass(slots=True, kw_only=True)
class Figures:
    """What was seen. `broken` lists what must not be."""

    jobs: int = 0
    asks: int = 0
    windows: int = 0
    contained: int = 0
    clean: int = 0
    clean_exact: int = 0
    foreign: int = 0
    alarms: int = 0
    joined: int = 0
    doubts: int = 0
    billed: int = 0
    not_billed: int = 0
    undecided: int = 0
    used: int = 0
    asked_again: int = 0
    broken: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.jobs} jobs, {self.asks} asks billed in {self.windows} windows over {DAYS} days, {len(PACKAGES)} packages\n"
            f"our interval contains the bill: {self.contained} of {self.windows - self.foreign} windows without the other user\n"
            f"clean windows exact: {self.clean_exact} of {self.clean}\n"
            f"alarms: {self.alarms} for {self.foreign} windows with the other user; {self.joined} joined at an edge\n"
            f"in doubt: {self.doubts}, found billed {self.billed}, not billed {self.not_billed}, undecided {self.undecided}\n"
            f"used of the packages by us: {self.used}, as our wallet says but for what is undecided\n"
            f"asked again for nothing lost: {self.asked_again}"
        )


def play(folder: Path, *, seed: int) -> Figures:
    """Play the month, reconcile it, and judge the outcome by the sandbox's own bill."""
    draw = random.Random(seed)
    figures = Figures(jobs=JOBS)
    with running(Settings(quota=PACKAGES[0])) as vendor:
        clock = LeapingClock(vendor)
        clock.leap(_BEGINS)
        for number, calls in enumerate(PACKAGES[1:]):
            vendor.vendor.top_up(calls, expires_in_seconds=(DAYS + 5 + number) * 86_400.0)
        ours, theirs = (
            TimedDesk(folder=_made(folder / name), home=folder / name / "home", endpoint=vendor.endpoint, clock=clock)
            for name in ("ours", "theirs")
        )
        with open_realm(ours.home, simulated=True, clock=clock) as realm:
            for package in vendor.vendor.wallet.packages():
                expires_at = None if package.expires_at == inf else datetime.fromtimestamp(package.expires_at, BEIJING)
                enter_package(realm.ledger, str(package.total), total=package.total, now=clock.now(), expires_at=expires_at)
        results = [_one_job(ours, theirs, clock, vendor, draw, number) for number in range(JOBS)]
        clock.leap(_BEGINS + timedelta(days=DAYS))
        exports = _exported(folder, vendor)
        found = _reconciled(exports, ours)
        _judge_windows(found, vendor, figures)
        _judge_doubts(found, results, ours, vendor, figures)
        _judge_packages(found, ours, vendor, figures)
        _judge_again(exports, found, ours, vendor, figures)
    return figures


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def _one_job(
    ours: TimedDesk, theirs: TimedDesk, clock: LeapingClock, vendor: Running, draw: random.Random, number: int
) -> Result:
    """Run one job: clean, with asks in doubt that were billed, that were not, or both; on an edge; beside somebody else."""
    day = _BEGINS + timedelta(days=number * DAYS / JOBS, hours=draw.randrange(12))
    edge = window_of(day).end
    clock.leap(edge - timedelta(seconds=0.15) if number % 5 == 4 else edge + timedelta(seconds=draw.uniform(60, 400)))
    count = draw.randint(12, 30)
    kinds = ((), (True,), (False,), (True, False))[number % 4]
    struck = draw.sample(range(1, count + 1), 3) if kinds else []
    vendor.vendor.script_faults(
        *(Rule(fault=draw.choice(_DOUBTS), at=(at,), billed=kinds[place % len(kinds)]) for place, at in enumerate(struck))
    )
    result = ours.verify(rows(count, first=1 + 100 * number))
    vendor.vendor.script_faults()
    if number % 7 == 5:
        theirs.verify(rows(_FOREIGN_ROWS, first=5001 + 100 * number))
    if number % 7 == 6:  # while nobody is at our desk
        clock.leap(clock.now() + timedelta(minutes=40))
        theirs.verify(rows(2, first=5051 + 100 * number))
    return result


def _exported(folder: Path, vendor: Running) -> list[Path]:
    """Export the usage of each package, each in another form."""
    exports = []
    for number, (form, suffix) in enumerate((("csv", "csv"), ("csv-utf8", "csv"), ("xlsx", "xlsx")), 1):
        answer = respond(vendor.vendor, method="GET", target=f"/console/usage?package={number}&format={form}", body=b"")
        path = folder / f"package-{number}.{suffix}"
        path.write_bytes(answer.body)
        exports.append(path)
    return exports


def _reconciled(exports: Sequence[Path], ours: TimedDesk) -> Reconciliation:
    return reconcile_exports(exports, ours.session(), since=_BEGINS, until=_BEGINS + timedelta(days=DAYS), approve=lambda _: True)


def _window(ask: Ask) -> Window:
    return window_of(datetime.fromtimestamp(ask.received_at, BEIJING))


def _questions(first: int, count: int) -> set[str]:
    return {
        question_digest("bank3", name=row["name"], id_card=row["idCard"], account_no=row["accountNo"]).hex()
        for row in rows(count, first=first)
    }


def _judge_windows(found: Reconciliation, vendor: Running, figures: Figures) -> None:
    """Each window of the bill: contained, exact where clean, an alarm where somebody else asked."""
    foreign = _questions(5001, 100 * JOBS)
    counts: Counter[Window] = Counter()
    foreign_windows = set()
    for ask in vendor.bill.asks():
        if ask.billed:
            counts[_window(ask)] += 1
            if ask.question.hex() in foreign:
                foreign_windows.add(_window(ask))
    judged = {window: one for one in found.judgments for window in one.windows}
    figures.asks, figures.windows, figures.foreign = counts.total(), len(counts), len(foreign_windows)
    figures.joined = sum(len(one.windows) > 1 for one in found.judgments)
    for window, vendor_count in counts.items():
        one = judged.get(window)
        if one is None or one.counts[one.windows.index(window)] != vendor_count:
            figures.broken.append(f"The export was not read right at {window.start}.")
        elif window in foreign_windows:
            figures.alarms += one.finding is Finding.ABOVE
        else:
            _judge_our_window(one, window, vendor_count, figures)
    if figures.alarms != figures.foreign:
        figures.broken.append(f"{figures.alarms} alarms for {figures.foreign} windows with the other user.")
    ours_alone = [one for one in found.judgments if not foreign_windows.intersection(one.windows)]
    figures.broken += [f"A false alarm at {one.windows[0].start}." for one in ours_alone if one.finding.is_alarm]


def _judge_our_window(one: Judgment, window: Window, vendor_count: int, figures: Figures) -> None:
    least, most = one.bounds[one.windows.index(window)]
    is_inside = least <= vendor_count <= most
    figures.contained += is_inside
    if not is_inside:
        figures.broken.append(f"The bill is outside of our interval at {window.start}.")
    if not one.doubt:
        figures.clean += 1
        figures.clean_exact += one.finding is Finding.AGREES and one.vendor == one.certain


def _judge_doubts(found: Reconciliation, results: Sequence[Result], ours: TimedDesk, vendor: Running, figures: Figures) -> None:
    """Every ask in doubt that was decided was decided as the bill says; and all were where V = C or V = C + A."""
    figures.billed, figures.not_billed, figures.undecided = len(found.billed), len(found.not_billed), len(found.undecided)
    figures.doubts = sum(result.json["asks"]["in_doubt"] for result in results)
    if figures.billed + figures.not_billed + figures.undecided != figures.doubts or found.outside:
        figures.broken.append("Some asks in doubt were not judged.")
    for one in found.judgments:
        if one.doubt and one.vendor in {one.certain, one.certain + one.doubt} and one.undecided:
            figures.broken.append(f"Undecided, though the count says it: {one.windows[0].start}.")
    billed = vendor.bill.per_question()
    for number, before in enumerate(results):
        after = ours.render(before.job)
        for row, was in zip(after.rows, before.rows, strict=True):
            if was["bv_status"] != "in_doubt":
                continue
            digest = question_digest("bank3", name=row["姓名"], id_card=row["身份证号"], account_no=row["银行卡号"]).hex()
            truth = str(billed.get(digest, 0))
            if row["bv_billed"] not in {truth, "?"}:
                figures.broken.append(f"Job {number}: a row says {row['bv_billed']}, and the bill {truth}.")
            if (row["bv_status"], truth) not in {("in_doubt", "0"), ("in_doubt", "1"), ("failed", "0")}:
                figures.broken.append(f"Job {number}: a row in doubt became {row['bv_status']}, and the bill says {truth}.")


def _judge_packages(found: Reconciliation, ours: TimedDesk, vendor: Running, figures: Figures) -> None:
    """What our packages have used is what the vendor's have, but for the other user's asks and for what is still in doubt."""
    foreign = _questions(5001, 100 * JOBS)
    theirs = sum(ask.billed and ask.question.hex() in foreign for ask in vendor.bill.asks())
    used = sum(package.used for package in vendor.vendor.wallet.packages()) - theirs
    with open_realm(ours.home, simulated=True, clock=ours.clock) as realm:
        most = realm.ledger.wallet(now=ours.clock.now()).used
    if not most - len(found.undecided) <= used <= most:
        figures.broken.append(
            f"Of the vendor's packages we have used {used}, and of ours {most - len(found.undecided)} to {most}."
        )
    figures.used = used


def _judge_again(exports: Sequence[Path], found: Reconciliation, ours: TimedDesk, vendor: Running, figures: Figures) -> None:
    """The same exports change nothing the second time; what was not billed is asked again, once, and has its answer."""
    before = _state(ours)
    again = _reconciled(exports, ours)
    if again.billed or again.not_billed or _state(ours) != before:
        figures.broken.append("The same exports changed something the second time.")
    spent = vendor.bill.total()
    for job in found.jobs_of(found.not_billed):
        result = ours.resume(job)
        if result.json["status"]["failed"] or result.json["status"]["not_run"]:
            figures.broken.append(f"{job} still has rows that were never answered.")
    figures.asked_again = vendor.bill.total() - spent
    if figures.asked_again != figures.not_billed:
        figures.broken.append(f"{figures.asked_again} asked again, and {figures.not_billed} were free to be.")
    if max(vendor.bill.per_question().values()) > 1:
        figures.broken.append("A question was billed twice.")


def _state(ours: TimedDesk) -> tuple[Any, ...]:
    with open_realm(ours.home, simulated=True, clock=ours.clock) as realm:
        heads = [realm.ledger.head(run.id) for job in realm.ledger.jobs() for run in realm.ledger.runs(job.id)]
        book = realm.ledger.usage()
        statements = book.statements(since=_BEGINS, until=_BEGINS + timedelta(days=DAYS))
    return heads, statements, usage_of(ours.session(), since=None, until=None, by=UsageBy.WINDOW)


def main(arguments: Sequence[str] | None = None) -> int:
    """Play a month and print what was seen; 1 where anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        figures = play(Path(folder), seed=options.seed)
    lines = [str(figures), *(f"BROKEN: {fault}" for fault in figures.broken)]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if figures.broken else 0


if __name__ == "__main__":
    sys.exit(main())
