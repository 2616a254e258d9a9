"""Which rows an audit report shows: at most twenty, from every status, chosen by nobody.

The one thing to know: a row's place in the choice is the SHA-256 of the input's digest and the row's number. So it is
the same each time, and whoever made the report could not pick the rows that look well.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Hashable
from typing import Generic, TypeVar

#: Rows shown at most.
MOST_ROWS = 20

Item = TypeVar("Item")


class SpotCheck(Generic[Item]):
    """Takes rows as they stream by and keeps those that will be shown.

    >>> check = SpotCheck[str](input_sha256="ab", groups=2)
    >>> for row in range(2, 1000):
    ...     check.add(row, group=row % 500 == 0, item=f"row {row}")
    >>> chosen = check.chosen()
    >>> len(chosen), "row 500" in chosen
    (20, True)
    """

    def __init__(self, *, input_sha256: str, groups: int) -> None:
        self._prefix = f"{input_sha256} ".encode()
        self._of_each = max(1, MOST_ROWS // groups)
        self._groups: dict[Hashable, list[tuple[int, int, Item]]] = {}
        self._all: list[tuple[int, int, Item]] = []

    def add(self, row: int, *, group: Hashable, item: Item) -> None:
        """Look at a row. Every group has its own few places, the rest goes to whoever comes first by its number."""
        # Negative, for the heap gives up its smallest; the row number makes every entry another one.
        rank = -int.from_bytes(hashlib.sha256(self._prefix + str(row).encode()).digest()[:8], "big")
        entry = (rank, -row, item)
        _keep_lowest(self._groups.setdefault(group, []), entry, self._of_each)
        _keep_lowest(self._all, entry, MOST_ROWS)

    def chosen(self) -> list[Item]:
        """Give the rows to show, in their order."""
        taken = {entry[1]: entry for entries in self._groups.values() for entry in entries}
        for entry in sorted(self._all, key=lambda entry: entry[:2], reverse=True):
            if len(taken) >= MOST_ROWS:
                break
            taken.setdefault(entry[1], entry)
        return [taken[row][2] for row in sorted(taken, reverse=True)]


def _keep_lowest(heap: list[tuple[int, int, Item]], entry: tuple[int, int, Item], most: int) -> None:
    if len(heap) < most:
        heapq.heappush(heap, entry)
    elif entry[:2] > heap[0][:2]:
        heapq.heapreplace(heap, entry)
