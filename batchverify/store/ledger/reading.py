"""What the ledger can tell: attempts by key, holds, the bill, chains.

The one thing to know: long lists come in pages by number, so that no reader keeps an old state of the file alive while
a run writes (the WAL could not be folded back, and would grow).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from batchverify.errors import InputError
from batchverify.model import Attempt
from batchverify.store.ledger.chain import first_link, next_link
from batchverify.store.ledger.rows import (
    ATTEMPT_COLUMNS,
    BARE_ATTEMPT_COLUMNS,
    Row,
    RunNames,
    attempt_of,
    billed_of,
    moment,
    padded_batches,
    product_of,
    state_of,
)
from batchverify.store.ledger.shapes import BillRow, Event, Hold

_BATCH = 256
_SLOTS = ", ".join("?" * _BATCH)
PAGE = 5_000

#: When an attempt counts: by the vendor's clock, else as it was settled. An ask without an answer flew for a minute at most,
#: whenever recovery has found it.
COUNTED_AT = "coalesce(vendor_at, min(settled_at, reserved_at + 65000000), reserved_at)"

_ATTEMPTS = f"SELECT {ATTEMPT_COLUMNS} FROM attempt WHERE key IN ({_SLOTS})"
_HOLDS = f"SELECT key, code, until FROM hold WHERE job = (SELECT number FROM job WHERE id = ?) AND key IN ({_SLOTS})"
_PAGE = f"""
SELECT {BARE_ATTEMPT_COLUMNS} FROM attempt
WHERE run IN (SELECT run.number FROM run JOIN job ON job.number = run.job WHERE job.id = ?) AND number > ?
ORDER BY number LIMIT {PAGE}
"""
# The windows of the vendor's usage page begin at second 1 of every tenth minute, in Beijing as in UTC (VENDOR §5). The
# first instant stands for its window; which side an exact edge is on is for `rules.windows` to say, so seconds that lie
# on an edge are rows of their own.
_BILL = f"""
SELECT run.id, attempt.product, state, code, billed, min(at), count(*) FROM (
  SELECT run, product, state, code, billed, {COUNTED_AT} AS at FROM attempt
  WHERE run IN (SELECT run.number FROM run JOIN job ON job.number = run.job WHERE job.id = ?)
) AS attempt JOIN run ON run.number = attempt.run
GROUP BY run.number, attempt.product, state, code, billed, (at - 1000000) / 600000000, (at / 1000000) % 600 = 1
ORDER BY 6, 1, 2, 3, 4, 5
"""
_EVENTS = f"""
SELECT seq, at, attempt, tag, transition, code, billed, request_id, hash FROM event
WHERE run = ? AND seq > ? ORDER BY seq LIMIT {PAGE}
"""

#: Runs a query to its end under the reader's lock: what a page of a long list is fetched with.
Fetch = Callable[[str, tuple[object, ...]], list[Row]]


class RunHead(NamedTuple):
    """Where a run's chain stands: the run's number, its start in microseconds UTC, the count of events, the last link."""

    number: int
    started_at: int
    length: int
    head: bytes


def attempts_by_key(con: sqlite3.Connection, names: RunNames, keys: Sequence[bytes]) -> dict[bytes, list[Attempt]]:
    """Find all attempts of each key, oldest first. Keys that were never asked are absent."""
    found: dict[bytes, list[Attempt]] = {}
    for batch in padded_batches(keys, _BATCH):
        for row in con.execute(_ATTEMPTS, batch).fetchall():
            found.setdefault(row[2], []).append(attempt_of(row, names.of(con, row[1])))
    for attempts in found.values():
        # The index gives the holder first (`released` is 0), and several of a key are rare.
        if len(attempts) > 1:
            attempts.sort(key=lambda attempt: attempt.number)
    return found


def holds_of(con: sqlite3.Connection, job: str, keys: Sequence[bytes]) -> dict[bytes, Hold]:
    """Find why keys of a job were not asked."""
    return {
        key: Hold(code=code, until=moment(until))
        for batch in padded_batches(keys, _BATCH)
        for key, code, until in con.execute(_HOLDS, (job, *batch)).fetchall()
    }


def asks_of(fetch: Fetch, names: Callable[[int], tuple[str, str]], job: str) -> Iterator[Attempt]:
    """Walk a job's attempts, oldest first, without their answers."""
    last = 0
    while page := fetch(_PAGE, (job, last)):
        yield from (attempt_of(row, names(row[1])) for row in page)
        last = page[-1][0]


def bill_of(con: sqlite3.Connection, job: str) -> list[BillRow]:
    """Add up a job's attempts by run, product, state, code, billed and 10-minute window."""
    return [
        BillRow(
            run=run,
            product=product_of(product),
            state=state_of(state),
            code=code,
            billed=billed_of(billed),
            at=moment(at),
            asks=asks,
        )
        for run, product, state, code, billed, at, asks in con.execute(_BILL, (job,)).fetchall()
    ]


def events_of(fetch: Fetch, run: int) -> Iterator[Event]:
    """Walk a run's chain."""
    for seq, at, attempt, tag, transition, code, billed, request_id, link in _event_rows(fetch, run):
        yield Event(
            seq=seq,
            at=moment(at),
            attempt=attempt,
            tag=tag.hex(),
            transition=transition,
            code=code,
            billed=billed_of(billed),
            request_id=request_id,
            hash=link.hex(),
        )


def run_head(fetch: Fetch, run: str) -> RunHead:
    """Find where a run's chain stands. Raises InputError when there is no such run."""
    found = fetch("SELECT number, started_at, seq, head FROM run WHERE id = ?", (run,))
    if not found:
        raise InputError(f"There is no run {run!r} in this home. `batchverify jobs` lists them.")
    return RunHead._make(found[0])


def chain_holds(fetch: Fetch, run: str) -> bool:
    """Compute a run's chain anew from its events; True when every link and the head come out the same."""
    stands = run_head(fetch, run)
    link, seen = first_link(run, stands.started_at), 0
    for seq, at, attempt, tag, transition, code, billed, request_id, written in _event_rows(fetch, stands.number):
        seen += 1
        link = next_link(
            link,
            seq=seq,
            at=at,
            attempt=attempt,
            tag=tag,
            transition=transition,
            code=code,
            billed=billed,
            request_id=request_id,
        )
        if seq != seen or link != written:
            return False
    return seen == stands.length and link == stands.head


def _event_rows(fetch: Fetch, run: int) -> Iterator[Row]:
    last = 0
    while page := fetch(_EVENTS, (run, last)):
        yield from page
        last = page[-1][0]
