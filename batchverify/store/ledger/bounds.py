"""What bounds the asks of one batch: locks, asks per card, cap, wallet, rate, all read inside the gate's transaction.

The one thing to know: an ID number or a card that is `frozen` must not be asked for, whatever is free otherwise; `room`
is how many of the others may be granted, and `why_full` says what to tell the rest.
"""

from __future__ import annotations

from collections.abc import Sequence

from batchverify.store.ledger import rate
from batchverify.store.ledger.books import Account, Books
from batchverify.store.ledger.rows import moment, padded_batches
from batchverify.store.ledger.schema import BUSY_TIMEOUT_SECONDS
from batchverify.store.ledger.shapes import Locked, Spent, Wait, Want
from batchverify.store.ledger.wallet import left_of

DAY_MICROSECONDS = 86_400_000_000

_BATCH = 32
_SLOTS = ", ".join(f"?{number}" for number in range(4, 4 + _BATCH))

# A wall clock set forward ends no lock and no day while the monotonic clock of the same boot says otherwise; set back, it
# prolongs both. A monotonic instant that lies in the future is of another boot, where the system names none.
# Parameters: now, boot, monotonic, then the tags.
_LOCKS = f"""
SELECT id_tag, max(until, CASE WHEN boot = ?2 AND mono_since <= ?3
  THEN ?1 + CAST((mono_until - ?3) * 1000000 AS INTEGER) ELSE 0 END) AS free_at
FROM lock WHERE free_at > ?1 AND id_tag IN ({_SLOTS}) ORDER BY free_at
"""
_CARD_ASKS = f"""
SELECT card_tag, max(reserved_at, CASE WHEN boot = ?2 AND reserved_mono <= ?3
  THEN ?1 - CAST((?3 - reserved_mono) * 1000000 AS INTEGER) ELSE 0 END) AS asked_at
FROM attempt JOIN run ON run.number = attempt.run
WHERE asked_at > ?1 - {DAY_MICROSECONDS} AND state <> 'not_billed' AND card_tag IN ({_SLOTS}) ORDER BY asked_at
"""


class Bounds:
    """The bounds of one batch of wants. `qps` None is no rate."""

    __slots__ = ("_account", "_books", "_cards", "_ids", "_left", "_qps", "_tat")

    def __init__(self, books: Books, account: Account, wants: Sequence[Want], *, qps: float | None) -> None:
        self._books = books
        self._account = account
        self._qps = qps
        self._ids = self._locked_ids(wants)
        self._cards = self._limited_cards(wants)
        self._left = self._wallet_left()
        self._tat = 0.0 if qps is None else self._shared_tat()

    def frozen(self, want: Want) -> Locked | None:
        """Tell until when this ID number or card must be left alone."""
        if (until := self._ids.get(want.id_tag)) is not None:
            return Locked(code="id_locked", until=moment(until))
        if want.card_tag is not None and (until := self._cards.get(want.card_tag)) is not None:
            return Locked(code="card_limit", until=moment(until))
        return None

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

    def _locked_ids(self, wants: Sequence[Want]) -> dict[bytes, int]:
        books = self._books
        locked: dict[bytes, int] = {}
        for batch in padded_batches({want.id_tag for want in wants}, _BATCH):
            # In ascending order, so that of several locks the longest stays.
            locked.update(books.con.execute(_LOCKS, (books.now, self._account.boot, books.monotonic, *batch)).fetchall())
        return locked

    def _limited_cards(self, wants: Sequence[Want]) -> dict[bytes, int]:
        books = self._books
        asked: dict[bytes, list[int]] = {}
        for batch in padded_batches({want.card_tag for want in wants if want.card_tag is not None}, _BATCH):
            for card_tag, asked_at in books.con.execute(_CARD_ASKS, (books.now, self._account.boot, books.monotonic, *batch)):
                asked.setdefault(card_tag, []).append(asked_at)
        limit = self._account.asks_per_card
        # Free again when the limit-th youngest ask is a day old.
        return {card: times[-limit] + DAY_MICROSECONDS for card, times in asked.items() if len(times) >= limit}

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
