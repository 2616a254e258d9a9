"""What a settlement says of its ask, for whoever reads it before the ledger is read again: the cache and the budget.

The one thing to know: an attempt made here is true only once the transaction of its settlement has ended.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from batchverify.errors import AskError
from batchverify.model import Attempt, AttemptState, Billed, Reply
from batchverify.pool.agenda import Item
from batchverify.store.ledger import Run, Settlement


def billed_without_answer(state: AttemptState) -> Billed:
    """Say what an ask without an answer costs: nothing, or nobody knows."""
    return Billed.UNKNOWN if state is AttemptState.IN_DOUBT else Billed.NO


def attempt_of(run: Run, item: Item, settlement: Settlement, at: datetime) -> Attempt:
    """Give the attempt as the ledger has it once this settlement is committed."""
    return Attempt(
        number=settlement.attempt,
        job=run.job,
        run=run.id,
        key=item.key,
        product=item.query.product,
        state=settlement.state,
        reserved_at=at,
        settled_at=at,
        code=settlement.code,
        billed=settlement.billed or Billed.NO,
        request_id=settlement.request_id,
        vendor_at=settlement.vendor_at,
        sealed=settlement.sealed,
    )


def settlement_of(number: int, reply: Reply, *, billed: Billed, sealed: bytes, lock_until: datetime | None) -> Settlement:
    """Give how an answered attempt ends."""
    return Settlement(
        attempt=number,
        state=AttemptState.ANSWERED,
        code=reply.answer.status,
        billed=billed,
        request_id=reply.request_id,
        vendor_at=reply.vendor_at,
        sealed=sealed,
        lock_until=lock_until,
    )


def with_lock(settlement: Settlement, *, until: datetime) -> Settlement:
    """Give a settlement that locks (a 203) another end of its lock, counted from the instant of its transaction.

    Counted from the answer, a wall clock that is set forward in between would take as much off the lock.
    """
    return settlement if settlement.lock_until is None else replace(settlement, lock_until=until)


def failure_of(number: int, error: AskError, *, state: AttemptState) -> Settlement:
    """Give how an attempt without an answer ends, with what the gateway said all the same: whoever reconciles needs it."""
    return Settlement(
        attempt=number,
        state=state,
        code=error.code,
        billed=billed_without_answer(state),
        request_id=error.request_id,
        vendor_at=error.vendor_at,
    )
