"""The rows of a drawn result, to be leafed through: one small file beside it, made while it is drawn.

The one thing to know: every row knows its place among all and among those of its status, so any page of a million rows is found
by two numbers, without counting. Its values are masked before they come here; nothing in it tells more than the page shows.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from batchverify.errors import HomeError

#: What the name of an index in the making ends in.
DRAFT = ".new"
_BATCH = 2_000
#: A page is served from what the operating system keeps; the index needs no memory of its own.
_CACHE_KIB = 4_096
_VERSION = 1
_TABLES = f"""
CREATE TABLE row (
  place INTEGER PRIMARY KEY, number INTEGER NOT NULL, status TEXT NOT NULL, rank INTEGER NOT NULL, facts TEXT NOT NULL
) STRICT;
PRAGMA user_version = {_VERSION};
"""
_INDEXES = """
CREATE UNIQUE INDEX row_by_rank ON row (status, rank);
CREATE INDEX row_by_number ON row (number);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedRow:
    """A row: its number as the spreadsheet shows it, its status, and what else is shown, as JSON made it."""

    number: int
    status: str
    facts: Mapping[str, Any]


class RowIndexWriter:
    """An index in the making. It takes the place of an older one when it is `finish`ed, and leaves nothing otherwise.

    Two may be made at once, each aside: whichever is finished last stays.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self._draft = target.with_name(f"{target.name}.{secrets.token_hex(4)}{DRAFT}")
        self._counts: Counter[str] = Counter()
        self._rows: list[tuple[int, int, str, int, str]] = []
        self._place = 0
        with _told(target):
            self._con = sqlite3.connect(self._draft, isolation_level=None, check_same_thread=False)
            # Nothing is lost with it: a result that is drawn again makes it anew.
            for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE_KIB}"):
                self._con.execute(f"PRAGMA {pragma}")
            self._draft.chmod(0o600)
            self._con.executescript(_TABLES)

    def add(self, number: int, status: str, facts: Mapping[str, Any]) -> None:
        """Add the next row."""
        text = json.dumps(facts, ensure_ascii=False, separators=(",", ":"))
        self._rows.append((self._place, number, status, self._counts[status], text))
        self._place += 1
        self._counts[status] += 1
        if len(self._rows) >= _BATCH:
            self._write()

    def finish(self) -> None:
        """Put the index in its place. Raises HomeError."""
        with _told(self._target):
            self._write()
            self._con.executescript(_INDEXES)
            self._con.close()
            self._draft.replace(self._target)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._con.close()
        with suppress(OSError):
            self._draft.unlink(missing_ok=True)

    def _write(self) -> None:
        rows, self._rows = self._rows, []
        with _told(self._target):
            self._con.execute("BEGIN")
            self._con.executemany("INSERT INTO row VALUES (?, ?, ?, ?, ?)", rows)
            self._con.execute("COMMIT")


@dataclass(frozen=True, slots=True, kw_only=True)
class RowIndex:
    """An index that was made. Each look opens it anew, for another one may have taken its place."""

    path: Path

    @property
    def exists(self) -> bool:
        return self.path.is_file()

    def counts(self) -> dict[str, int]:
        """How many rows have each status. Raises HomeError."""
        return {status: self._one("SELECT max(rank) + 1 FROM row WHERE status = ?", status) for status in self._statuses()}

    def page(
        self, *, status: str | None = None, number: int | None = None, offset: int, limit: int
    ) -> tuple[int, list[IndexedRow]]:
        """How many rows there are of a status, of a row number or of all, and some of them from `offset` on. Raises HomeError."""
        span = (offset, offset + limit)
        if number is not None:
            found = self._rows("number = ?", number)
            found = [row for row in found if status is None or row.status == status]
            return len(found), found[offset : offset + limit]
        if status is not None:
            total = self._one("SELECT coalesce(max(rank) + 1, 0) FROM row WHERE status = ?", status)
            return total, self._rows("status = ? AND rank >= ? AND rank < ? ORDER BY rank", status, *span)
        total = self._one("SELECT coalesce(max(place) + 1, 0) FROM row")
        return total, self._rows("place >= ? AND place < ? ORDER BY place", *span)

    def _statuses(self) -> list[str]:
        """The statuses that occur, each found by one step through the index."""
        found: list[str] = []
        while (following := self._fetch("SELECT min(status) FROM row WHERE status > ?", found[-1] if found else ""))[0][0]:
            found.append(following[0][0])
        return found

    def _rows(self, condition: str, *values: object) -> list[IndexedRow]:
        rows = self._fetch(f"SELECT number, status, facts FROM row WHERE {condition}", *values)
        return [IndexedRow(number=number, status=status, facts=json.loads(facts)) for number, status, facts in rows]

    def _one(self, query: str, *values: object) -> int:
        return int(self._fetch(query, *values)[0][0])

    def _fetch(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with _told(self.path), closing(sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True)) as con:
            return con.execute(query, values).fetchall()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise HomeError(
            f"The index of rows {str(path)!r} failed: {reason}. Free space there. The result is not touched by it."
        ) from None
