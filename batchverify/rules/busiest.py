"""How fast a job truly was: the most asks within any one second, and the most in flight at once.

The one thing to know: an ask counts from the instant it was granted to the instant it was settled, by the ledger. It left
a little later and was answered a little earlier, so what the vendor saw was no more than this.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

_SECOND = 1_000_000


class Busiest(NamedTuple):
    """Both are 0 where nothing was asked."""

    in_one_second: int
    in_flight: int


def busiest(spans: Iterable[tuple[int, int]]) -> Busiest:
    """Look through asks (granted, settled), in microseconds and in the order in which they were granted.

    Memory grows with those within a second and those in flight.

    >>> busiest([(step * 400_000, step * 400_000 + 500_000) for step in range(5)])
    Busiest(in_one_second=3, in_flight=2)
    """
    granted: deque[int] = deque()
    ends: list[int] = []
    most, deepest = 0, 0
    for start, end in spans:
        granted.append(start)
        while start - granted[0] >= _SECOND:
            granted.popleft()
        while ends and ends[0] <= start:
            heapq.heappop(ends)
        heapq.heappush(ends, end)
        most, deepest = max(most, len(granted)), max(deepest, len(ends))
    return Busiest(in_one_second=most, in_flight=deepest)
