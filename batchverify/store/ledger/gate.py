"""The gate: reserve before sending, settle after, both inside one durable transaction (RELIABILITY §2).

The one thing to know: an INSERT is what grants an ask. The once-only indexes decide; the code around them only says
beforehand what is not worth trying (lock, limit, cap, rate), and afterwards why nothing was inserted.
"""

from __future__ import annotations

from collections.abc import Sequence

from batchverify.model import AttemptState, Billed
from batchverify.store.ledger.books import Account, Books
from batchverify.store.ledger.bounds import Bounds
from batchverify.store.ledger.chain import NONCE_BYTES, commitment
from batchverify.store.ledger.rows import ATTEMPT_COLUMNS, Row, RunNames, attempt_of, micros, micros_or_none, padded_batches
from batchverify.store.ledger.shapes import Busy, Grant, Granted, Held, Locked, Run, Settlement, Spent, Want

#: After the intent is written, the ask must have left within this time. Far below the lease, so that a process which
#: slept through its lease (SIGSTOP, a closed laptop) wakes too late to send what was meanwhile called in doubt.
SEND_WITHIN_SECONDS = 5.0
#: The vendor's status for a match, the only one that is reused for long.
MATCHED_CODE = "01"

_BATCH = 32
_SLOTS = ", ".join("?" * _BATCH)

# In bulk: one statement for a whole batch costs half of one for each.
_INSERT = """
INSERT INTO attempt (number, run, key, id_tag, card_tag, nonce, product, state, reserved_at, reserved_mono, repeats)
VALUES (?, ?, ?, ?, ?, ?, ?, 'open', ?, ?, ?) ON CONFLICT DO NOTHING
"""
_OPEN = f"SELECT number, run, key, nonce, id_tag FROM attempt NOT INDEXED WHERE state = 'open' AND number IN ({_SLOTS})"
_SETTLE = """
UPDATE attempt SET state = ?, settled_at = ?, code = ?, billed = ?, request_id = ?, vendor_at = ?, sealed = ?
WHERE number = ?
"""
# Two statements, for naming `released` rewrites the entry in the key index, a page of its own for nearly every ask.
_SETTLE_AND_RELEASE = _SETTLE.replace("WHERE", ", released = number WHERE")
_LET_GO = "UPDATE attempt SET released = number WHERE number = ? RETURNING nonce"
_LOCK = "INSERT INTO lock (id_tag, since, until, boot, mono_since, mono_until) VALUES (?, ?, ?, ?, ?, ?)"
_HOLDER = f"SELECT {ATTEMPT_COLUMNS} FROM attempt WHERE key = ? AND released = 0"
_IN_FLIGHT = """
SELECT 1 FROM attempt WHERE state = 'open' AND id_tag = ?
UNION ALL SELECT 1 FROM attempt WHERE state = 'open' AND card_tag = ?
"""


