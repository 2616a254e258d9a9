"""Which question is next: due repeats first, then the sheet's own order; one at a time for each ID and each card.

The one thing to know: memory is bounded. At most `look_ahead` items wait here; the sheet is not read further until some
of them are done. Nothing here looks at a clock: instants are monotonic seconds, given by the caller.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from batchverify.model import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One question of the plan. `key`, `id_tag`, `card_tag` are keyed hashes.

    `tries` counts asks that were not billed, `waits` how often it was in flight elsewhere when it was wanted.
    """

    query: Query
    key: bytes
    id_tag: bytes
    card_tag: bytes | None
    tries: int = 0
    waits: int = 0
    release: int | None = None

    @property
    def tags(self) -> tuple[bytes, ...]:
        """What may be in flight only once at a time (VENDOR §3)."""
        return (self.id_tag,) if self.card_tag is None else (self.id_tag, self.card_tag)


class Agenda:
    """The items still to be asked by this process. A source yields None where a stretch of rows asks nothing."""

    def __init__(self, source: Iterator[Item | None], *, look_ahead: int) -> None:
        self._source = source
        self._look_ahead = look_ahead
        self._ready: deque[Item] = deque()
        self._deferred: list[tuple[float, int, Item]] = []
        self._parked: dict[bytes, deque[Item]] = {}
        self._parked_count = 0
        self._in_flight: set[bytes] = set()
        self._order = count()
        self._source_ended = False

    def take(self, limit: int, *, at: float) -> list[Item]:
        """Up to `limit` items that may be asked now; their tags are in flight until `release`."""
        taken: list[Item] = []
        while len(taken) < limit:
            item = self._next(at)
            if item is None:
                break
            blocking = next((tag for tag in item.tags if tag in self._in_flight), None)
            if blocking is not None:
                self._parked.setdefault(blocking, deque()).append(item)
                self._parked_count += 1
                continue
            self._in_flight.update(item.tags)
            taken.append(item)
        return taken

    def release(self, item: Item) -> None:
        """The item is no longer in flight: others with its ID or card may go."""
        for tag in item.tags:
            self._in_flight.discard(tag)
            waiting = self._parked.pop(tag, None)
            if waiting:
                self._parked_count -= len(waiting)
                self._ready.extend(waiting)

    def defer(self, item: Item, *, until: float) -> None:
        """Ask the item again, not before the instant. It holds no worker meanwhile."""
        self.release(item)
        heapq.heappush(self._deferred, (until, next(self._order), item))

    def put_back(self, items: Sequence[Item]) -> None:
        """The gate had no slot for them: they are next again, in the order they have."""
        for item in items:
            self.release(item)
        self._ready.extendleft(reversed(items))

    @property
    def next_due(self) -> float | None:
        """When the earliest deferred item may be asked."""
        return self._deferred[0][0] if self._deferred else None

    @property
    def is_empty(self) -> bool:
        """True when nothing is left, here or in the sheet."""
        return self._source_ended and not (self._ready or self._deferred or self._parked_count)

    @property
    def may_go_on(self) -> bool:
        """True when `take` could find something at once: the sheet goes on, or something is ready."""
        return bool(self._ready) or (not self._source_ended and self._waiting < self._look_ahead)

    @property
    def _waiting(self) -> int:
        return len(self._ready) + len(self._deferred) + self._parked_count

    def _next(self, at: float) -> Item | None:
        if self._deferred and self._deferred[0][0] <= at:
            return heapq.heappop(self._deferred)[2]
        if self._ready:
            return self._ready.popleft()
        if self._source_ended or self._waiting >= self._look_ahead:
            return None
        try:
            return next(self._source)
        except StopIteration:
            self._source_ended = True
            return None
