"""Plans that were shown, who approved them, and how much of what was approved is used up.

The one thing to know: an approval is a number of asks at a price, for one way of asking one input. The database refuses a run
that would go beyond it, counting what other runs under it have spent or may still spend; and nobody approves their own plan.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from batchverify.store.ledger.reading import Fetch
from batchverify.store.ledger.rows import micros, moment, moment_or_none

#: What runs under an approval have spent, or may still spend.
_USED = "SELECT coalesce(sum(CASE WHEN ended_at IS NULL THEN cap_asks ELSE spent END), 0) FROM run WHERE approval = "
#: For `SCHEMA`.
TABLES = f"""
CREATE TABLE planned (
  hash TEXT PRIMARY KEY, at INTEGER NOT NULL, operator TEXT NOT NULL, identity TEXT NOT NULL,
  name TEXT NOT NULL, asks INTEGER NOT NULL CHECK (asks >= 0), unit_price TEXT NOT NULL,
  again INTEGER NOT NULL DEFAULT 0 CHECK (again BETWEEN 0 AND asks)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER planned_grows BEFORE UPDATE ON planned
WHEN OLD.operator <> '' OR (OLD.hash, OLD.at, OLD.identity, OLD.name, OLD.asks, OLD.unit_price, OLD.again)
  IS NOT (NEW.hash, NEW.at, NEW.identity, NEW.name, NEW.asks, NEW.unit_price, NEW.again)
  OR EXISTS (SELECT 1 FROM approval WHERE hash = OLD.hash)
BEGIN SELECT RAISE(ABORT, 'a plan is not changed'); END;

CREATE TABLE approval (
  hash TEXT PRIMARY KEY REFERENCES planned, at INTEGER NOT NULL, operator TEXT NOT NULL CHECK (operator <> '')
) STRICT, WITHOUT ROWID;
CREATE TRIGGER approval_grows BEFORE UPDATE ON approval BEGIN SELECT RAISE(ABORT, 'an approval is not changed'); END;
CREATE TRIGGER approval_differs BEFORE INSERT ON approval
WHEN EXISTS (SELECT 1 FROM planned WHERE hash = NEW.hash AND operator = NEW.operator)
BEGIN SELECT RAISE(ABORT, 'nobody approves what they planned'); END;

CREATE TRIGGER run_approved BEFORE INSERT ON run
WHEN NEW.approval IS NOT NULL AND (NEW.cap_asks IS NULL
  OR NEW.cap_asks > (SELECT asks FROM planned WHERE hash = NEW.approval) - ({_USED}NEW.approval))
BEGIN SELECT RAISE(ABORT, 'more than was approved'); END;
CREATE TRIGGER run_stays_approved BEFORE UPDATE OF approval, cap_asks ON run
BEGIN SELECT RAISE(ABORT, 'what was approved does not change'); END;
"""
_OLD = "FROM planned WHERE at <= ? AND NOT EXISTS (SELECT 1 FROM approval WHERE approval.hash = planned.hash)"
_COLUMNS = """
SELECT planned.hash, planned.at, planned.operator, identity, name, asks, unit_price, again, approval.operator, approval.at
FROM planned LEFT JOIN approval ON approval.hash = planned.hash
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan that was shown. `identity` stands for the input and how it is asked, `name` is the file's; `operator` may be "".

    `again` of the asks may have been billed already.
    """

    hash: str
    at: datetime
    operator: str
    identity: str
    name: str
    asks: int
    unit_price: Decimal
    again: int = 0
    approved_by: str | None = None
    approved_at: datetime | None = None


def left_of(con: sqlite3.Connection, plan: str) -> int:
    """Count what is left of an approved plan."""
    (left,) = con.execute(f"SELECT (SELECT asks FROM planned WHERE hash = ?1) - ({_USED}?1)", (plan,)).fetchone()
    return int(left)


def count_old(fetch: Fetch, codes: int) -> int:
    """Count the plans that nobody has approved since."""
    return int(fetch(f"SELECT count(*) {_OLD}", (codes,))[0][0])


def take_old(con: sqlite3.Connection, codes: int, audit: int) -> int:
    """Take away the plans that nobody has approved, and the approvals of no run that is still on record."""
    con.execute(
        "DELETE FROM approval WHERE at <= ? AND NOT EXISTS (SELECT 1 FROM run WHERE run.approval = approval.hash)", (audit,)
    )
    return con.execute(f"DELETE {_OLD}", (codes,)).rowcount


class ApprovalBook:
    """The plans and approvals of a ledger. Made by `Ledger.approvals`."""

    def __init__(self, fetch: Fetch, writing: Callable[[], AbstractContextManager[sqlite3.Connection]]) -> None:
        self._fetch = fetch
        self._writing = writing

    def note(self, plan: Planned) -> Planned:
        """Write down a plan that was shown; returns it as it was first written: whoever plans it again is not its planner.

        Where nobody was named the first time, and nobody has approved it, whoever is named next is its planner.
        """
        with self._writing() as con:
            con.execute(
                "INSERT OR IGNORE INTO planned VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    plan.hash,
                    micros(plan.at),
                    plan.operator,
                    plan.identity,
                    plan.name,
                    plan.asks,
                    str(plan.unit_price),
                    plan.again,
                ),
            )
            con.execute(
                "UPDATE planned SET operator = ?1 WHERE hash = ?2 AND operator = '' AND ?1 <> '' "
                "AND NOT EXISTS (SELECT 1 FROM approval WHERE hash = ?2)",
                (plan.operator, plan.hash),
            )
        return self.planned(plan.hash) or plan

    def planned(self, plan: str) -> Planned | None:
        """Find a plan by its hash."""
        return self._one(f"{_COLUMNS} WHERE planned.hash = ?", plan)

    def approve(self, plan: str, *, operator: str, now: datetime) -> None:
        """Write down who approves a plan. The first approval stays."""
        with self._writing() as con:
            con.execute("INSERT OR IGNORE INTO approval VALUES (?, ?, ?)", (plan, micros(now), operator))

    def used(self, plan: str) -> int:
        """Count the asks that runs under an approval have spent, or may still spend."""
        ((used,),) = self._fetch(f"{_USED}?", (plan,))
        return int(used)

    def spent(self, job: str) -> int:
        """Count the asks that the runs of a job have spent, 0 where there is no such job yet."""
        query = "SELECT coalesce(sum(spent), 0) FROM run WHERE job = (SELECT number FROM job WHERE id = ?)"
        ((spent,),) = self._fetch(query, (job,))
        return int(spent)

    def of_run(self, run: str) -> Planned | None:
        """Find what was approved for a run, if anything was."""
        return self._one(f"{_COLUMNS} WHERE planned.hash = (SELECT approval FROM run WHERE id = ?)", run)

    def _one(self, query: str, value: str) -> Planned | None:
        for plan, at, operator, identity, name, asks, unit_price, again, approved_by, approved_at in self._fetch(query, (value,)):
            return Planned(
                hash=plan,
                at=moment(at),
                operator=operator,
                identity=identity,
                name=name,
                asks=asks,
                unit_price=Decimal(unit_price),
                again=again,
                approved_by=approved_by,
                approved_at=moment_or_none(approved_at),
            )
        return None
