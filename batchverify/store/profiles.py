"""Columns that a person has named once, for the next sheet with the same header.

The one thing to know: no word of a header and no cell is kept. A profile lies under a keyed fingerprint of the header, and says
which column holds which field by its place; so it can only ever be used for a header that is the same, word for word.
"""

from __future__ import annotations

import hmac
import json
import logging
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from filelock import FileLock, Timeout

from batchverify.errors import HomeError
from batchverify.model import Field
from batchverify.store.files import home_errors, sync_folder
from batchverify.store.home import Home

_NAME = "profiles.json"
_VERSION = 1
_SECRET_BYTES = 32
#: More kinds of sheets than an office has; the oldest goes first.
_MOST = 500
_LOCK_SECONDS = 10.0
_REMEDY = "Free space there or make it writable, or choose another home with --home. Nothing was sent."
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Places of columns by field, for a header with the fingerprint `header`.

    Where it stands elsewhere than a sheet is read by itself, `header_row` is its number and `sheet` the place of its sheet.
    """

    header: str
    fields: Mapping[Field, int]
    header_row: int | None = None
    sheet: int | None = None

    def as_json(self) -> dict[str, Any]:
        """The profile as the file has it."""
        return {
            "header": self.header,
            "fields": {str(name): column for name, column in self.fields.items()},
            "header_row": self.header_row,
            "sheet": self.sheet,
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        """Read it back. Raises ValueError, LookupError or TypeError where it is none."""
        fields = {Field(name): _place(column) for name, column in kept["fields"].items()}
        row, sheet = (None if kept[key] is None else _place(kept[key]) for key in ("header_row", "sheet"))
        return cls(header=str(kept["header"]), fields=fields, header_row=row, sheet=sheet)


class Profiles:
    """The profiles of a home, for real and for simulated asks alike. Reading never fails: a damaged file is told and left out."""

    def __init__(self, home: Home, *, random: Callable[[int], bytes] = os.urandom) -> None:
        self._path = home.path / _NAME
        self._lock = home.locks / f"{_NAME}.lock"
        self._tmp = home.tmp
        self._random = random
        self._secret, self._kept = self._read()

    def __len__(self) -> int:
        return len(self._kept)

    def fingerprint(self, words: Sequence[str]) -> str:
        """Stand for a header. Equal headers have equal fingerprints within one home."""
        return hmac.digest(self._secret, json.dumps(list(words)).encode(), "sha256").hex()

    def find(self, fingerprint: str) -> Profile | None:
        """Find what was kept under a header's fingerprint."""
        return self._kept.get(fingerprint)

    def keep(self, words: Sequence[str], profile: Callable[[Callable[[Sequence[str]], str]], Profile]) -> None:
        """Keep a profile under the header of these words, in the place of an earlier one; `profile` is handed `fingerprint`.

        Raises HomeError when the home cannot be written.
        """

        def change() -> None:
            under, made = self.fingerprint(words), profile(self.fingerprint)
            self._kept = {key: one for key, one in self._kept.items() if key != under} | {under: made}

        self._change(change)

    def forget(self, fingerprints: Sequence[str]) -> None:
        """Forget what was kept under these. Raises HomeError when the home cannot be written."""

        def change() -> None:
            self._kept = {key: one for key, one in self._kept.items() if key not in fingerprints}

        self._change(change)

    def _change(self, change: Callable[[], None]) -> None:
        """Read, change and write under a lock: another process may have kept another one since."""
        with home_errors("Writing", self._path, remedy=_REMEDY):
            try:
                with FileLock(self._lock, timeout=_LOCK_SECONDS, mode=0o600):
                    self._secret, self._kept = self._read()
                    change()
                    self._write()
            except Timeout:
                raise HomeError(f"{str(self._path)!r} is being written by another process. Wait for it, or end it.") from None

    def _read(self) -> tuple[bytes, dict[str, Profile]]:
        try:
            content = self._path.read_bytes()
        except OSError:
            return self._random(_SECRET_BYTES), {}
        try:
            return _parsed(content)
        except (ValueError, LookupError, TypeError, AttributeError):
            _log.warning(
                "The file %r is damaged, so no columns are taken as last time. Name them with --map, or delete the file.",
                str(self._path),
            )
            return self._random(_SECRET_BYTES), {}

    def _write(self) -> None:
        newest = list(self._kept.items())[-_MOST:]
        content = {
            "version": _VERSION,
            "secret": self._secret.hex(),
            "profiles": {key: profile.as_json() for key, profile in newest},
        }
        # What a process that died in the middle left: nobody else is at it, for the lock is held.
        for left in self._tmp.glob("profiles-*"):
            left.unlink(missing_ok=True)
        # Private from its first instant on, as every file that mkstemp makes.
        descriptor, name = tempfile.mkstemp(prefix="profiles-", dir=self._tmp)
        try:
            with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor has no path
                json.dump(content, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self._path)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise
        sync_folder(self._path.parent)


def _parsed(content: bytes) -> tuple[bytes, dict[str, Profile]]:
    """Read the file. Raises what json does, and ValueError, LookupError, TypeError or AttributeError where it is another one."""
    kept = json.loads(content)
    if kept["version"] != _VERSION:
        raise ValueError
    return bytes.fromhex(kept["secret"]), {str(key): Profile.from_json(one) for key, one in kept["profiles"].items()}


def _place(value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError
    return value
