"""How many asks were used when, for what, by our own count: the vendor's 使用明细 seen from here.

The one thing to know: our count is an interval. `certain` were billed, `doubt` more may have been; the vendor's count lies
from the one to the sum of both, unless somebody else uses the AppCode.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from batchverify.job.options import Options
from batchverify.job.passes import ended_job
from batchverify.job.realm import open_realm
from batchverify.job.reconciling import windows_within
from batchverify.job.rendering import summary_of
from batchverify.job.session import Session
from batchverify.model import AttemptState, Billed, RowStatus
from batchverify.rules.reconcile import Finding
from batchverify.rules.verdicts import verdict
from batchverify.rules.windows import Window, beijing_time, window_of
from batchverify.store.ledger import Statement, Use

#: The group of asks whose row is in the sheet no more.
NO_ROW = "\0"


class UsageBy(StrEnum):
    """What usage is added up by."""

    WINDOW = "window"
    DAY = "day"
    JOB = "job"
    STATUS = "status"
    PRODUCT = "product"


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageLine:
    """`certain` asks were billed, and `doubt` more may have been. `group` is a day, a job, a status, a product or a cell.

    By window, `window` is there, and what an export last said of it: `vendor` and `finding`.
    """

    group: str
    certain: int
    doubt: int
    window: Window | None = None
    file: str = ""
    vendor: int | None = None
    finding: Finding | None = None

    def as_json(self) -> dict[str, Any]:
        """Give the line for programs."""
        told: dict[str, Any] = {"certain": self.certain, "in_doubt": self.doubt}
        if self.window is not None:
            span = {"from": beijing_time(self.window.start), "to": beijing_time(self.window.end)}
            return span | told | {"vendor": self.vendor, "finding": self.finding}
        return {"group": None if self.group == NO_ROW else self.group} | ({"file": self.file} if self.file else {}) | told


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """The lines, newest first by window and day, else the most used first."""

    lines: tuple[UsageLine, ...]
    by: str
    simulated: bool

    @property
    def certain(self) -> int:
        """All that were billed."""
        return sum(line.certain for line in self.lines)

    @property
    def doubt(self) -> int:
        """All that may have been billed besides."""
        return sum(line.doubt for line in self.lines)

    def as_json(self) -> dict[str, Any]:
        """Give all of it for programs."""
        return {
            "by": self.by,
            "simulated": self.simulated,
            "certain": self.certain,
            "in_doubt": self.doubt,
            "lines": [line.as_json() for line in self.lines],
        }


def usage_of(session: Session, *, since: datetime | None, until: datetime | None, by: UsageBy, job: str | None = None) -> Usage:
    """Add up what was, or may have been, billed in the windows that begin within two instants; None is no bound, and all jobs.

    Raises:
        InputError: There is no such job, or no window begins then.
    """
    with open_realm(session.home, simulated=session.simulated, clock=session.clock) as realm:
        book = realm.ledger.usage()
        begin, end = _bounds(since, until)
        uses = book.uses(since=begin, until=end)
        if job is not None:
            wanted = realm.ledger.job(job).id
            uses = [use for use in uses if use.job == wanted]
        if by is UsageBy.WINDOW:
            statements = {window_of(one.starts_at): one for one in book.statements(since=begin, until=end)}
            lines = _by_window(uses, statements)
        else:
            files = {job.id: job.spec.path for job in realm.ledger.jobs()}
            lines = _by_group(uses, _GROUPS[by], files if by is UsageBy.JOB else {}, newest_first=by is UsageBy.DAY)
    return Usage(lines=tuple(lines), by=by, simulated=realm.simulated)


def usage_by_column(session: Session, job: str, column: str) -> Usage:
    """Add up what was, or may have been, billed for a job by the values of a column of its sheet.

    Raises:
        InputError: There is no such job or column, or the job's input is gone or was changed.
    """

    def change(kept: Options) -> Options:
        return replace(kept, delivery=replace(kept.delivery, cost_by=column))

    with ended_job(job, session, change) as found:
        for _ in found.annotation:
            pass  # every row is counted as it goes by
        summary = summary_of(found.annotation, found.job, found.run, options=found.options, settings=session.settings)
        lines = tuple(
            UsageLine(group=NO_ROW if group.value is None else group.value, certain=group.billed, doubt=group.in_doubt)
            for group in summary.bill.groups
            if group.billed or group.in_doubt
        )
        return Usage(lines=lines, by=summary.bill.cost_by, simulated=summary.simulated)


def _bounds(since: datetime | None, until: datetime | None) -> tuple[datetime, datetime]:
    if since is not None and until is not None:
        first, last = windows_within(since=since, until=until)
        return first.start, last.end
    begin = _EARLIEST if since is None else windows_within(since=since, until=_LATEST)[0].start
    return begin, _LATEST if until is None else windows_within(since=_EARLIEST, until=until)[1].end


def _by_window(uses: list[Use], statements: Mapping[Window, Statement]) -> list[UsageLine]:
    sums = _sums(uses, lambda use: window_of(use.at))
    lines = []
    for window in sorted(sums, reverse=True):
        certain, doubt = sums[window]
        said = statements.get(window)
        lines.append(
            UsageLine(
                group=beijing_time(window.start),
                certain=certain,
                doubt=doubt,
                window=window,
                vendor=None if said is None else said.vendor,
                finding=None if said is None else Finding(said.finding),
            )
        )
    return lines


def _by_group(uses: list[Use], group: Callable[[Use], str], files: Mapping[str, str], *, newest_first: bool) -> list[UsageLine]:
    sums = _sums(uses, group)
    names = sorted(sums, reverse=True) if newest_first else sorted(sums, key=lambda name: (-sum(sums[name]), name))
    return [UsageLine(group=name, certain=sums[name][0], doubt=sums[name][1], file=files.get(name, "")) for name in names]


def _sums(uses: list[Use], group: Callable[[Use], Any]) -> dict[Any, tuple[int, int]]:
    sums: dict[Any, tuple[int, int]] = {}
    for use in uses:
        certain, doubt = sums.get(group(use), (0, 0))
        is_certain = use.billed is Billed.YES
        sums[group(use)] = (certain + use.asks, doubt) if is_certain else (certain, doubt + use.asks)
    return sums


def _status(use: Use) -> str:
    return verdict(use.product, use.code) if use.state is AttemptState.ANSWERED else RowStatus.IN_DOUBT


_EARLIEST = window_of(datetime.fromisoformat("2000-01-02T00:00:00+08:00")).start
_LATEST = window_of(datetime.fromisoformat("2200-01-01T00:00:00+08:00")).start
_GROUPS: Mapping[UsageBy, Callable[[Use], str]] = {
    # By the beginning of the window, so that days add up to the same windows as the vendor's.
    UsageBy.DAY: lambda use: f"{window_of(use.at).start:%Y-%m-%d}",
    UsageBy.JOB: lambda use: use.job,
    UsageBy.STATUS: _status,
    UsageBy.PRODUCT: lambda use: use.product,
}
