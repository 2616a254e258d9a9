"""What the vendor's usage says of attempts in doubt, and of answers whose status may or may not be billed (RELIABILITY §8).

The one thing to know: only "not billed" frees a key. "Billed" leaves the attempt in doubt about its answer, though no
longer about its price.
"""

from __future__ import annotations

from collections.abc import Sequence

from batchverify.model import Billed
from batchverify.store.ledger.books import Books
from batchverify.store.ledger.chain import commitment

_FREED = """
UPDATE attempt SET state = 'not_billed', billed = '0', released = number
WHERE number = ? AND state = 'in_doubt' AND billed = '?' RETURNING run, key, nonce, code, settled_at
"""
_PAID = """
UPDATE attempt SET billed = '1' WHERE number = ? AND state = 'in_doubt' AND billed = '?'
RETURNING run, key, nonce, code, settled_at
"""
_PRICED = """
UPDATE attempt SET billed = ? WHERE number = ? AND state = 'answered' AND billed = '?' RETURNING run, key, nonce, code, settled_at
"""


def reconcile(books: Books, attempts: Sequence[int], *, billed: Billed) -> list[int]:
    """Decide what attempts cost; returns the numbers of which nobody doubts it, and of those in flight. UNKNOWN raises ValueError."""
    if billed is Billed.UNKNOWN:
        raise ValueError("To reconcile is to know whether it was billed.")
    statement = _PAID if billed is Billed.YES else _FREED
    refused = []
    for attempt in attempts:
        transition = "reconciled"
        found = books.con.execute(statement, (attempt,)).fetchone()
        if found is None:
            transition = "priced"
            found = books.con.execute(_PRICED, (billed.value, attempt)).fetchone()
        if found is None:
            refused.append(attempt)
            continue
        run, key, nonce, code, settled_at = found
        account = books.account(run)
        if billed is Billed.NO:
            books.refund(account, settled_at=settled_at)
        books.note(account, attempt, commitment(nonce, key), transition, code=code, billed=billed)
    return refused
