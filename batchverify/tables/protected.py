"""Workbooks that are protected with a password: opened into a private copy, written from one.

The one thing to know: what is in them never has a name on disk. It goes from a process of its own into a file without a name,
and the other way round.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO, cast

from batchverify.errors import HomeError, InputError
from batchverify.model import Secret
from batchverify.tables.child import run_child
from batchverify.tables.foreign_child import MAX_CPU_SECONDS, TOO_LARGE
from batchverify.tables.passwords import PasswordNeeded, Passwords
from batchverify.tables.protected_child import FIRST, MAX_CONTENT_BYTES, NO_ROOM, OPEN, PROTECT, WRONG_PASSWORD
from batchverify.tables.snapshot import Snapshot, unnamed_file

INSTALL = "pip install 'batchverify[excel]'"

_CHILD = "batchverify.tables.protected_child"
_PATIENCE_SECONDS = 2 * MAX_CPU_SECONDS
_MOST_KNOWN = 50
#: What Excel itself puts on a workbook whose structure is protected and which anybody may open.
_EXCELS_OWN = Secret("VelvetSweatshop")


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """How a result is protected: with which password, and a private folder where its plain form may lie without a name."""

    password: Secret
    temporary: Path


def require_library(name: str) -> None:
    """Refuse what needs a password where the library for it is not there."""
    if find_spec("msoffcrypto") is None:
        raise InputError(
            f"{name} needs the extra 'excel', for it is protected with a password. Install it with `{INSTALL}`. Nothing was sent."
        )


def unprotected(snapshot: Snapshot, *, name: str, passwords: Passwords, temporary: Path) -> Snapshot:
    """Open a protected workbook; returns a private copy of what is in it, to be closed by the caller.

    The copy has the SHA-256 and the size of the file as it lies there.

    Raises:
        InputError: No password opens it, it is damaged, or the library is not there. Nothing was sent.
        HomeError: The copy cannot be written.
    """
    require_library(name)
    known = passwords.known[:_MOST_KNOWN]
    copy, place = _opened(snapshot, [*known, _EXCELS_OWN], name=name, temporary=temporary)
    if copy is not None:
        if place < len(known):
            passwords.keep(snapshot.sha256, known[place])
        return copy
    for _ in range(passwords.tries):
        given = passwords.ask(name)
        if given is None:
            raise PasswordNeeded(
                f"{name} is protected with a password, and there is no terminal to ask for it. "
                "Give it in the first line of standard input with --password-stdin (in Python: password=). Nothing was sent."
            )
        copy, _ = _opened(snapshot, [given], name=name, temporary=temporary)
        if copy is not None:
            passwords.keep(snapshot.sha256, given)
            return copy
    raise PasswordNeeded(
        f"{name} is protected, and the password from {passwords.origin} does not open it. "
        "Ask whoever sent it; capitals count. Nothing was sent."
    )


def _opened(snapshot: Snapshot, passwords: Sequence[Secret], *, name: str, temporary: Path) -> tuple[Snapshot | None, int]:
    """The copy and the place of the password that opened it; None where none of them does."""
    if snapshot.size_bytes > MAX_CONTENT_BYTES:
        raise InputError(
            f"{name} is protected with a password and has {snapshot.size_bytes / (1 << 20):,.0f} MB; the limit is "
            f"{MAX_CONTENT_BYTES >> 20} MB. Open it in Excel, remove the password and save it again."
        )
    copy = unnamed_file(temporary)
    try:
        with snapshot.open() as content:
            code = run_child(
                _CHILD,
                OPEN,
                content=content,
                out=copy,
                head=_spelled(passwords),
                patience_seconds=_PATIENCE_SECONDS,
                temporary=temporary,
            )
        place = _place_opened(code, len(passwords), name=name)
        if place is not None:
            size_bytes = os.fstat(copy.fileno()).st_size
            found = Snapshot(copy, sha256=snapshot.sha256, size_bytes=size_bytes, source_bytes=snapshot.size_bytes)
            return found, place
    except BaseException:
        copy.close()
        raise
    copy.close()
    return None, 0


def _place_opened(code: int | None, count: int, *, name: str) -> int | None:
    """What the child's exit code says: the place of the password that opened the file, None where each of them is wrong."""
    if code is not None and 0 <= code - FIRST < count:
        return code - FIRST
    match code:
        case c if c == WRONG_PASSWORD:
            return None
        case c if c == NO_ROOM:
            raise HomeError(f"There is no room for a private copy of {name} in the home. Make room there. Nothing was sent.")
        case c if c == TOO_LARGE:
            why = "needs more memory than it should"
        case _:
            why = "is damaged, or protected in an unknown way"
    raise InputError(f"{name} {why}. Open it in Excel, remove the password and save it again. Nothing was sent.")


def protecting(write: Callable[[BinaryIO], None], protection: Protection) -> Callable[[BinaryIO], None]:
    """Have what `write` writes come out protected.

    The result raises `HomeError` where it is more than can be protected, or there is no room for it.
    """

    def write_protected(out: BinaryIO) -> None:
        with unnamed_file(protection.temporary) as plain:
            write(cast("BinaryIO", plain))
            plain.flush()
            size_bytes = plain.tell()
            plain.seek(0)
            code = None
            if size_bytes <= MAX_CONTENT_BYTES:
                code = run_child(
                    _CHILD,
                    PROTECT,
                    content=cast("BinaryIO", plain),
                    out=out,
                    head=_spelled([protection.password]),
                    patience_seconds=_PATIENCE_SECONDS,
                    temporary=protection.temporary,
                )
        if code == NO_ROOM:
            raise HomeError("There is no room for the protected result. Make room beside it.")
        if code != FIRST:
            raise HomeError(
                f"The result has {size_bytes / (1 << 20):,.0f} MB and could not be protected; the limit is "
                f"{MAX_CONTENT_BYTES >> 20} MB. Split the input into several files."
            )

    return write_protected


def _spelled(passwords: Sequence[Secret]) -> bytes:
    return json.dumps([password.reveal() for password in passwords]).encode() + b"\n"
