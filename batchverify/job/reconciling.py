"""The vendor's usage exports beside the ledger: what in doubt was billed, what is free to be asked again, who else asked.

The one thing to know: only windows that the exports cover are judged, from their first to their last or as far as a person
says, and only those that ended long enough before the export was saved. A count that was still growing would free an ask
that is billed a minute later.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from batchverify.errors import InputError
from batchverify.job.realm import Realm, open_realm
from batchverify.job.session import Session
from batchverify.model import AttemptState, Billed
from batchverify.rules.reconcile import Charge, Finding, Judgment, hull, judge, offset_between, time_in_doubt, windows_between
from batchverify.rules.windows import Window, beijing_time, window_of
from batchverify.store.ledger import Doubt, Statement, UsageBook
from batchverify.tables.usage_export import UsageExport, counts_of, read_usage

#: How long the vendor may take to post what was used. Undocumented: as long as a window, to be safe.
POSTING = timedelta(minutes=10)
#: An ask that may have been counted in a window was reserved at most this long before or after, clocks set aside.
_MARGIN = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """What exports say, newest window first. `outside` are asks in doubt of which they say nothing.

    `jobs` tells whose an attempt is; `earlier` is what an earlier export said of a window, where that was another number.
    """

    first: Window
    last: Window
    judgments: tuple[Judgment, ...]
    jobs: Mapping[int, str]
    outside: int
    earlier: Mapping[Window, int]
    sha256: str
    simulated: bool
    applied: bool = False

    @property
    def billed(self) -> tuple[int, ...]:
        """Attempts in doubt that were billed."""
        return tuple(number for one in self.judgments for number in one.billed)

    @property
    def not_billed(self) -> tuple[int, ...]:
        """Attempts in doubt that were not billed, and are free to be asked again."""
        return tuple(number for one in self.judgments for number in one.not_billed)

    @property
    def undecided(self) -> tuple[int, ...]:
        """Attempts that stay in doubt."""
        return tuple(number for one in self.judgments for number in one.undecided)

    @property
    def is_explained(self) -> bool:
        """True where nothing stays in doubt and nobody else asked."""
        return all(one.finding.explains for one in self.judgments)

    def count(self, finding: Finding) -> int:
        """Count the windows, joined ones once, with a finding."""
        return sum(one.finding is finding for one in self.judgments)

    def jobs_of(self, attempts: Iterable[int]) -> list[str]:
        """List the jobs of attempts, each once."""
        return sorted({self.jobs[number] for number in attempts})

    def as_json(self) -> dict[str, Any]:
        """Give all of it for programs."""
        return {
            "from": beijing_time(self.first.start),
            "to": beijing_time(self.last.end),
            "simulated": self.simulated,
            "sha256": self.sha256,
            "windows": [self._as_json(one) for one in self.judgments],
            "billed": len(self.billed),
            "not_billed": len(self.not_billed),
            "undecided": len(self.undecided),
            "outside": self.outside,
            "explained": self.is_explained,
            "applied": self.applied,
            "resume": self.jobs_of(self.not_billed),
            "render": self.jobs_of((*self.billed, *self.not_billed)),
        }

    def _as_json(self, one: Judgment) -> dict[str, Any]:
        return {
            "from": beijing_time(one.windows[0].start),
            "to": beijing_time(one.windows[-1].end),
            "joined": len(one.windows),
            "vendor": one.vendor,
            "certain": one.certain,
            "in_doubt": one.doubt,
            "finding": one.finding,
            "billed": len(one.billed),
            "not_billed": len(one.not_billed),
            "above": one.above,
            "below": one.below,
            "earlier_export": next((self.earlier[window] for window in one.windows if window in self.earlier), None),
        }


def reconcile_exports(
    paths: Sequence[Path],
    session: Session,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    approve: Callable[[Reconciliation], bool],
) -> Reconciliation:
    """Lay usage exports, one for each package, beside the ledger, and decide what they decide if `approve` says so.

    `approve` is shown what was found before anything changes; where nothing is to be decided, its word changes nothing.

    `since` and `until` bound the windows that the exports cover, by their beginnings: what is absent there was counted 0.
    Left out, they are the first and the last window with a count.

    Raises:
        InputError: An export is none, or holds a line that is not understood. Nothing was changed.
    """
    with open_realm(session.home, simulated=session.simulated, clock=session.clock) as realm:
        exports = [read_usage(path, temporary=realm.home.tmp) for path in paths]
        counts = counts_of(exports)
        first, last = _range(counts, since=since, until=until)
        found = _compare(realm, exports, counts, first=first, last=last)
        agreed = approve(found)
        if (found.billed or found.not_billed) and not agreed:
            return found
        now, monotonic = realm.clock.now(), realm.clock.monotonic()
        realm.ledger.decide(
            billed=found.billed,
            not_billed=found.not_billed,
            statements=list(_statements(found, now=now)),
            now=now,
            monotonic=monotonic,
        )
        return replace(found, applied=True)


def windows_within(*, since: datetime, until: datetime) -> tuple[Window, Window]:
    """Give the first and the last window that begin within two instants, the second not included.

    Raises:
        InputError: No window does.
    """
    first, last = window_of(since), window_of(until)
    if first.start < since:
        first = Window(start=first.end, end=first.end + (first.end - first.start))
    if last.start >= until:
        last = Window(start=last.start - (last.end - last.start), end=last.start)
    if last < first:
        raise InputError("No 10-minute window begins between --from and --to. Give a wider time. Nothing was changed.")
    return first, last


def _range(counts: Mapping[Window, int], *, since: datetime | None, until: datetime | None) -> tuple[Window, Window]:
    if not counts and (since is None or until is None):
        raise InputError(
            "The export has no line, so it does not say which time it covers. Add --from and --to as they were chosen in the "
            "vendor's console. Nothing was changed."
        )
    begin = min(counts).start if since is None else since
    end = max(counts).end if until is None else until
    return windows_within(since=begin, until=end)


def _compare(
    realm: Realm, exports: Sequence[UsageExport], counts: Mapping[Window, int], *, first: Window, last: Window
) -> Reconciliation:
    book = realm.ledger.usage()
    doubts = book.doubts()
    # The sandbox posts at once, and its clock may be set.
    settled_at = None if realm.simulated else min(realm.clock.now(), *(export.saved_at for export in exports)) - POSTING
    judgments = judge(_charges(book, doubts, first=first, last=last), counts, first=first, last=last, settled_at=settled_at)
    flying = {doubt.attempt for doubt in doubts if doubt.state is AttemptState.OPEN}
    judged = tuple(_left_open(one) if flying & _numbers(one) else one for one in judgments)
    said = set().union(*(_numbers(one) for one in judged))
    return Reconciliation(
        first=first,
        last=last,
        judgments=judged,
        jobs={doubt.attempt: doubt.job for doubt in doubts},
        outside=sum(doubt.attempt not in said for doubt in doubts),
        earlier=_earlier(book, counts, first=first, last=last),
        sha256=_digest(exports),
        simulated=realm.simulated,
    )


def _charges(book: UsageBook, doubts: Sequence[Doubt], *, first: Window, last: Window) -> Iterator[Charge]:
    for use in book.uses(since=first.start - _MARGIN, until=last.end + _MARGIN):
        if use.billed is Billed.YES:
            yield Charge(earliest=use.earliest, latest=use.latest, asks=use.asks)
    offsets = {run: offset_between(low, high) for run, (low, high) in book.clocks().items()}
    any_offset = hull(offsets.values())
    for doubt in doubts:
        earliest = latest = doubt.vendor_at
        if earliest is None or latest is None:
            earliest, latest = time_in_doubt(
                reserved_at=doubt.reserved_at, settled_at=doubt.settled_at, offset=offsets.get(doubt.run, any_offset)
            )
        yield Charge(earliest=earliest, latest=latest, attempt=doubt.attempt)


def _left_open(one: Judgment) -> Judgment:
    """Decide nothing beside an ask that is in flight: its count may come."""
    if one.finding.is_alarm:
        return one
    return replace(one, finding=Finding.UNSETTLED, billed=(), not_billed=(), undecided=tuple(sorted(_numbers(one))))


def _numbers(one: Judgment) -> set[int]:
    return {*one.billed, *one.not_billed, *one.undecided}


def _earlier(book: UsageBook, counts: Mapping[Window, int], *, first: Window, last: Window) -> dict[Window, int]:
    newest = {window_of(one.starts_at): one.vendor for one in book.statements(since=first.start, until=last.end)}
    return {window: vendor for window, vendor in newest.items() if vendor != counts.get(window, 0)}


def _digest(exports: Sequence[UsageExport]) -> str:
    """Stand for the exports: the SHA-256 of the one, or of those of all of them in order."""
    digests = sorted(export.sha256 for export in exports)
    return digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _statements(found: Reconciliation, *, now: datetime) -> Iterator[Statement]:
    covered = set(windows_between(found.first, found.last))
    for one in found.judgments:
        if one.finding is Finding.UNSETTLED:
            continue
        for window, vendor in zip(one.windows, one.counts, strict=True):
            if window in covered:
                yield Statement(
                    starts_at=window.start,
                    joined=one.windows[0].start,
                    vendor=vendor,
                    certain=one.certain,
                    doubt=one.doubt,
                    billed=len(one.billed),
                    not_billed=len(one.not_billed),
                    finding=one.finding,
                    sha256=found.sha256,
                    noted_at=now,
                )
