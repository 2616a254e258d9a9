"""The gate: reserve before sending, settle after, both inside one durable transaction (RELIABILITY §2).

The one thing to know: an INSERT is what grants an ask. The once-only indexes decide; the code around them only says
beforehand what is not worth trying (lock, limit, cap, rate), and afterwards why nothing was inserted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from batchverify.model import AttemptState, Billed
from batchverify.store.ledger.books import Account, Books
from batchverify.store.ledger.rows import (
    ATTEMPT_COLUMNS,
    PACKAGE_COLUMNS,
    Row,
    RunNames,
    attempt_of,
    micros,
    micros_or_none,
    moment,
    package_of,
    padded_batches,
)
from batchverify.store.ledger.schema import BUSY_TIMEOUT_SECONDS
from batchverify.store.ledger.shapes import Busy, Grant, Granted, Held, Locked, Run, Settlement, Spent, Wait, Want
from batchverify.store.ledger.wallet import wallet_of

#: After the intent is written, the ask must have left within this time. Far below the lease, so that a process which
#: slept through its lease (SIGSTOP, a closed laptop) wakes too late to send what was meanwhile called in doubt.
SEND_WITHIN_SECONDS = 5.0

# A window of one second sees at most n asks with (n - 1) * interval < 1 s + burst + jitter on the way to the wire.
# With interval = 1.1 / qps, burst = 0.02 s and jitter <= 0.08 s that is n - 1 < 1.1 * qps / 1.1 = qps, so n <= qps.
RATE_MARGIN = 1.1
RATE_BURST_SECONDS = 0.02

DAY_MICROSECONDS = 86_400_000_000
#: The vendor's status for a match, the only one that is reused for long.
MATCHED_CODE = "01"

#: Few prepared statements serve every batch: see `padded_batches`.
_BATCH = 32
_SLOTS = ", ".join(f"?{number}" for number in range(4, 4 + _BATCH))

_INSERT = """
INSERT INTO attempt (run, key, id_tag, card_tag, product, state, reserved_at, reserved_mono, repeats)
VALUES (?, ?, ?, ?, ?, 'open', ?, ?, ?) ON CONFLICT DO NOTHING
"""
_SETTLE = """
UPDATE attempt SET state = ?, settled_at = ?, code = ?, billed = ?, request_id = ?, vendor_at = ?, sealed = ?,
  released = CASE WHEN ? THEN number ELSE 0 END
WHERE number = ? AND state = 'open' RETURNING run, key, id_tag
"""
# A wall clock set forward ends no lock and no day while the monotonic clock of the same boot says otherwise; set back, it
# prolongs both. `mono` in the future is another boot, where the system names none. Parameters: now, boot, monotonic.
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
_HOLDER = f"SELECT {ATTEMPT_COLUMNS} FROM attempt WHERE key = ? AND released = 0"
_IN_FLIGHT = """
SELECT 1 FROM attempt WHERE state = 'open' AND id_tag = ?
UNION ALL SELECT 1 FROM attempt WHERE state = 'open' AND card_tag = ?
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frozen:
    """What must not be asked for now, among the wants of one batch: when each ID number and card is free, in µs."""

    ids: dict[bytes, int]
    cards: dict[bytes, int]


