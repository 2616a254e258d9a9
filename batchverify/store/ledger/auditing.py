"""What an audit report asks of the ledger: where a run's chain stands, where it stood, and what was reconciled.

The one thing to know: a chain only grows. A report names its length and its head, so the link at that length must be that
head for ever, however much came after.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from batchverify.model import Billed
from batchverify.store.ledger.chain import first_link
from batchverify.store.ledger.reading import PAGE, Fetch
from batchverify.store.ledger.rows import billed_of

_LINK = "SELECT hash FROM event WHERE run = ? AND seq = ?"
_RECONCILED = "SELECT billed, count(*) FROM event WHERE run = ? AND transition = 'reconciled' GROUP BY billed ORDER BY billed"
_LINES = f"""
SELECT number, state, code, billed, request_id, reserved_at, settled_at, vendor_at FROM attempt
WHERE run = ? AND number > ? ORDER BY number LIMIT {PAGE}
"""


_ERASED = "SELECT count(*) FROM attempt WHERE run = ? AND erased_at IS NOT NULL"


class AttemptLine(NamedTuple):
    """An attempt in the ledger's own words; times are microseconds UTC."""

    number: int
    state: str
    code: str
    billed: str
    request_id: str
    reserved_at: int
    settled_at: int | None
    vendor_at: int | None


def attempt_lines(fetch: Fetch, run: int) -> Iterator[AttemptLine]:
    """Walk a run's attempts in order of their numbers."""
    last = 0
    while page := fetch(_LINES, (run, last)):
        yield from map(AttemptLine._make, page)
        last = page[-1][0]


def erased(fetch: Fetch, *, number: int) -> int:
    """Count the attempts of a run that no longer tell what was asked."""
    return int(fetch(_ERASED, (number,))[0][0])


def link_at(fetch: Fetch, run: str, *, number: int, started_at: int, seq: int) -> str | None:
    """Give the link after `seq` events in hex; None where the chain is shorter."""
    if seq == 0:
        return first_link(run, started_at).hex()
    found = fetch(_LINK, (number, seq))
    return found[0][0].hex() if found else None


def reconciled(fetch: Fetch, *, number: int) -> dict[Billed, int]:
    """Count the attempts of a run that the vendor's usage decided, by what it said."""
    return {billed_of(word): count for word, count in fetch(_RECONCILED, (number,))}
