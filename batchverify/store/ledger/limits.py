"""Which ID numbers and cards must be left alone, and until when: after a 203, and after too many asks in a day.

A person has a few cards, and a list of people asks about each of them once. Whoever asks about one ID number again and again is
finding out which card, name or mobile goes with it, so that number rests for a day after a few asks; no setting lifts it.

The one thing to know: the gate and whoever only looks read by the same statements, so a plan tells what the gate will say.
A wall clock set forward ends no lock and no day while the monotonic clock of the same boot says otherwise; set back, it
prolongs both.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import NamedTuple

from batchverify.store.ledger.rows import moment, padded_batches

DAY_MICROSECONDS = 86_400_000_000
#: More different cards than a person has in one list, and far fewer than a guess takes.
ASKS_PER_ID = 12

_BATCH = 32
_SLOTS = ", ".join(f"?{number}" for number in range(4, 4 + _BATCH))

# A monotonic instant that lies in the future is of another boot, where the system names none.
# Parameters: now, boot, monotonic, then the tags.
_LOCKS = f"""
SELECT id_tag, max(until, CASE WHEN boot = ?2 AND mono_since <= ?3
  THEN ?1 + CAST((mono_until - ?3) * 1000000 AS INTEGER) ELSE 0 END) AS free_at
FROM lock WHERE free_at > ?1 AND id_tag IN ({_SLOTS}) ORDER BY free_at
"""
_ASKS = """
SELECT {tag}, max(reserved_at, CASE WHEN boot = ?2 AND reserved_mono <= ?3
  THEN ?1 - CAST((?3 - reserved_mono) * 1000000 AS INTEGER) ELSE 0 END) AS asked_at
FROM attempt JOIN run ON run.number = attempt.run
WHERE asked_at > ?1 - {day} AND state <> 'not_billed' AND {tag} IN ({slots}) ORDER BY asked_at
"""
# As somebody saw it then: what came later is left out, and only the wall clock can be asked. Parameters as above.
_LOCKS_THEN = f"""
SELECT id_tag, until FROM lock WHERE since <= ?1 AND until > ?1 AND id_tag IN ({_SLOTS}) ORDER BY until
"""
_ASKS_THEN = """
SELECT {tag}, reserved_at FROM attempt
WHERE reserved_at > ?1 - {day} AND reserved_at <= ?1 AND state <> 'not_billed' AND {tag} IN ({slots}) ORDER BY reserved_at
"""


class Instant(NamedTuple):
    """One moment by both clocks: microseconds UTC, and the seconds of the monotonic clock of `boot`."""

    now: int
    boot: str
    monotonic: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """ID numbers and cards by their tags, each with the instant from which it may be asked for again.

    `ids` are locked by the vendor, `busy` were asked about as often as is right in a day.
    """

    ids: dict[bytes, datetime]
    cards: dict[bytes, datetime]
    busy: dict[bytes, datetime]

    def until(self, id_tag: bytes, card_tag: bytes | None) -> tuple[str, datetime] | None:
        """Give the word of `bv_code` and the instant for a question, or None where nothing closes it.

        >>> at = moment(0)
        >>> Closed(ids={b"i": at}, cards={}, busy={}).until(b"i", None)[0]
        'id_locked'
        >>> Closed(ids={}, cards={b"c": at}, busy={}).until(b"i", b"d") is None
        True
        """
        by_card = None if card_tag is None else self.cards.get(card_tag)
        found = (("id_locked", self.ids.get(id_tag)), ("id_limit", self.busy.get(id_tag)), ("card_limit", by_card))
        barred = [(word, until) for word, until in found if until is not None]
        return max(barred, key=lambda one: one[1], default=None)


def closed(
    con: sqlite3.Connection, id_tags: Iterable[bytes], card_tags: Iterable[bytes], *, at: Instant, asks_per_card: int
) -> Closed:
    """Find what must be left alone at this instant."""
    return _found(con, (_LOCKS, _ASKS), id_tags, card_tags, at=at, asks_per_card=asks_per_card)


def closed_then(
    con: sqlite3.Connection, id_tags: Iterable[bytes], card_tags: Iterable[bytes], *, then: int, asks_per_card: int
) -> Closed:
    """Find what had to be left alone at a past instant, by what was known then: the same whenever it is asked."""
    at = Instant(now=then, boot="", monotonic=0)
    return _found(con, (_LOCKS_THEN, _ASKS_THEN), id_tags, card_tags, at=at, asks_per_card=asks_per_card)


def _found(
    con: sqlite3.Connection,
    statements: tuple[str, str],
    id_tags: Iterable[bytes],
    card_tags: Iterable[bytes],
    *,
    at: Instant,
    asks_per_card: int,
) -> Closed:
    locks, asks = statements
    ids: dict[bytes, datetime] = {}
    people = set(id_tags)
    for batch in padded_batches(people, _BATCH):
        # In ascending order, so that of several locks the longest stays.
        ids.update((tag, moment(until)) for tag, until in con.execute(locks, (*at, *batch)).fetchall())
    return Closed(
        ids=ids,
        busy=_busy(con, _of(asks, "id_tag"), people, at=at, most=ASKS_PER_ID),
        cards=_busy(con, _of(asks, "card_tag"), set(card_tags), at=at, most=asks_per_card),
    )


def _busy(con: sqlite3.Connection, asks: str, tags: set[bytes], *, at: Instant, most: int) -> dict[bytes, datetime]:
    """Find which of these tags were asked about so often within a day, and until when."""
    asked: dict[bytes, list[int]] = {}
    for batch in padded_batches(tags, _BATCH):
        for tag, asked_at in con.execute(asks, (*at, *batch)).fetchall():
            asked.setdefault(tag, []).append(asked_at)
    # Free again when the last but so many of its asks is a day old.
    return {tag: moment(times[-most] + DAY_MICROSECONDS) for tag, times in asked.items() if len(times) >= most}


@cache
def _of(statement: str, tag: str) -> str:
    return statement.format(tag=tag, day=DAY_MICROSECONDS, slots=_SLOTS)