class Gate:
    """One write transaction on the ledger, made by `Ledger.transaction`. Nothing of it is durable before that block ends."""

    __slots__ = ("_books", "_left", "_names", "_rate", "_rate_taken")

    def __init__(self, books: Books, names: RunNames) -> None:
        self._books = books
        self._names = names
        self._left: int | None = None
        self._rate: tuple[float, float, str] | None = None
        self._rate_taken = False

    def settle(self, settlements: Sequence[Settlement]) -> list[int]:
        """Write down how asks ended; returns the numbers of those that were no longer open.

        Such an attempt was called in doubt meanwhile (its lease had lapsed) and stays so: its answer is not attached.
        """
        return [settlement.attempt for settlement in settlements if not self._settle(settlement)]

    def reserve(self, run: Run, wants: Sequence[Want], *, qps: float | None = None) -> list[Grant]:
        """Grant or refuse each want, in order. `qps` may only lower the run's own rate. An empty batch renews the lease.

        Not a bill but a permission: what is `Granted` may be sent once, after the transaction has ended.
        """
        account = self._books.account(run.number)
        if account.ended_at is not None:
            return [Spent(code="lease_lost") for _ in wants]
        rate = min((rate for rate in (account.qps, qps) if rate is not None), default=None)
        frozen = _Frozen(ids=self._locked_ids(account, wants), cards=self._limited_cards(account, wants))
        if self._left is None:
            self._left = self._wallet_left()
        grants = [self._grant(account, want, frozen, rate) for want in wants]
        if self._rate_taken and self._rate:
            self._books.con.execute("UPDATE rate SET tat = ?, interval = ?, boot = ?", self._rate)
        return grants

    def _settle(self, settlement: Settlement) -> bool:
        books = self._books
        billed = _billed(settlement)
        lets_go = settlement.state is AttemptState.NOT_BILLED or settlement.lock_until is not None
        values = (
            settlement.state.value,
            books.now,
            settlement.code,
            billed.value,
            settlement.request_id,
            micros_or_none(settlement.vendor_at),
            settlement.sealed,
            lets_go,
            settlement.attempt,
        )
        found = books.con.execute(_SETTLE, values).fetchone()
        if found is None:
            return False
        run, key, id_tag = found
        account = books.account(run)
        books.settle(
            account,
            settlement.attempt,
            key,
            settlement.state.value,
            code=settlement.code,
            billed=billed,
            request_id=settlement.request_id,
        )
        if settlement.lock_until is not None:
            until = micros(settlement.lock_until)
            seconds = (until - books.now) / 1e6
            books.con.execute(
                "INSERT INTO lock (id_tag, since, until, boot, mono_since, mono_until) VALUES (?, ?, ?, ?, ?, ?)",
                (id_tag, books.now, until, account.boot, books.monotonic, books.monotonic + seconds),
            )
        return True

    def _grant(self, account: Account, want: Want, frozen: _Frozen, rate: float | None) -> Grant:
        barred = self._barred(account, want, frozen, rate)
        if barred is None and (granted := self._insert(account, want, rate, repeats=None)):
            return granted
        holder = self._books.con.execute(_HOLDER, (want.key,)).fetchone()
        repeats = None
        if holder is not None:
            if refusal := self._held(account, want, holder):
                return refusal
            repeats = holder[0]
        # From here on the key is free, or its holder may be let go.
        if barred is not None:
            return self._recorded(account, want, barred)
        if self._books.con.execute(_IN_FLIGHT, (want.id_tag, want.card_tag)).fetchone():
            return Busy()
        self._let_go(account, want, holder)
        again = self._insert(account, want, rate, repeats=repeats)
        return again or Busy()

    def _insert(self, account: Account, want: Want, rate: float | None, *, repeats: int | None) -> Granted | None:
        books = self._books
        values = (
            account.number,
            want.key,
            want.id_tag,
            want.card_tag,
            want.product.value,
            books.now,
            books.monotonic,
            repeats,
        )
        cursor = books.con.execute(_INSERT, values)
        number = cursor.lastrowid
        if cursor.rowcount != 1 or number is None:
            return None
        books.reserve(account, number, want.key)
        if rate is not None:
            self._take_slot(account, rate)
        books.clear_hold(account, want.key)
        return Granted(attempt=number, send_before=books.monotonic + SEND_WITHIN_SECONDS)

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
                # What this very run has bought is fresh, whatever the wall clock did since.
                fresh = holder[1] == account.number or holder[6] >= limit
                return Held(attempt=attempt) if fresh else None

    def _let_go(self, account: Account, want: Want, holder: Row | None) -> None:
        if holder is None:
            return
        number, state, code, billed = holder[0], holder[4], holder[7], holder[8]
        self._books.con.execute("UPDATE attempt SET released = number WHERE number = ?", (number,))
        transition = "released" if state == AttemptState.IN_DOUBT else "superseded"
        self._books.note(account, number, want.key, transition, code=code, billed=Billed(billed))

    def _barred(self, account: Account, want: Want, frozen: _Frozen, rate: float | None) -> Locked | Spent | Wait | None:
        """Tell what keeps this want from being asked now, whatever its key says."""
        if (until := frozen.ids.get(want.id_tag)) is not None:
            return Locked(code="id_locked", until=moment(until))
        if want.card_tag is not None and (until := frozen.cards.get(want.card_tag)) is not None:
            return Locked(code="card_limit", until=moment(until))
        if account.cap_reached:
            return Spent(code="budget")
        if self._left is not None and self._left - self._books.reserved_here < 1:
            return Spent(code="quota")
        if rate is not None and (seconds := self._seconds_to_slot(account)) > 0:
            return Wait(seconds=seconds)
        return None

    def _recorded(self, account: Account, want: Want, barred: Locked | Spent | Wait) -> Grant:
        if isinstance(barred, Locked):
            self._books.hold(account, want.key, barred.code, micros(barred.until))
        return barred

    def _locked_ids(self, account: Account, wants: Sequence[Want]) -> dict[bytes, int]:
        books = self._books
        locked: dict[bytes, int] = {}
        for batch in padded_batches((want.id_tag for want in wants), _BATCH):
            # In ascending order, so that of several locks the longest stays.
            locked.update(books.con.execute(_LOCKS, (books.now, account.boot, books.monotonic, *batch)).fetchall())
        return locked

    def _limited_cards(self, account: Account, wants: Sequence[Want]) -> dict[bytes, int]:
        books = self._books
        asked: dict[bytes, list[int]] = {}
        for batch in padded_batches({want.card_tag for want in wants if want.card_tag is not None}, _BATCH):
            for card_tag, asked_at in books.con.execute(_CARD_ASKS, (books.now, account.boot, books.monotonic, *batch)):
                asked.setdefault(card_tag, []).append(asked_at)
        limit = account.asks_per_card
        # Free again when the limit-th youngest ask is a day old.
        return {card: times[-limit] + DAY_MICROSECONDS for card, times in asked.items() if len(times) >= limit}

    def _wallet_left(self) -> int | None:
        con = self._books.con
        packages = [package_of(row) for row in con.execute(f"SELECT {PACKAGE_COLUMNS} FROM package")]
        spent, reserved, base = con.execute("SELECT spent, reserved, base FROM purse").fetchone()
        left = wallet_of(packages, spent=spent - base, now=moment(self._books.now)).left
        return None if left is None else left - reserved

    def _seconds_to_slot(self, account: Account) -> float:
        """Look at the shared rate: a cell of GCRA, one row for all processes of this machine."""
        if self._rate is None:
            tat, interval, boot = self._books.con.execute("SELECT tat, interval, boot FROM rate").fetchone()
            # Of another boot, or further ahead than any process can have put it: the monotonic clock began anew.
            if boot != account.boot or tat > self._books.monotonic + RATE_BURST_SECONDS + interval + BUSY_TIMEOUT_SECONDS:
                tat = 0.0
            self._rate = (tat, interval, account.boot)
        return self._rate[0] - RATE_BURST_SECONDS - self._books.monotonic

    def _take_slot(self, account: Account, rate: float) -> None:
        interval = RATE_MARGIN / rate
        self._seconds_to_slot(account)
        tat = max(self._rate[0] if self._rate else 0.0, self._books.monotonic) + interval
        self._rate = (tat, interval, account.boot)
        self._rate_taken = True


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
