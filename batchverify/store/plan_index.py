"""A run's scratch pad: which row is the first of each key, what is to become of the key, and which rows contradict each other.

The one thing to know: it is thrown away. Ten million keys do not fit into memory, so they lie in a private SQLite file
without any safety, which on Linux and macOS has no name from its first instant on and is gone at any death. Of a person it
has codes under a key of its own, which nobody has any more once it is closed.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from batchverify.errors import HomeError
from batchverify.model import Query

_BATCH = 256
_SLOTS = ", ".join("?" * _BATCH)
_CHUNK = 10_000
#: Bounds the memory; beyond it the file lives in the system's page cache, where it is nobody's memory.
_CACHE_KIB = 65_536

_TABLE = "CREATE TABLE first (key BLOB PRIMARY KEY, row INTEGER NOT NULL, mark TEXT) WITHOUT ROWID"
_ADD = "INSERT INTO first (key, row) VALUES (?, ?) ON CONFLICT (key) DO NOTHING"
_FIRST = f"SELECT key, row FROM first WHERE key IN ({_SLOTS})"
_MARKS = f"SELECT key, mark FROM first WHERE key IN ({_SLOTS}) AND mark IS NOT NULL"
# Appended and sorted once at the end: an index that grows by random codes costs three times as much.
_PEOPLE = (
    "CREATE TABLE person (row INTEGER PRIMARY KEY, id INTEGER NOT NULL, name INTEGER NOT NULL, card INTEGER, mobile INTEGER)"
)
_CODE_BYTES = 8
_KEY_BYTES = 32
#: Of how many people one mobile number may be before it looks wrong: families share one.
MOST_OF_A_MOBILE = 3
#: How many cards one ID number may stand with before it looks as if somebody were finding out which one is right.
MOST_OF_AN_ID = 4
#: What one of may have several of in a sheet that is right, by the word for where it has more: whose, of what, and how many.
CONFLICTS: Mapping[str, tuple[str, str, int]] = {
    "id_with_names": ("id", "name", 1),
    "card_with_ids": ("card", "id", 1),
    "mobile_with_ids": ("mobile", "id", MOST_OF_A_MOBILE),
    "id_with_cards": ("id", "card", MOST_OF_AN_ID),
}
_KEYS = "SELECT key FROM first WHERE key > ? ORDER BY key LIMIT ?"


class PlanIndex:
    """The first row of each key, and a word for each key (`mark`), for one pass over one input. Not for several threads at once."""

    def __init__(self, con: sqlite3.Connection, path: Path, *, secret: bytes) -> None:
        self._con = con
        self._path = path
        self._keyed = blake2b(key=secret, digest_size=_CODE_BYTES)
        #: Rows added so far, and different keys among them.
        self.rows = 0
        self.unique = 0

    @classmethod
    def open(cls, folder: Path, *, random: Callable[[int], bytes] = os.urandom) -> Self:
        """Make an empty index in `folder` (the home's `tmp`). Raises HomeError when it cannot be written there."""
        try:
            descriptor, name = tempfile.mkstemp(prefix="plan-", suffix=".sqlite", dir=folder)
            os.close(descriptor)
        except OSError as error:
            raise HomeError(_message(folder, error)) from None
        path = Path(name)
        with _told(folder):
            con = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            for pragma in ("journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE", f"cache_size = -{_CACHE_KIB}"):
                con.execute(f"PRAGMA {pragma}")
            con.execute(_TABLE)
            con.execute(_PEOPLE)
        # Windows lets nobody take away the name of an open file: there it goes in `close`.
        with suppress(OSError):
            path.unlink()
        return cls(con, path, secret=random(_KEY_BYTES))

    def close(self) -> None:
        """Throw the index away."""
        self._con.close()
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def duplicates(self) -> int:
        """Count the rows whose key an earlier row has."""
        return self.rows - self.unique

    def add(self, rows: Iterable[tuple[int, bytes]]) -> None:
        """Add row numbers with their keys, as many as there are; the row that comes first of its key is its first."""
        pairs = iter(rows)
        with _told(self._path.parent):
            while chunk := [(key, number) for number, key in islice(pairs, _CHUNK)]:
                with self._transaction():
                    self.unique += self._con.executemany(_ADD, chunk).rowcount
                self.rows += len(chunk)

    def first_rows(self, keys: Sequence[bytes]) -> dict[bytes, int]:
        """Find the first row of each key; keys that were not added are absent."""
        return self._find(_FIRST, keys)

    def mark(self, marks: Mapping[bytes, str]) -> None:
        """Give keys a word of the caller's, in the place of an earlier one."""
        with _told(self._path.parent), self._transaction():
            self._con.executemany("UPDATE first SET mark = ? WHERE key = ?", ((word, key) for key, word in marks.items()))

    def marks(self, keys: Sequence[bytes]) -> dict[bytes, str]:
        """Find the words of keys; keys without one are absent."""
        return self._find(_MARKS, keys)

    def add_people(self, rows: Iterable[tuple[int, Query]]) -> None:
        """Add whom rows are about, for `conflicts`. A row that asks what an earlier one asks adds nothing to it."""
        code = self._code
        people = (
            (
                number,
                code(query.id_card),
                code(query.name),
                code(query.account_no) if query.account_no else None,
                code(query.mobile) if query.mobile else None,
            )
            for number, query in rows
        )
        with _told(self._path.parent), self._transaction():
            self._con.executemany("INSERT INTO person VALUES (?, ?, ?, ?, ?)", people)

    def conflicts(self, word: str) -> Iterator[tuple[int, int]]:
        """Walk the rows that contradict each other in one of the `CONFLICTS`: each with the first row of those that do.

        Of an ID number with two names it gives two rows, the first of each name; groups come one after another.
        """
        whose, what, most = CONFLICTS[word]
        many = f"min({what}) <> max({what})" if most == 1 else f"count(DISTINCT {what}) > {most}"
        with _told(self._path.parent):
            # The cheap half first: where nothing is wrong, which is nearly always, the other one is spared.
            shared = f"SELECT {whose} FROM person WHERE {whose} IS NOT NULL GROUP BY {whose} HAVING {many}"
            if self._con.execute(f"{shared} LIMIT 1").fetchone() is None:
                return
            found = self._con.execute(
                f"WITH each AS (SELECT {whose} AS code, min(row) AS row FROM person WHERE {whose} IN ({shared}) AND {what} IS NOT NULL GROUP BY {whose}, {what}) "
                "SELECT row, min(row) OVER (PARTITION BY code) AS first FROM each ORDER BY first, row"
            )
            yield from found

    def tally(self) -> dict[str, int]:
        """Count the keys by their word, "" for those without one."""
        with _told(self._path.parent):
            return dict(self._con.execute("SELECT coalesce(mark, ''), count(*) FROM first GROUP BY 1 ORDER BY 1").fetchall())

    def batches(self, size: int = _CHUNK) -> Iterator[list[bytes]]:
        """Walk the keys in batches, in their own order: neighbors here are neighbors in the ledger's index, too."""
        last = b""
        while True:
            with _told(self._path.parent):
                keys = [key for (key,) in self._con.execute(_KEYS, (last, size))]
            if not keys:
                return
            yield keys
            last = keys[-1]

    def _code(self, text: str) -> int:
        """Stand for a text: equal texts have equal codes, and nobody without the key can tell which."""
        keyed = self._keyed.copy()
        keyed.update(text.encode("utf-8", "surrogatepass"))
        return int.from_bytes(keyed.digest(), signed=True)

    def _find(self, query: str, keys: Sequence[bytes]) -> dict[bytes, Any]:
        found: dict[bytes, Any] = {}
        with _told(self._path.parent):
            for start in range(0, len(keys), _BATCH):
                batch = list(keys[start : start + _BATCH])
                # Filled up with its last key, so that one prepared statement serves every size.
                batch += batch[-1:] * (_BATCH - len(batch))
                found.update(self._con.execute(query, batch).fetchall())
        return found

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._con.execute("BEGIN")
        try:
            yield
        except BaseException:
            # Without a journal there is nothing to go back to: after an error the index is of no use any more.
            self._con.close()
            raise
        self._con.execute("COMMIT")


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise HomeError(_message(folder, error)) from None


def _message(folder: Path, error: sqlite3.Error | OSError) -> str:
    reason = getattr(error, "strerror", None) or str(error)
    return f"A scratch file in {str(folder)!r} failed: {reason}. Free space there, or choose another home with --home. Nothing was lost."
