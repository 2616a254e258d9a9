"""A new wrapping key for a whole ledger, in one transaction: every code and every answer in it, or none.

The one thing to know: whoever opened the ledger under the old key and is still looking at a plan would take every question for a
new one, and buy it. So each transaction of a process looks whether the ledger is still under the key it came with.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from batchverify.errors import InputError
from batchverify.store.ledger.reading import PAGE
from batchverify.store.ledger.rows import Row

#: Gives key, tag of the ID number, tag of the card, nonce and sealed answer of a question as they are from now on.
Rewrap = Callable[[Row], Row]

# What the schema forbids for ever is done once, between taking these away and putting them back: outside of this transaction
# nobody ever sees the ledger without them.
_IN_THE_WAY = ("attempt_erased", "attempt_answer", "lock_grows")
_TRIGGERS = f"SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name IN ({', '.join('?' * len(_IN_THE_WAY))})"
_ATTEMPTS = f"""
SELECT number, key, id_tag, card_tag, nonce, sealed FROM attempt WHERE number > ? AND erased_at IS NULL ORDER BY number LIMIT {PAGE}
"""
_RENEW = "UPDATE attempt SET key = ?, id_tag = ?, card_tag = ?, nonce = ?, sealed = ? WHERE number = ?"
_HOLDS = "SELECT job, key, id_tag, card_tag FROM hold"
_RENEW_HOLD = "UPDATE hold SET key = ?, id_tag = ?, card_tag = ? WHERE job = ? AND key = ?"
_LOCKS = "SELECT number, id_tag FROM lock"
_RENEW_LOCK = "UPDATE lock SET id_tag = ? WHERE number = ?"
_LIVING = "SELECT id FROM run WHERE ended_at IS NULL LIMIT 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewed:
    """How many codes of questions were wrapped anew, and how many answers encrypted anew."""

    codes: int = 0
    answers: int = 0


class Renewal:
    """What brings a ledger under another key. Made by `Ledger.renewal`."""

    def __init__(self, writing: Callable[[], AbstractContextManager[sqlite3.Connection]]) -> None:
        self._writing = writing

    def renew(self, rewrap: Rewrap, *, mark: str) -> Renewed:
        """Give every question what `rewrap` makes of it, and the ledger the mark of its new vault.

        Raises:
            InputError: A run is going on, or another process has renewed the key. Nothing was changed.
            HomeError: An answer does not open, so it could not be kept. Nothing was changed.
        """
        with self._writing() as con:
            living = con.execute(_LIVING).fetchone()
            if living is not None:
                raise InputError(f"The run {living[0]} is going on. Renew the key when it has ended; nothing was changed.")
            con.execute("PRAGMA secure_delete = ON")
            triggers = con.execute(_TRIGGERS, _IN_THE_WAY).fetchall()
            for name, _ in triggers:
                con.execute(f"DROP TRIGGER {name}")
            renewed = _attempts(con, rewrap)
            for job, key, id_tag, card_tag in con.execute(_HOLDS).fetchall():
                new_key, new_id, new_card, *_ = rewrap((key, id_tag, card_tag, None, None))
                con.execute(_RENEW_HOLD, (new_key, new_id, new_card, job, key))
            for number, id_tag in con.execute(_LOCKS).fetchall():
                con.execute(_RENEW_LOCK, (rewrap((b"", id_tag, None, None, None))[1], number))
            for _, sql in triggers:
                con.execute(sql)
            con.execute("UPDATE vault SET mark = ?", (mark,))
        return renewed


def refuse_another_key(con: sqlite3.Connection, mark: str | None) -> None:
    """Refuse to go on where the ledger is no longer under the key that this process has. None has none yet.

    Raises:
        InputError: Another process has renewed the key. Nothing was sent.
    """
    if mark is not None and con.execute("SELECT mark FROM vault").fetchone() not in {None, (mark,)}:
        raise InputError("The key of this home was renewed while this command was at it. Do the same again; nothing was sent.")


def _attempts(con: sqlite3.Connection, rewrap: Rewrap) -> Renewed:
    last = codes = answers = 0
    while page := con.execute(_ATTEMPTS, (last,)).fetchall():
        con.executemany(_RENEW, [(*rewrap(tuple(rest)), number) for number, *rest in page])
        codes += len(page)
        answers += sum(sealed is not None for *_, sealed in page)
        last = page[-1][0]
    return Renewed(codes=codes, answers=answers)
