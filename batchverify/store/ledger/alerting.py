"""Which alerts were sent and still hold, so that each crossing of a level is told of once.

The one thing to know: who is the first to see a crossing is decided in one transaction, so of many processes on one home one sends.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from datetime import datetime

from batchverify.store.ledger.rows import micros

#: For `SCHEMA`. `needed` is what a plan needed when its alert was sent; 0 where no plan was in play.
TABLES = """
CREATE TABLE alert (
  kind TEXT PRIMARY KEY, since INTEGER NOT NULL, needed INTEGER NOT NULL CHECK (needed >= 0)
) STRICT, WITHOUT ROWID;
"""


class AlertBook:
    """The alerts that hold. Made by `Ledger.alerts`."""

    def __init__(self, writing: Callable[[], AbstractContextManager[sqlite3.Connection]]) -> None:
        self._writing = writing

    def crossed(self, holding: Mapping[str, int], *, is_over: Callable[[str, int], bool], now: datetime) -> frozenset[str]:
        """Write down which alerts hold, each with what was needed, and give those that did not hold before.

        `is_over` says of an alert that was sent, with what was needed then, whether the balance is above again: then it is
        armed once more.
        """
        with self._writing() as con:
            sent = dict(con.execute("SELECT kind, needed FROM alert").fetchall())
            over = {kind for kind, needed in sent.items() if is_over(kind, needed)}
            con.executemany("DELETE FROM alert WHERE kind = ?", [(kind,) for kind in over])
            new = holding.keys() - (sent.keys() - over)
            con.executemany("INSERT INTO alert VALUES (?, ?, ?)", [(kind, micros(now), holding[kind]) for kind in new])
            return frozenset(new)

    def arm(self, kinds: Collection[str]) -> None:
        """Take back alerts that reached nobody, so that the next one to see them tries again."""
        with self._writing() as con:
            con.executemany("DELETE FROM alert WHERE kind = ?", [(kind,) for kind in kinds])
