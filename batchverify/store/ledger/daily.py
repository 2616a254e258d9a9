"""How much an operator may ask in a day, over all files, runs and processes of a ledger.

The one thing to know: a run takes from the day what it may ask at the most when it begins, in the transaction that begins it, and
gives back what it has not asked when it ends. So runs at once can never ask more together than the day has.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from batchverify.errors import InputError
from batchverify.store.ledger.rows import Row, micros
from batchverify.store.ledger.shapes import OperatorDay

#: What the runs of a day have taken, by operator as they were named. Parameter: when it began.
TAKEN = """
SELECT coalesce(json_extract(job.options, '$.mandate.operator'), ''),
  sum(CASE WHEN run.ended_at IS NULL THEN coalesce(run.cap_asks, run.spent + run.reserved) ELSE run.spent END)
FROM run JOIN job ON job.number = run.job WHERE run.started_at >= ? GROUP BY 1
"""


def refuse_in(con: sqlite3.Connection, day: OperatorDay, *, asks: int) -> None:
    """Refuse within a transaction a run of so many asks. Raises InputError where the day has not so many left."""
    refuse(day, con.execute(TAKEN, (micros(day.since),)).fetchall(), asks=asks)


def refuse(day: OperatorDay, taken: Iterable[Row], *, asks: int) -> None:
    """Refuse a run of so many asks where others have taken too many of the day already; `taken` is what `TAKEN` finds.

    Raises:
        InputError: The day has not so many left. Nothing was sent.
    """
    left = max(0, day.most - sum(count for name, count in taken if day.is_of(name)))
    if asks > left:
        remedy = f"Cap it with --max-asks {left} and go on tomorrow" if left else "Go on tomorrow"
        raise InputError(
            f"The run would ask {asks:,} questions, and {day.operator!r} has {left:,} left of {day.most:,} a day "
            f"('asks_per_operator_per_day'). {remedy}, or let somebody else do it. Nothing was sent."
        )
