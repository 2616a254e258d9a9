"""What was used in which 10-minute window, over all jobs, and what the vendor's usage said of it (RELIABILITY §8).

The one thing to know: a statement is written once and stays. The same export says nothing new the second time, so of each
window and each export there is one statement, and another only where more could be decided or the finding has changed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta

from batchverify.model import AttemptState, Billed, Product
from batchverify.store.ledger.daily import TAKEN, refuse
from batchverify.store.ledger.reading import COUNTED_AT, Fetch
from batchverify.store.ledger.rows import (
    Row,
    billed_of,
    micros,
    moment,
    moment_or_none,
    product_of,
    state_of,
)
from batchverify.store.ledger.shapes import OperatorDay

#: For `SCHEMA`. Counts but for the vendor's are those of all the windows that were judged together, as they stood before.
TABLES = """
CREATE TABLE statement (
  number INTEGER PRIMARY KEY,
  starts_at INTEGER NOT NULL, joined INTEGER NOT NULL CHECK (joined <= starts_at),
  vendor INTEGER NOT NULL CHECK (vendor >= 0), certain INTEGER NOT NULL CHECK (certain >= 0), doubt INTEGER NOT NULL,
  billed INTEGER NOT NULL CHECK (billed >= 0), not_billed INTEGER NOT NULL CHECK (not_billed >= 0),
  finding TEXT NOT NULL CHECK (finding IN ('agrees', 'not_billed', 'billed', 'decided', 'number_only', 'above', 'below')),
  sha256 TEXT NOT NULL CHECK (length(sha256) = 64), noted_at INTEGER NOT NULL,
  CHECK (billed + not_billed <= doubt)
) STRICT;
CREATE INDEX statement_window ON statement (starts_at);
CREATE TRIGGER statement_grows BEFORE UPDATE ON statement BEGIN SELECT RAISE(ABORT, 'a statement is not changed'); END;
CREATE TRIGGER statement_stays BEFORE DELETE ON statement BEGIN SELECT RAISE(ABORT, 'a statement is not taken away'); END;
"""

# Within 12 s of an edge every second is a row of its own, so that whoever reads them may be as exact about edges as the
# seconds are.
_USES = f"""
SELECT job.id, used.product, state, code, billed, min(at), max(at), min(coalesce(vendor_at, reserved_at)), max(latest), count(*) FROM (
  SELECT run, product, state, code, billed, vendor_at, reserved_at,
    {COUNTED_AT} AS at,
    coalesce(vendor_at, settled_at, reserved_at) AS latest
  FROM attempt WHERE billed <> '0'
) AS used JOIN run ON run.number = used.run JOIN job ON job.number = run.job
WHERE at >= ? AND at < ?
GROUP BY job.number, used.product, state, code, billed, (at - 1000000) / 600000000,
  CASE WHEN (at - 1000000) % 600000000 BETWEEN 12000000 AND 588000000 THEN 0 ELSE at / 1000000 END
ORDER BY 6, 1, 2, 3, 4, 5
"""
_DOUBTS = """
SELECT attempt.number, job.id, run.id, state, reserved_at, settled_at, vendor_at
FROM attempt JOIN run ON run.number = attempt.run JOIN job ON job.number = run.job WHERE billed = '?' ORDER BY attempt.number
"""
_CLOCKS = """
SELECT run.id, max(vendor_at - settled_at), min(vendor_at - reserved_at) FROM attempt JOIN run ON run.number = attempt.run
WHERE vendor_at IS NOT NULL AND run IN (SELECT run FROM attempt WHERE billed = '?') GROUP BY run.number
"""
_STATEMENT = "starts_at, joined, vendor, certain, doubt, billed, not_billed, finding, sha256, noted_at"
_STATEMENTS = f"SELECT {_STATEMENT} FROM statement WHERE starts_at >= ? AND starts_at < ? ORDER BY starts_at, number"
_NEWEST = "SELECT finding FROM statement WHERE starts_at = ? AND sha256 = ? ORDER BY number DESC LIMIT 1"
_ADD = f"INSERT INTO statement ({_STATEMENT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """`asks` that were, or may have been, billed, alike in all of the rest. `at` is the first of them by the vendor's clock.

    `earliest` and `latest` are the bounds of when the vendor counted them.
    """

    job: str
    product: Product
    state: AttemptState
    code: str
    billed: Billed
    at: datetime
    earliest: datetime
    latest: datetime
    asks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """An ask of which nobody knows whether it was billed: in doubt, in flight, or answered with a status of unknown price."""

    attempt: int
    job: str
    run: str
    state: AttemptState
    reserved_at: datetime
    settled_at: datetime | None
    vendor_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What one export said of a window. `joined` is the first of the windows that were judged together with it.

    `certain`, `doubt`, and how many of those in doubt were found `billed` and `not_billed`, are of all of these.
    `finding` is a word of `rules.reconcile.Finding`, `sha256` that of the export.
    """

    starts_at: datetime
    joined: datetime
    vendor: int
    certain: int
    doubt: int
    billed: int
    not_billed: int
    finding: str
    sha256: str
    noted_at: datetime


