"""The book that an auditor reads: a run's chain of events, and whether its attempts are what the chain says.

The one thing to know: a chain only grows. A report names its length and its head, so the link at that length must be that
head for ever, however much came after.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from batchverify.model import Billed
from batchverify.store.ledger import reading, tying
from batchverify.store.ledger.chain import first_link
from batchverify.store.ledger.reading import PAGE, Fetch
from batchverify.store.ledger.rows import billed_of
from batchverify.store.ledger.shapes import Event

_LINK = "SELECT hash FROM event WHERE run = ? AND seq = ?"
_RECONCILED = "SELECT billed, count(*) FROM event WHERE run = ? AND transition = 'reconciled' GROUP BY billed ORDER BY billed"
_LINES = f"""
SELECT number, state, code, billed, request_id, reserved_at, settled_at, vendor_at FROM attempt
WHERE run = ? AND number > ? ORDER BY number LIMIT {PAGE}
"""
_ERASED = "SELECT count(*) FROM attempt WHERE run = ? AND erased_at IS NOT NULL"


# By other jobs: what is decided of a job's own asks stands in its own chains.
_DECIDED = """
SELECT 1 FROM event JOIN run ON run.number = event.run WHERE transition IN ('reconciled', 'priced', 'released')
  AND run.job <> (SELECT job FROM run WHERE number = ?1) AND at > (SELECT coalesce(ended_at, started_at) FROM run WHERE number = ?1)
LIMIT 1
"""


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


class AuditBook:
    """What can be checked of a run. Every method raises InputError for a run that is not in this home."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch

    def events(self, run: str) -> Iterator[Event]:
        """Walk the hash chain of a run."""
        return reading.events_of(self._fetch, self._number(run))

    def verify_chain(self, run: str) -> bool:
        """Compute a run's chain anew from its events; False when anything was changed, removed or added."""
        return reading.chain_holds(self._fetch, run)

    def misfits(self, run: str, earlier: tying.Earlier = tying.never_renewed) -> list[int]:
        """List the attempts of a run that are not what its chain says of them: swapped, rewritten or unrecorded.

        `earlier` is the vault's `before`, for questions that were asked before the key was renewed.
        """
        return tying.misfits(self._fetch, self._number(run), earlier)

    def chain_length(self, run: str) -> int:
        """Count the events of a run's chain."""
        return reading.run_head(self._fetch, run).length

    def link(self, run: str, *, events: int) -> str | None:
        """Give the hash in hex that a run's chain had after so many events, or None where it has fewer."""
        stands = reading.run_head(self._fetch, run)
        if events == 0:
            return first_link(run, stands.started_at).hex()
        found = self._fetch(_LINK, (stands.number, events))
        return found[0][0].hex() if found else None

    def reconciled(self, run: str) -> dict[Billed, int]:
        """Count the attempts of a run that the vendor's usage decided, by whether they were billed."""
        return {billed_of(word): count for word, count in self._fetch(_RECONCILED, (self._number(run),))}

    def was_decided_elsewhere(self, run: str) -> bool:
        """Tell whether asks of other jobs were decided, or let go, after a run: rows of its job may stand on them."""
        return bool(self._fetch(_DECIDED, (self._number(run),)))

    def erased(self, run: str) -> int:
        """Count the attempts of a run whose question was purged or forgotten."""
        return int(self._fetch(_ERASED, (self._number(run),))[0][0])

    def attempt_lines(self, run: str) -> Iterator[AttemptLine]:
        """Walk a run's attempts in order of their numbers, without keys and answers: quick, for a report looks at them all."""
        number, last = self._number(run), 0
        while page := self._fetch(_LINES, (number, last)):
            yield from map(AttemptLine._make, page)
            last = page[-1][0]

    def _number(self, run: str) -> int:
        return reading.run_head(self._fetch, run).number
