"""The cache: answered attempts kept for reuse across files, in front of the ledger and written behind it.

The one thing to know: it is a copy that is safe to delete, and it is believed only as far as the vault vouches for it.
An entry that is odd in any way is a miss, and the ledger is looked into instead; nothing in it is ever unpickled
(CVE-2025-69872).
"""

from __future__ import annotations

import hmac
import logging
import sqlite3
import struct
from collections.abc import Callable, Collection, Sequence
from contextlib import closing, suppress
from datetime import datetime
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from diskcache import Cache as DiskCache
from diskcache import Disk, Timeout
from diskcache.core import DBNAME, MODE_RAW

from batchverify.errors import HomeError
from batchverify.model import Attempt, AttemptState, Billed, Product
from batchverify.store.ledger.rows import micros, micros_or_none, moment, moment_or_none
from batchverify.store.ledger.schema import BUSY_TIMEOUT_SECONDS, scrub
from batchverify.store.vault import TAG_BYTES, Vault

_log = logging.getLogger(__name__)

_FAILURES = (sqlite3.Error, OSError, Timeout)
#: Format, product, billed, number, reserved, settled and vendor times, lengths of job, run, code and request id.
_HEAD = struct.Struct(">BBBQqqqBBBB")
_FORMAT = 1
_PAGE = 1_000
_NO_TIME = -(2**63)
_PRODUCTS = tuple(Product)
_BILLED = tuple(Billed)


class RawDisk(Disk):  # type: ignore[misc] # diskcache is untyped
    """Stores and fetches bytes in the database itself, and raises HomeError at anything else, above all at a pickle."""

    def put(self, key: object) -> tuple[bytes, bool]:
        if not isinstance(key, bytes):
            raise HomeError("The cache takes keys of bytes only.")
        return key, True

    def get(self, key: object, raw: object) -> bytes:
        if not raw or not isinstance(key, bytes):
            raise HomeError("The cache holds a key that is not ours. Delete the cache folder; it is a copy only.")
        return key

    def store(self, value: object, read: object, key: object = None) -> tuple[int, int, None, bytes]:  # noqa: ARG002 - diskcache names it
        if read or not isinstance(value, bytes):
            raise HomeError("The cache takes bytes only.")
        return 0, MODE_RAW, None, value

    def fetch(self, mode: object, filename: object, value: object, read: object) -> bytes:
        if mode != MODE_RAW or filename is not None or read or not isinstance(value, bytes):
            raise HomeError("The cache holds an entry that is not ours. Delete the cache folder; it is a copy only.")
        return value


