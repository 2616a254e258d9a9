"""The counters, the purse, the rate and the chains that one transaction touches: read once, written once at its end.

The one thing to know: `close` must run inside the same transaction as the attempts it counts. That is what makes
"spent + reserved <= cap" true at every instant that anybody can see.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from batchverify.model import Billed
from batchverify.store.ledger.chain import next_link
from batchverify.store.ledger.rows import Row
from batchverify.store.ledger.shapes import Want
from batchverify.store.ledger.wallet import give_back, lay

#: A run that has not written for this long has lost its open attempts to recovery.
LEASE_SECONDS = 30.0

_ACCOUNT = """
SELECT number, job, boot, cap_asks, qps, asks_per_card, matched_after, other_after, newest_attempt, ended_at, reason, spent, reserved, seq, head,
  EXISTS (SELECT 1 FROM hold WHERE hold.job = run.job)
FROM run WHERE number = ?
"""
_UPDATE_RUN = """
UPDATE run SET spent = ?, reserved = ?, seq = ?, head = ?, ended_at = ?, reason = ?, lease_until = max(lease_until, ?)
WHERE number = ?
"""


@dataclass(slots=True)
class Account:
    """A run while a transaction works on it."""

    number: int
    job: int
    boot: str
    cap_asks: int | None
    qps: float | None
    asks_per_card: int
    matched_after: int
    other_after: int
    newest_attempt: int
    ended_at: int | None
    reason: str
    spent: int
    reserved: int
    seq: int
    head: bytes
    has_holds: int


class Books:
    """What is counted within one write transaction. `now` is microseconds UTC, `monotonic` seconds, `random(n)` gives n bytes."""

    __slots__ = ("_accounts", "_events", "_laid", "_refunded", "_reserved", "_spent", "con", "monotonic", "now", "random")

    def __init__(self, con: sqlite3.Connection, *, now: int, monotonic: float, random: Callable[[int], bytes]) -> None:
        self.con = con
        self.random = random
        self.now = now
        self.monotonic = monotonic
        self._accounts: dict[int, Account] = {}
        self._events: list[Row] = []
        self._spent = 0
        self._reserved = 0
        self._laid = 0
        self._refunded: list[int] = []

    def account(self, run: int) -> Account:
        """Give the run's counters as this transaction has them."""
        account = self._accounts.get(run)
        if account is None:
            account = self._accounts[run] = Account(*self.con.execute(_ACCOUNT, (run,)).fetchone())
        return account

    @property
    def taken(self) -> int:
        """Count what this transaction took from the purse so far."""
        return self._spent + self._reserved

    def reserve(self, account: Account, attempt: int, tag: bytes) -> None:
        """Count an attempt as in flight."""
        account.reserved += 1
        self._reserved += 1
        self.note(account, attempt, tag, "reserved", billed=Billed.UNKNOWN)

    def settle(
        self, account: Account, attempt: int, tag: bytes, transition: str, *, code: str, billed: Billed, request_id: str = ""
    ) -> None:
        """Count an attempt as landed. What may have been billed is spent."""
        spent = billed is not Billed.NO
        account.reserved -= 1
        account.spent += spent
        self._reserved -= 1
        self._spent += spent
        self._laid += spent
        self.note(account, attempt, tag, transition, code=code, billed=billed, request_id=request_id)

    def refund(self, account: Account, *, settled_at: int) -> None:
        """Take back one ask that was counted as spent when it was settled and was not billed after all."""
        account.spent -= 1
        self._spent -= 1
        self._refunded.append(settled_at)

    def hold(self, account: Account, want: Want, code: str, until: int) -> None:
        """Write down why a question of the run's job was not asked."""
        account.has_holds = 1
        self.con.execute(
            "INSERT OR REPLACE INTO hold VALUES (?, ?, ?, ?, ?, ?)",
            (account.job, want.key, want.id_tag, want.card_tag, code, until),
        )

    def clear_hold(self, account: Account, key: bytes) -> None:
        """Forget why a key was not asked, for now it is. Most jobs have no hold and pay nothing for this."""
        if account.has_holds:
            self.con.execute("DELETE FROM hold WHERE job = ? AND key = ?", (account.job, key))

    def note(
        self, account: Account, attempt: int, tag: bytes, transition: str, *, code: str = "", billed: Billed, request_id: str = ""
    ) -> None:
        """Add an event to the run's chain; `tag` is the attempt's `commitment`, never its key."""
        account.seq += 1
        account.head = next_link(
            account.head,
            seq=account.seq,
            at=self.now,
            attempt=attempt,
            tag=tag,
            transition=transition,
            code=code,
            billed=billed,
            request_id=request_id,
        )
        self._events.append(
            (account.number, account.seq, self.now, attempt, tag, transition, code, billed.value, request_id, account.head)
        )

    def close(self) -> None:
        """Write everything down. Every run that was touched has its lease renewed, which means nothing for an ended one."""
        lease_until = self.monotonic + LEASE_SECONDS
        self.con.executemany("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", self._events)
        for account in self._accounts.values():
            self.con.execute(
                _UPDATE_RUN,
                (
                    *(account.spent, account.reserved, account.seq, account.head),
                    *(account.ended_at, account.reason, lease_until, account.number),
                ),
            )
        for settled_at in self._refunded:
            give_back(self.con, settled_at=settled_at)
        if self._laid:
            lay(self.con, self._laid, now=self.now)
        if self._spent or self._reserved:
            self.con.execute("UPDATE purse SET spent = spent + ?, reserved = reserved + ?", (self._spent, self._reserved))