class Gate:
    """One write transaction on the ledger, made by `Ledger.transaction`. Nothing of it is durable before that block ends."""

    __slots__ = ("_books", "_names")

    def __init__(self, books: Books, names: RunNames) -> None:
        self._books = books
        self._names = names

    def settle(self, settlements: Sequence[Settlement]) -> list[int]:
        """Write down how asks ended; returns the numbers of those that were not open any more.

        Such an attempt was called in doubt meanwhile (its lease had lapsed) and stays so: its answer is not attached.
        """
        books = self._books
        still_open: dict[int, tuple[int, bytes, bytes, bytes]] = {}
        for batch in padded_batches((settlement.attempt for settlement in settlements), _BATCH):
            still_open.update((number, rest) for number, *rest in books.con.execute(_OPEN, batch).fetchall())
        refused: list[int] = []
        changes: dict[bool, list[Row]] = {False: [], True: []}
        for settlement in settlements:
            found = still_open.pop(settlement.attempt, None)
            if found is None:
                refused.append(settlement.attempt)
            else:
                lets_go = settlement.state is AttemptState.NOT_BILLED or settlement.lock_until is not None
                changes[lets_go].append(self._change(settlement, *found))
        books.con.executemany(_SETTLE, changes[False])
        books.con.executemany(_SETTLE_AND_RELEASE, changes[True])
        return refused

    def reserve(self, run: Run, wants: Sequence[Want], *, qps: float | None = None) -> list[Grant]:
        """Grant or refuse each want, in order. `qps` may only lower the run's own rate. An empty batch renews the lease.

        What is `Granted` may be sent once, after the transaction has ended; nothing else may.
        """
        account = self._books.account(run.number)
        if account.ended_at is not None:
            return [Spent(code="lease_lost") for _ in wants]
        lowest = min((rate for rate in (account.qps, qps) if rate is not None), default=None)
        bounds = Bounds(self._books, account, wants, qps=lowest)
        grants: dict[int, Grant] = {}
        eligible = [at for at, want in enumerate(wants) if bounds.frozen(want) is None]
        while eligible and (room := bounds.room(len(eligible))):
            tried, eligible = eligible[:room], eligible[room:]
            granted = self._insert(account, [wants[at] for at in tried])
            for at, grant in zip(tried, granted, strict=True):
                # One that was not inserted leaves its room unused, so what it lets go may be asked again in it.
                grants[at] = grant or self._ask_again(account, wants[at]) or Busy()
            bounds.take(sum(isinstance(grants[at], Granted) for at in tried))
        for at, want in enumerate(wants):
            if at not in grants:
                grants[at] = self._refusal(account, want, bounds)
        return [grants[at] for at in range(len(wants))]

    def _change(self, settlement: Settlement, run: int, key: bytes, nonce: bytes, id_tag: bytes) -> Row:
        """Count a settlement, lock what it locks, and give the values of its change."""
        books = self._books
        account = books.account(run)
        number, state, lock_until = settlement.attempt, settlement.state, settlement.lock_until
        billed, tag = _billed(settlement), commitment(nonce, key)
        books.settle(account, number, tag, state.value, code=settlement.code, billed=billed, request_id=settlement.request_id)
        if lock_until is not None:
            until = micros(lock_until)
            mono_until = books.monotonic + (until - books.now) / 1e6
            books.con.execute(_LOCK, (id_tag, books.now, until, account.boot, books.monotonic, mono_until))
        return (
            *(state.value, books.now, settlement.code, billed.value, settlement.request_id),
            *(micros_or_none(settlement.vendor_at), settlement.sealed, number),
        )

    def _insert(self, account: Account, wants: Sequence[Want], *, repeats: int | None = None) -> list[Granted | None]:
        """Write down the wants as attempts; None for each that the indexes refuse."""
        books = self._books
        (last,) = books.con.execute("SELECT coalesce(max(number), 0) FROM attempt").fetchone()
        drawn = books.random(NONCE_BYTES * len(wants))
        nonces = [drawn[at : at + NONCE_BYTES] for at in range(0, len(drawn), NONCE_BYTES)]
        rows = [
            (
                *(number, account.number, want.key, want.id_tag, want.card_tag, nonce, want.product.value),
                *(books.now, books.monotonic, repeats),
            )
            for number, (want, nonce) in enumerate(zip(wants, nonces, strict=True), last + 1)
        ]
        inserted = range(last + 1, last + 1 + len(rows))
        if books.con.executemany(_INSERT, rows).rowcount < len(rows):
            found = books.con.execute("SELECT number FROM attempt WHERE number > ?", (last,)).fetchall()
            written = {number for (number,) in found}
        else:
            written = set(inserted)
        send_before = books.monotonic + SEND_WITHIN_SECONDS
        granted: list[Granted | None] = []
        for number, want, nonce in zip(inserted, wants, nonces, strict=True):
            if number not in written:
                granted.append(None)
                continue
            books.reserve(account, number, commitment(nonce, want.key))
            books.clear_hold(account, want.key)
            granted.append(Granted(attempt=number, send_before=send_before))
        return granted

    def _ask_again(self, account: Account, want: Want) -> Granted | Held | Busy | None:
        """Give a key that the indexes refused to a new attempt, where its holder may be let go; else say who holds it."""
        holder = self._holder(want.key)
        if holder is None:
            return Busy()  # its ID number or its card is in flight
        if refusal := self._held(account, want, holder):
            return refusal
        if self._books.con.execute(_IN_FLIGHT, (want.id_tag, want.card_tag)).fetchone():
            return Busy()
        number, state, code, billed = holder[0], holder[4], holder[7], holder[8]
        (nonce,) = self._books.con.execute(_LET_GO, (number,)).fetchone()
        transition = "released" if state == AttemptState.IN_DOUBT else "superseded"
        self._books.note(account, number, commitment(nonce, want.key), transition, code=code, billed=Billed(billed))
        return self._insert(account, [want], repeats=number)[0]

    def _refusal(self, account: Account, want: Want, bounds: Bounds) -> Grant:
        """Say why a want that was not even tried is not granted: an answer in hand comes before any bound."""
        holder = self._holder(want.key)
        if holder is not None and (refusal := self._held(account, want, holder)):
            return refusal
        barred = bounds.frozen(want) or bounds.why_full()
        if isinstance(barred, Locked):
            self._books.hold(account, want, barred.code, micros(barred.until))
        return barred

    def _holder(self, key: bytes) -> Row | None:
        found: Row | None = self._books.con.execute(_HOLDER, (key,)).fetchone()
        return found

    def _held(self, account: Account, want: Want, holder: Row) -> Held | Busy | None:
        """Tell why the holder of a key keeps it, or None when it may be let go."""
        attempt = attempt_of(holder, self._names.of(self._books.con, holder[1]))
        match attempt.state:
            case AttemptState.OPEN:
                return Busy()
            case AttemptState.IN_DOUBT:
                return None if want.release == attempt.number else Held(attempt=attempt)
            case _:
                limit = account.matched_after if attempt.code == MATCHED_CODE else account.other_after
                # What was bought since this run began is fresh to it, whatever became of the wall clock.
                fresh = attempt.number > account.newest_attempt or holder[6] >= limit
                return Held(attempt=attempt) if fresh else None


def _billed(settlement: Settlement) -> Billed:
    match settlement.state:
        case AttemptState.ANSWERED:
            return settlement.billed or Billed.YES
        case AttemptState.NOT_BILLED:
            return Billed.NO
        case AttemptState.IN_DOUBT:
            return Billed.UNKNOWN
        case AttemptState.OPEN:
            raise ValueError("An attempt is not settled by leaving it open.")