class Cache:
    """Answered attempts by key. Made by `Cache.open`; it never raises after that, for the ledger knows everything in it."""

    def __init__(self, store: DiskCache, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    @classmethod
    def open(cls, folder: Path, *, vault: Vault) -> Self:
        """Open the cache in `folder`, which must be private. Raises HomeError when it is damaged or cannot be written."""
        try:
            # By hand first: SQLite would give it the modes of the umask, and its journals take theirs from it.
            folder.mkdir(mode=0o700, exist_ok=True)
            (folder / DBNAME).touch(mode=0o600)
            # cull_limit 0 and no eviction: nothing is thrown away behind our back, age is judged by whoever reads.
            store = DiskCache(str(folder), disk=RawDisk, eviction_policy="none", cull_limit=0, statistics=False)
        except _FAILURES as error:
            raise HomeError(
                f"The cache {str(folder)!r} cannot be opened: {error}. Delete that folder; it is a copy only, and nothing is paid again."
            ) from None
        return cls(store, vault)

    def close(self) -> None:
        """Close this thread's connection."""
        with suppress(*_FAILURES):
            self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def is_empty(self) -> bool:
        """Tell whether there is nothing to find. Cheap: the count is kept."""
        try:
            return len(self._store) == 0
        except _FAILURES:
            return True

    def get_many(self, keys: Sequence[bytes]) -> dict[bytes, Attempt]:
        """Find the answered attempts of keys, whatever their age. Absent keys may still be in the ledger."""
        found: dict[bytes, Attempt] = {}
        try:
            # One transaction: a third less for each, and one state of the cache for all.
            with self._store.transact():
                for key in keys:
                    if (attempt := self._get(key)) is not None:
                        found[key] = attempt
        except _FAILURES as error:
            _log.warning("The cache could not be read (%s); the ledger is asked instead.", type(error).__name__)
        return found

    def put_many(self, attempts: Sequence[Attempt]) -> int:
        """Copy answered attempts that the ledger has already; returns how many were taken. Others are passed over."""
        packed = [(attempt.key, self._pack(attempt)) for attempt in attempts if _worth_keeping(attempt)]
        try:
            with self._store.transact():
                for key, entry in packed:
                    self._store.set(key, entry)
        except _FAILURES as error:
            _log.warning("The cache could not be written (%s); nothing is lost, the ledger has it.", type(error).__name__)
            return 0
        return len(packed)

    def forget(self, keys: Sequence[bytes]) -> None:
        """Take entries away. Raises HomeError when they cannot be, for here the caller relies on it."""
        try:
            with self._store.transact():
                for key in keys:
                    self._store.delete(key)
        except _FAILURES as error:
            raise HomeError(f"The cache could not be cleared: {error}. Delete the cache folder; it is a copy only.") from None

    def drop(
        self, keys: Collection[bytes], *, before: datetime | None, known: Callable[[Sequence[bytes]], Collection[bytes]]
    ) -> int:
        """Take away entries of these keys, those settled `before`, and those that the ledger does not know; returns how many.

        Of a key that the ledger does not know nobody can tell whose it is. Raises HomeError when it cannot be done.
        """
        gone: list[bytes] = []
        try:
            pages = iter(self._store.iterkeys())
            while page := list(islice(pages, _PAGE)):
                told = set(known(page))
                for key in page:
                    attempt = None if key in keys or key not in told else self._get(key)
                    settled_at = None if attempt is None else attempt.settled_at
                    if settled_at is None or (before is not None and settled_at <= before):
                        gone.append(key)
        except _FAILURES as error:
            raise HomeError(f"The cache could not be read: {error}. Delete the cache folder; it is a copy only.") from None
        self.forget(gone)
        return len(gone)

    def clear(self) -> None:
        """Take everything away; the ledger has it. Raises HomeError when it cannot be done."""
        try:
            self._store.clear()
        except _FAILURES as error:
            raise HomeError(f"The cache could not be cleared: {error}. Delete the cache folder; it is a copy only.") from None

    def scrub(self) -> bool:
        """Write the file anew and empty its log, so that nothing taken away is left in either; False while others are in the way."""
        try:
            with closing(sqlite3.connect(Path(self._store.directory) / DBNAME, timeout=BUSY_TIMEOUT_SECONDS)) as con:
                return scrub(con)
        except sqlite3.Error as error:
            raise HomeError(f"The cache could not be cleared: {error}. Delete the cache folder; it is a copy only.") from None

    def _get(self, key: bytes) -> Attempt | None:
        try:
            entry = self._store.get(key)
            return None if entry is None else self._unpack(key, entry)
        except (HomeError, struct.error, ValueError, IndexError):
            return None

    def _pack(self, attempt: Attempt) -> bytes:
        texts = [text.encode() for text in (attempt.job, attempt.run, attempt.code, attempt.request_id)]
        vendor_at = micros_or_none(attempt.vendor_at)
        settled_at = micros_or_none(attempt.settled_at)
        head = _HEAD.pack(
            _FORMAT,
            _PRODUCTS.index(attempt.product),
            _BILLED.index(attempt.billed),
            attempt.number,
            micros(attempt.reserved_at),
            _NO_TIME if settled_at is None else settled_at,
            _NO_TIME if vendor_at is None else vendor_at,
            *(len(text) for text in texts),
        )
        body = head + b"".join(texts) + (attempt.sealed or b"")
        return self._vault.packed_tag(attempt.key + body) + body

    def _unpack(self, key: bytes, entry: bytes) -> Attempt | None:
        body = entry[TAG_BYTES:]
        if not hmac.compare_digest(entry[:TAG_BYTES], self._vault.packed_tag(key + body)):
            return None
        form, product, billed, number, reserved_at, settled_at, vendor_at, *lengths = _HEAD.unpack_from(body)
        if form != _FORMAT:
            return None
        texts: list[str] = []
        at = _HEAD.size
        for length in lengths:
            texts.append(body[at : at + length].decode())
            at += length
        job, run, code, request_id = texts
        return Attempt(
            number=number,
            job=job,
            run=run,
            key=key,
            product=_PRODUCTS[product],
            state=AttemptState.ANSWERED,
            reserved_at=moment(reserved_at),
            settled_at=moment_or_none(None if settled_at == _NO_TIME else settled_at),
            code=code,
            billed=_BILLED[billed],
            request_id=request_id,
            vendor_at=moment_or_none(None if vendor_at == _NO_TIME else vendor_at),
            sealed=body[at:],
        )


def _worth_keeping(attempt: Attempt) -> bool:
    """Tell whether an attempt may answer other rows: it has an answer and holds its key (a 203 does not)."""
    texts: tuple[Any, ...] = (attempt.job, attempt.run, attempt.code, attempt.request_id)
    return (
        attempt.state is AttemptState.ANSWERED
        and attempt.holds
        and attempt.sealed is not None
        and all(len(text.encode()) <= 255 for text in texts)  # noqa: PLR2004 - a length is one byte
    )
