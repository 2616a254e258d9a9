"""Whether the attempts are what the events say of them: an event holds no key, but it is tied to one.

The one thing to know: the tie is `chain.commitment`, over the attempt's nonce and key. Of an erased attempt both are gone: then
its state and its price are still held against the chain, and what it asked is nobody's business any more.
"""

from __future__ import annotations

from collections.abc import Callable

from batchverify.errors import HomeError
from batchverify.store.ledger.chain import commitment
from batchverify.store.ledger.reading import PAGE, Fetch

# Letting go of a key may be about an attempt of another job, whose record has gone after three years.
_TIES = f"""
SELECT event.seq, event.attempt, event.tag, attempt.key, attempt.nonce,
  attempt.number IS NOT NULL OR (event.transition IN ('released', 'superseded') AND EXISTS (SELECT 1 FROM erasure WHERE gone <> x''))
FROM event LEFT JOIN attempt ON attempt.number = event.attempt
WHERE event.run = ? AND event.seq > ? ORDER BY event.seq LIMIT {PAGE}
"""
# Letting go of a key is an event in the chain of whoever asked again, and no state of the attempt.
_STATES = """
WITH last AS (
  SELECT attempt, max(seq) AS seq FROM event
  WHERE run = ?1 AND transition NOT IN ('released', 'superseded') GROUP BY attempt
)
SELECT attempt.number FROM attempt
LEFT JOIN last ON last.attempt = attempt.number
LEFT JOIN event ON event.run = ?1 AND event.seq = last.seq
WHERE attempt.run = ?1 AND (event.seq IS NULL OR NOT (
  attempt.billed = event.billed AND attempt.code = event.code AND CASE event.transition
    WHEN 'reserved' THEN attempt.state = 'open'
    WHEN 'reconciled' THEN attempt.state = CASE event.billed WHEN '0' THEN 'not_billed' ELSE 'in_doubt' END
    WHEN 'priced' THEN attempt.state = 'answered'
    ELSE attempt.state = event.transition AND attempt.request_id = event.request_id
  END
))
"""


#: Gives each nonce and key that a question was known by before its own, oldest first; raises HomeError where they were changed.
Earlier = Callable[[bytes, bytes], list[tuple[bytes, bytes]]]


def never_renewed(nonce: bytes, key: bytes) -> list[tuple[bytes, bytes]]:
    """Give nothing: of a ledger whose keys were never renewed.

    >>> never_renewed(b"n", b"k")
    []
    """
    del nonce, key
    return []


def misfits(fetch: Fetch, run: int, earlier: Earlier) -> list[int]:
    """List the attempts that are not what the run's chain says: another question, another state or price, or no record at all."""
    found = {number for (number,) in fetch(_STATES, (run,))}
    last = 0
    while page := fetch(_TIES, (run, last)):
        found.update(
            number
            for _, number, tag, key, nonce, is_told_of in page
            if not is_told_of or (nonce is not None and not _is_tied(tag, nonce, key, earlier))
        )
        last = page[-1][0]
    return sorted(found)


def _is_tied(tag: bytes, nonce: bytes, key: bytes, earlier: Earlier) -> bool:
    if tag == commitment(nonce, key):
        return True
    try:
        return any(tag == commitment(*known) for known in earlier(nonce, key))
    except HomeError:
        return False
