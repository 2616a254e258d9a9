"""Who did what at a desk: uploaded, confirmed, approved, stopped, looked at a cell. Part of the record that is kept for three years.

The one thing to know: acts only grow. They name operators, cases, jobs and row numbers, and nobody of whom a row speaks.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from batchverify.store.ledger.reading import Fetch
from batchverify.store.ledger.rows import micros, moment

_COLUMNS = "number, at, operator, act, of_case, of_job, note"
# The newest stays, for numbers must not come again.
_OLD = "FROM act WHERE at <= ? AND number < (SELECT max(number) FROM act)"


def statements(live: str) -> tuple[str, ...]:
    """Give what makes the table. `live` finds the permission under which something is being erased."""
    return (
        """
        CREATE TABLE act (
          number INTEGER PRIMARY KEY, at INTEGER NOT NULL, operator TEXT NOT NULL, act TEXT NOT NULL CHECK (act <> ''),
          of_case TEXT NOT NULL, of_job TEXT NOT NULL, note TEXT NOT NULL
        ) STRICT
        """,
        "CREATE INDEX act_by_case ON act (of_case) WHERE of_case <> ''",
        "CREATE TRIGGER act_grows BEFORE UPDATE ON act BEGIN SELECT RAISE(ABORT, 'an act is not changed'); END",
        f"""
        CREATE TRIGGER act_stays BEFORE DELETE ON act WHEN NOT EXISTS ({live} AND OLD.at <= audit_before)
        BEGIN SELECT RAISE(ABORT, 'an act is not taken away'); END
        """,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Somebody did something. `case` and `job` are "" where it was about none; `note` says which row, plan or file."""

    number: int
    at: datetime
    operator: str
    act: str
    case: str = ""
    job: str = ""
    note: str = ""


class ActBook:
    """The acts of a ledger. Made by `Ledger.acts`."""

    def __init__(self, fetch: Fetch, writing: Callable[[], AbstractContextManager[sqlite3.Connection]]) -> None:
        self._fetch = fetch
        self._writing = writing

    def note(self, act: str, *, operator: str, now: datetime, case: str = "", job: str = "", note: str = "") -> None:
        """Write down an act."""
        with self._writing() as con:
            con.execute(
                f"INSERT INTO act ({_COLUMNS}) VALUES (NULL, ?, ?, ?, ?, ?, ?)", (micros(now), operator, act, case, job, note)
            )

    def acts(self, case: str | None = None, *, limit: int, before: int | None = None) -> list[Act]:
        """List the newest acts first: of one case or of all, those with a number below `before`."""
        query = f"SELECT {_COLUMNS} FROM act WHERE number < coalesce(?, number + 1)"
        values: list[object] = [before]
        if case is not None:
            # Spelled so that the index serves it.
            query, values = f"{query} AND of_case = ? AND of_case <> ''", [before, case]
        found = self._fetch(f"{query} ORDER BY number DESC LIMIT ?", (*values, limit))
        return [
            Act(number=number, at=moment(at), operator=operator, act=act, case=of_case, job=job, note=note)
            for number, at, operator, act, of_case, job, note in found
        ]


def count_old(fetch: Fetch, audit: int) -> int:
    """Count the acts that are as old as the record is kept."""
    return int(fetch(f"SELECT count(*) {_OLD}", (audit,))[0][0])


def take_old(audit: int, con: sqlite3.Connection, counts: Counter[str]) -> None:
    """Take away the acts that are as old as the record is kept."""
    counts["acts"] = con.execute(f"DELETE {_OLD}", (audit,)).rowcount
