"""The key file: one base key for ever, and over it the wrapping key of the day, which `key rotate` renews.

The one thing to know: what was asked is known by keyed hashes of fields that nobody keeps, so those can never be computed anew.
They are wrapped instead: what lies in the ledger is the hash under the base key, encrypted under the wrapping key, and a new
wrapping key is a new ledger. A file of 32 bytes is a base key that nothing was ever wrapped over.
"""

from __future__ import annotations

import hashlib
import os
import stat
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Self

from batchverify.errors import HomeError
from batchverify.store.files import home_errors, sync_folder, write_synced

KEY_BYTES = 32
#: What is done where the key does not fit, is damaged or is gone.
REMEDY = "Put back the key file that belongs to this ledger. Without it, all that was paid would be asked and paid again."

_MAGIC = b"BVKEYS\x02"
_ENTRY = struct.Struct(f">I{KEY_BYTES}s")
_CHECK_BYTES = 8
#: The one before, the one of today, and nothing else: a renewal that was cut short is finished before the next one.
_MOST_ENTRIES = 2
_WRITE_REMEDY = "Free space there or make it writable. The home works on as it was; do the same again."


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRing:
    """The keys of a key file. `wraps` are wrapping keys by generation; generation 0 is none at all.

    `is_settled` is False from before the ledger is wrapped anew until nothing is left under the key before.
    """

    base: bytes = field(repr=False)
    wraps: Mapping[int, bytes | None] = field(default_factory=lambda: MappingProxyType({0: None}), repr=False)
    is_settled: bool = True

    @property
    def newest(self) -> int:
        return max(self.wraps)

    def begun(self, wrap: bytes) -> Self:
        """Give the ring with one more wrapping key, of which the ledger does not know yet."""
        return type(self)(base=self.base, wraps=MappingProxyType({**self.wraps, self.newest + 1: wrap}), is_settled=False)

    def settled(self) -> Self:
        """Give the ring without the key before."""
        return type(self)(base=self.base, wraps=MappingProxyType({self.newest: self.wraps[self.newest]}))

    def as_bytes(self) -> bytes:
        """Spell the file out."""
        if self.is_settled and self.newest == 0:
            return self.base
        entries = b"".join(_ENTRY.pack(number, wrap or bytes(KEY_BYTES)) for number, wrap in sorted(self.wraps.items()))
        body = _MAGIC + bytes([self.is_settled]) + self.base + entries
        return body + _check(body)

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Read the file. Raises ValueError where it is none."""
        if not content.startswith(_MAGIC):
            if len(content) != KEY_BYTES:
                raise ValueError
            return cls(base=content)
        body, check = content[:-_CHECK_BYTES], content[-_CHECK_BYTES:]
        at = len(_MAGIC) + 1
        flag, base, entries = body[at - 1 : at], body[at : at + KEY_BYTES], body[at + KEY_BYTES :]
        if check != _check(body) or flag not in {b"\0", b"\1"} or not 0 < len(entries) <= _MOST_ENTRIES * _ENTRY.size:
            raise ValueError
        if len(entries) % _ENTRY.size:
            raise ValueError
        wraps = {number: wrap if number else None for number, wrap in _ENTRY.iter_unpack(entries)}
        return cls(base=base, wraps=MappingProxyType(wraps), is_settled=flag == b"\1")


def read_ring(key_file: Path) -> KeyRing:
    """Read a key file. Raises OSError, and HomeError where others may read it, it belongs to somebody else, or it is damaged."""
    descriptor = os.open(key_file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor has no path
        found = os.fstat(descriptor)
        content = file.read(len(_MAGIC) + 1 + KEY_BYTES + _MOST_ENTRIES * _ENTRY.size + _CHECK_BYTES + 1)
    if os.name != "nt":
        if found.st_uid != os.geteuid():
            raise HomeError(f"The key file {str(key_file)!r} belongs to another user, who may know it. {REMEDY}")
        if stat.S_IMODE(found.st_mode) & 0o077:
            raise HomeError(f"Others may read the key file {str(key_file)!r}. Close it with `chmod 600 {key_file}`.")
    try:
        return KeyRing.from_bytes(content)
    except ValueError:
        raise HomeError(f"The key file {str(key_file)!r} is damaged: it has not {KEY_BYTES} bytes. {REMEDY}") from None


def write_ring(key_file: Path, ring: KeyRing) -> None:
    """Put a ring in the place of the one before, whole and durable. Raises HomeError, and then the one before is still there."""
    draft = key_file.with_name(f"{key_file.name}.new")
    with home_errors("Writing the key file", key_file, remedy=_WRITE_REMEDY):
        draft.unlink(missing_ok=True)
        write_synced(draft, ring.as_bytes())
        draft.replace(key_file)
        sync_folder(key_file.parent)


def _check(body: bytes) -> bytes:
    """Tell damage; against a forger the ledger's own mark stands."""
    return hashlib.sha256(body).digest()[:_CHECK_BYTES]