class UsageBook:
    """The ledger's windows and statements; made by `Ledger.usage`."""

    __slots__ = ("_fetch", "_writing")

    def __init__(self, fetch: Fetch, writing: Callable[[], AbstractContextManager[sqlite3.Connection]]) -> None:
        self._fetch = fetch
        self._writing = writing

    def refuse_over_day(self, day: OperatorDay, *, asks: int) -> None:
        """Refuse a run of so many asks of somebody who has not so many left today. Raises InputError; nothing was sent."""
        refuse(day, self._fetch(TAKEN, (micros(day.since),)), asks=asks)

    def uses(self, *, since: datetime, until: datetime) -> list[Use]:
        """Add up what was or may have been billed, by job, product, state, code, price and window, in order of time."""
        return [
            Use(
                job=job,
                product=product_of(product),
                state=state_of(state),
                code=code,
                billed=billed_of(billed),
                at=moment(at),
                earliest=moment(min(at, earliest)),
                latest=moment(max(last, latest) if billed == Billed.YES else last),
                asks=asks,
            )
            for job, product, state, code, billed, at, last, earliest, latest, asks in self._fetch(
                _USES, (micros(since), micros(until))
            )
        ]

    def doubts(self) -> list[Doubt]:
        """List all asks of which nobody knows whether they were billed."""
        return [
            Doubt(
                attempt=number,
                job=job,
                run=run,
                state=state_of(state),
                reserved_at=moment(reserved_at),
                settled_at=moment_or_none(settled_at),
                vendor_at=moment_or_none(vendor_at),
            )
            for number, job, run, state, reserved_at, settled_at, vendor_at in self._fetch(_DOUBTS, ())
        ]

    def clocks(self) -> dict[str, tuple[timedelta, timedelta]]:
        """Tell, for each run with a doubt and with answers, by how much the vendor's clock may differ from ours at the least and most.

        The vendor's time is in whole seconds, cut off.
        """
        second = timedelta(seconds=1)
        return {
            run: (timedelta(microseconds=low), timedelta(microseconds=high) + second)
            for run, low, high in self._fetch(_CLOCKS, ())
        }

    def statements(self, *, since: datetime, until: datetime) -> list[Statement]:
        """List what exports said of the windows that begin within these instants, by window, then oldest first."""
        return [_statement(row) for row in self._fetch(_STATEMENTS, (micros(since), micros(until)))]

    def note(self, statements: Iterable[Statement]) -> int:
        """Write statements down that say something new; returns how many did."""
        with self._writing() as con:
            return add_statements(con, statements)


_UNEXPLAINED = frozenset({"number_only", "above", "below"})


def add_statements(con: sqlite3.Connection, statements: Iterable[Statement]) -> int:
    """Write those statements down that say something new, within a transaction; returns how many did."""
    noted = 0
    for one in statements:
        found = con.execute(_NEWEST, (micros(one.starts_at), one.sha256)).fetchone()
        if found is None or one.billed or one.not_billed or (found[0] != one.finding and one.finding in _UNEXPLAINED):
            con.execute(
                _ADD,
                (
                    *(micros(one.starts_at), micros(one.joined), one.vendor, one.certain, one.doubt),
                    *(one.billed, one.not_billed, one.finding, one.sha256, micros(one.noted_at)),
                ),
            )
            noted += 1
    return noted


def _statement(row: Row) -> Statement:
    starts_at, joined, vendor, certain, doubt, billed, not_billed, finding, sha256, noted_at = row
    return Statement(
        starts_at=moment(starts_at),
        joined=moment(joined),
        vendor=vendor,
        certain=certain,
        doubt=doubt,
        billed=billed,
        not_billed=not_billed,
        finding=finding,
        sha256=sha256,
        noted_at=moment(noted_at),
    )
