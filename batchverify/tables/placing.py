"""Putting a finished file in its place: whole or not at all, private, and never onto the user's input.

The one thing to know: the bytes go to a hidden draft beside the target first and are renamed over it at the end, so at every
instant the target is absent, old, or complete (RELIABILITY §3, 11). A draft is locked for as long as its writer lives: one
without a lock was left by a process that died, and whoever writes the same target next takes it away.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from batchverify.errors import HomeError, InputError

_LAST_SPARE = 99
_IS_POSIX = os.name == "posix"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Where a file came to lie, the SHA-256 of its bytes in hex, and what the user should know ("" for nothing)."""

    path: Path
    sha256: str
    note: str = ""


def check_target(target: Path, *, source: Path | None) -> None:
    """Refuse a place where the result cannot or must not be written. Meant to run before the first ask is paid for.

    Raises `InputError` when the folder is missing or not writable, or when the target is a folder or the input itself,
    whether by the same path, a symbolic link or a hard link.
    """
    check_name(target)
    folder = target.parent
    if not folder.is_dir():
        raise InputError(f"There is no folder {str(folder)!r} for the result. Make it, or name another place with --output.")
    if target.is_dir():
        raise InputError(f"{str(target)!r} is a folder. Name a file for the result with --output.")
    if source is not None and target.exists() and source.exists() and target.samefile(source):
        raise InputError(
            f"{str(target)!r} is the input itself, and the input is never written to. Name another file with --output."
        )
    try:
        with _draft_of(target) as (descriptor, _):
            os.close(descriptor)
    except OSError as error:
        raise InputError(
            f"Nothing can be written in {str(folder)!r} ({error.strerror}). Name another place with --output."
        ) from None


def check_name(path: Path) -> None:
    """Refuse a name that no ledger and no summary can hold, as zip programs of other code pages leave behind."""
    try:
        os.fspath(path.absolute()).encode()
    except UnicodeEncodeError:
        shown = str(path).encode(errors="replace").decode()
        raise InputError(
            f"The name {shown!r} is not written in UTF-8. Rename the file or its folder. Nothing was sent."
        ) from None


def place(target: Path, write: Callable[[BinaryIO], None], *, source: Path | None = None) -> Placed:
    """Let `write` fill a private file (mode 0600), make it durable and rename it to `target`.

    When the target cannot be replaced because another program holds it open (Excel does on Windows), the result gets a
    second name and a note instead of being lost. Raises `InputError` as `check_target` does, `HomeError` when the disk
    gives up. Nothing was billed by either: a result can be rendered again for nothing.
    """
    check_target(target, source=source)
    try:
        return _place(target, write)
    except OSError as error:
        raise HomeError(
            f"The result {target.name!r} could not be written ({error.strerror or type(error).__name__}). "
            "Nothing is lost: make room, then write it again with `batchverify render`."
        ) from None


def _place(target: Path, write: Callable[[BinaryIO], None]) -> Placed:
    _sweep(target)
    with _draft_of(target) as (descriptor, draft):
        with open(descriptor, "w+b") as out:  # noqa: PTH123  (the descriptor is what mkstemp made private)
            write(out)
            out.flush()
            os.fsync(out.fileno())
            out.seek(0)
            digest = hashlib.file_digest(out, "sha256").hexdigest()
        path = _rename(draft, target)
    _sync_folder(target.parent)
    note = (
        ""
        if path == target
        else f"{target.name} is open in another program, so the result is in {path.name}. Close it there, then rename."
    )
    return Placed(path=path, sha256=digest, note=note)


@contextmanager
def _draft_of(target: Path) -> Iterator[tuple[int, Path]]:
    """Make an empty draft of a target, open for writing and locked; what was not renamed in the block is taken away."""
    descriptor, lock, draft = _new_draft(target)
    try:
        yield descriptor, draft
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        if lock is not None:
            os.close(lock)


def _new_draft(target: Path) -> tuple[int, int | None, Path]:
    """The descriptor that is the caller's to close, the one that holds the lock until the draft has its name, and the draft."""
    while True:
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=_draft_prefix(target), suffix=".part")
        if not _IS_POSIX:  # there a file that is open cannot be taken away
            return descriptor, None, Path(name)
        lock = os.dup(descriptor)
        _lock(lock, waiting=True)
        if os.fstat(lock).st_nlink:
            return descriptor, lock, Path(name)
        # Somebody swept it before it was locked.
        os.close(lock)
        os.close(descriptor)


def _draft_prefix(target: Path) -> str:
    """The drafts of one target have one beginning, so that no other file's are touched."""
    return f".bv-{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:8]}-"


def _sweep(target: Path) -> None:
    """Take away the drafts of a target whose writers have died. Never a reason to fail."""
    with suppress(OSError):
        for draft in target.parent.glob(f"{_draft_prefix(target)}*.part"):
            with suppress(OSError):
                descriptor = os.open(draft, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
                try:
                    if _lock(descriptor):
                        draft.unlink()
                finally:
                    os.close(descriptor)


def _lock(descriptor: int, *, waiting: bool = False) -> bool:
    """Lock an open file against other openings of it until it is closed; False where somebody has it, or nobody can."""
    if sys.platform == "win32":  # pragma: no cover - Linux runs the gate
        return False
    import fcntl  # noqa: PLC0415 - not on Windows

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if waiting else fcntl.LOCK_NB))
    except OSError:
        return False
    return True


def _rename(draft: Path, target: Path) -> Path:
    try:
        draft.replace(target)
    except PermissionError:
        for number in range(2, _LAST_SPARE + 1):
            spare = target.with_name(f"{target.stem}-{number}{target.suffix}")
            # An older spare may hold edits of the user's, so it is stepped over, not replaced.
            if not spare.exists():
                draft.replace(spare)
                return spare
        raise
    return target


def _sync_folder(folder: Path) -> None:
    if not _IS_POSIX:  # Windows has no way to sync a folder, and needs none for a rename
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
