"""What bounds the asks of one batch: locks, asks per card, cap, wallet, rate, all read inside the gate's transaction.

The one thing to know: an ID number or a card that is `frozen` must not be asked for, whatever is free otherwise; `room`
is how many of the others may be granted, and `why_full` says what to tell the rest.
"""

from __future__ import annotations

from collections.abc import Sequence

from batchverify.store.ledger import rate
from batchverify.store.ledger.books import Account, Books
from batchverify.store.ledger.limits import Instant, closed
from batchverify.store.ledger.schema import BUSY_TIMEOUT_SECONDS
from batchverify.store.ledger.shapes import Locked, Spent, Wait, Want
from batchverify.store.ledger.wallet import left_of


class Bounds:
    """The bounds of one batch of wants. `qps` None is no rate."""

    __slots__ = ("_account", "_books", "_closed", "_left", "_qps", "_tat")

    def __init__(self, books: Books, account: Account, wants: Sequence[Want], *, qps: float | None) -> None:
        self._books = books
        self._account = account
        self._qps = qps
        self._closed = closed(
            books.con,
            (want.id_tag for want in wants),
            (want.card_tag for want in wants if want.card_tag is not None),
            at=Instant(now=books.now, boot=account.boot, monotonic=books.monotonic),
            asks_per_card=account.asks_per_card,
        )
        self._left = self._wallet_left()
        self._tat = 0.0 if qps is None else self._shared_tat()

    def frozen(self, want: Want) -> Locked | None:
        """Tell until when this ID number or card must be left alone."""
        barred = self._closed.until(want.id_tag, want.card_tag)
        return None if barred is None else Locked(code=barred[0], until=barred[1])

    def room(self, wanted: int) -> int:
        """Count how many of `wanted` asks may be granted now."""
        room = [wanted, *self._cap_room(), *self._wallet_room()]
        if self._qps is not None:
            room.append(rate.free_slots(self._tat, at=self._books.monotonic, qps=self._qps))
        return max(0, min(room))

    def take(self, asks: int) -> None:
        """Move the rate on by asks that were granted. Cap and wallet are counted by the books."""
        if self._qps is not None and asks:
            self._tat = rate.tat_after(self._tat, at=self._books.monotonic, qps=self._qps, asks=asks)
            self._books.con.execute(
                "UPDATE rate SET tat = ?, interval = ?, boot = ?",
                (self._tat, rate.interval_seconds(self._qps), self._account.boot),
            )

    def why_full(self) -> Spent | Wait:
        """Say why there is no room."""
        if any(room < 1 for room in self._cap_room()):
            return Spent(code="budget")
        if any(room < 1 for room in self._wallet_room()):
            return Spent(code="quota")
        return Wait(seconds=max(0.0, rate.seconds_to_slot(self._tat, at=self._books.monotonic)))

    def _cap_room(self) -> list[int]:
        account = self._account
        return [] if account.cap_asks is None else [account.cap_asks - account.spent - account.reserved]

    def _wallet_room(self) -> list[int]:
        return [] if self._left is None else [self._left - self._books.taken]

    def _wallet_left(self) -> int | None:
        """Give what the wallet had left before this transaction, less what was in flight then."""
        con = self._books.con
        left = left_of(con, now=self._books.now)
        if left is None:
            return None
        (reserved,) = con.execute("SELECT reserved FROM purse").fetchone()
        return left - int(reserved)

    def _shared_tat(self) -> float:
        tat, interval, boot = self._books.con.execute("SELECT tat, interval, boot FROM rate").fetchone()
        # Of another boot, or further ahead than any process can have put it: the monotonic clock began anew.
        furthest = self._books.monotonic + rate.BURST_SECONDS + interval + BUSY_TIMEOUT_SECONDS
        return float(tat) if boot == self._account.boot and tat <= furthest else 0.0
