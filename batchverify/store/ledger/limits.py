"""Which ID numbers and cards must be left alone, and until when: after a 203, and after too many asks in a day.

The one thing to know: the gate and whoever only looks read by the same statements, so a plan tells what the gate will say.
A wall clock set forward ends no lock and no day while the monotonic clock of the same boot says otherwise; set back, it
prolongs both.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from batchverify.store.ledger.rows import moment, padded_batches

DAY_MICROSECONDS = 86_400_000_000

_BATCH = 32
_SLOTS = ", ".join(f"?{number}" for number in range(4, 4 + _BATCH))

# A monotonic instant that lies in the future is of another boot, where the system names none.
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
# As somebody saw it then: what came later is left out, and only the wall clock can be asked. Parameters as above.
_LOCKS_THEN = f"""
SELECT id_tag, until FROM lock WHERE since <= ?1 AND until > ?1 AND id_tag IN ({_SLOTS}) ORDER BY until
"""
_CARD_ASKS_THEN = f"""
SELECT card_tag, reserved_at FROM attempt
WHERE reserved_at > ?1 - {DAY_MICROSECONDS} AND reserved_at <= ?1 AND state <> 'not_billed' AND card_tag IN ({_SLOTS})
ORDER BY reserved_at
"""


class Instant(NamedTuple):
    """One moment by both clocks: microseconds UTC, and the seconds of the monotonic clock of `boot`."""

    now: int
    boot: str
    monotonic: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """ID numbers and cards by their tags, each with the instant from which it may be asked for again."""

    ids: dict[bytes, datetime]
    cards: dict[bytes, datetime]

    def until(self, id_tag: bytes, card_tag: bytes | None) -> tuple[str, datetime] | None:
        """Give the word of `bv_code` and the instant for a question, or None where nothing closes it.

        >>> at = moment(0)
        >>> Closed(ids={b"i": at}, cards={}).until(b"i", None)[0], Closed(ids={}, cards={b"c": at}).until(b"i", b"d")
        ('id_locked', None)
        """
        by_id = self.ids.get(id_tag)
        by_card = None if card_tag is None else self.cards.get(card_tag)
        if by_id is not None and (by_card is None or by_card <= by_id):
            return "id_locked", by_id
        return None if by_card is None else ("card_limit", by_card)


def closed(
    con: sqlite3.Connection, id_tags: Iterable[bytes], card_tags: Iterable[bytes], *, at: Instant, asks_per_card: int
) -> Closed:
    """Find what must be left alone at this instant."""
    return _found(con, (_LOCKS, _CARD_ASKS), id_tags, card_tags, at=at, asks_per_card=asks_per_card)


def closed_then(
    con: sqlite3.Connection, id_tags: Iterable[bytes], card_tags: Iterable[bytes], *, then: int, asks_per_card: int
) -> Closed:
    """Find what had to be left alone at a past instant, by what was known then: the same whenever it is asked."""
    at = Instant(now=then, boot="", monotonic=0)
    return _found(con, (_LOCKS_THEN, _CARD_ASKS_THEN), id_tags, card_tags, at=at, asks_per_card=asks_per_card)


def _found(
    con: sqlite3.Connection,
    statements: tuple[str, str],
    id_tags: Iterable[bytes],
    card_tags: Iterable[bytes],
    *,
    at: Instant,
    asks_per_card: int,
) -> Closed:
    locks, card_asks = statements
    ids: dict[bytes, datetime] = {}
    for batch in padded_batches(set(id_tags), _BATCH):
        # In ascending order, so that of several locks the longest stays.
        ids.update((tag, moment(until)) for tag, until in con.execute(locks, (*at, *batch)).fetchall())
    asked: dict[bytes, list[int]] = {}
    for batch in padded_batches(set(card_tags), _BATCH):
        for card_tag, asked_at in con.execute(card_asks, (*at, *batch)).fetchall():
            asked.setdefault(card_tag, []).append(asked_at)
    # Free again when the last but so many of its asks is a day old.
    cards = {
        card: moment(times[-asks_per_card] + DAY_MICROSECONDS) for card, times in asked.items() if len(times) >= asks_per_card
    }
    return Closed(ids=ids, cards=cards)
