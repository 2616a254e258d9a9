"""Putting a finished file in its place: whole or not at all, private, and never onto the user's input.

The one thing to know: the bytes go to a hidden file beside the target first and are renamed over it at the end, so at every
instant the target is absent, old, or complete (RELIABILITY §3, 11).
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
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
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=".bv-", suffix=".part")
    except OSError as error:
        raise InputError(
            f"Nothing can be written in {str(folder)!r} ({error.strerror}). Name another place with --output."
        ) from None
    os.close(descriptor)
    Path(name).unlink()


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
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".bv-", suffix=".part")
    draft = Path(name)
    try:
        with open(descriptor, "w+b") as out:  # noqa: PTH123  (the descriptor is what mkstemp made private)
            write(out)
            out.flush()
            os.fsync(out.fileno())
            out.seek(0)
            digest = hashlib.file_digest(out, "sha256").hexdigest()
        path = _rename(draft, target)
    except BaseException:
        with suppress(FileNotFoundError):
            draft.unlink()
        raise
    _sync_folder(target.parent)
    note = (
        ""
        if path == target
        else f"{target.name} is open in another program, so the result is in {path.name}. Close it there, then rename."
    )
    return Placed(path=path, sha256=digest, note=note)


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
