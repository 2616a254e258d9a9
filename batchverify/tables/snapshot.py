"""The input as it was when the job began: one private copy without a name, which every pass reads.

The one thing to know: the user may save the spreadsheet again while it is being asked. Plan, asks and result all come from
this copy, so a row is never planned as one person and asked as another. The copy has no name on disk and is gone even
after kill -9.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tempfile
import threading
from pathlib import Path
from typing import IO, Any, BinaryIO

from batchverify.errors import HomeError, InputError
from batchverify.tables.placing import check_name

MAX_SIZE_BYTES = 2 << 30
_BLOCK_BYTES = 1 << 20


class Snapshot:
    """A private copy of a file: its `sha256` (hex), its `size_bytes`, and any number of independent readers.

    Of a copy of what is inside a file, `sha256` and `source_bytes` are those of the file.
    """

    def __init__(self, copy: IO[bytes], *, sha256: str, size_bytes: int, source_bytes: int | None = None) -> None:
        self.sha256 = sha256
        self.size_bytes = size_bytes
        self.source_bytes = size_bytes if source_bytes is None else source_bytes
        self._copy = copy
        self._lock = threading.Lock()

    @classmethod
    def take(cls, source: Path, *, temporary: Path, max_size_bytes: int = MAX_SIZE_BYTES) -> Snapshot:
        """Copy the source into an unnamed file in the folder `temporary`, which must be private to this user.

        Raises `InputError` when the source cannot be read whole, and `HomeError` when the folder cannot take the copy.
        """
        check_name(source)
        before = _stat(source)
        if before.st_size > max_size_bytes:
            raise InputError(
                f"{source.name} has {before.st_size / (1 << 20):,.0f} MB; the limit is {max_size_bytes / (1 << 20):,.0f} MB. "
                "Split it into several files."
            )
        copy = unnamed_file(temporary)
        try:
            sha256, size_bytes = _copy(source, copy)
            after = _stat(source)
        except BaseException:
            copy.close()
            raise
        if size_bytes == 0:
            copy.close()
            raise InputError(f"{source.name} is empty. Was it saved before it was copied here?")
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or size_bytes != after.st_size:
            copy.close()
            raise InputError(f"{source.name} was changed while it was read. Wait until it is saved, then run this again.")
        return cls(copy, sha256=sha256, size_bytes=size_bytes)

    def open(self) -> BinaryIO:
        """Give a new seekable binary reader over the copy. Readers do not disturb each other, in any thread."""
        return io.BufferedReader(_Window(self), buffer_size=64 << 10)

    def read_at(self, offset: int, size_bytes: int) -> bytes:
        """Give the bytes at an offset; fewer at the end of the copy."""
        if hasattr(os, "pread"):
            return os.pread(self._copy.fileno(), size_bytes, offset)
        with self._lock:  # Windows has no pread: seek and read must not be torn apart by another reader
            self._copy.seek(offset)
            return self._copy.read(size_bytes)

    def close(self) -> None:
        """Let the copy go. Readers opened before fail from here on."""
        self._copy.close()


class _Window(io.RawIOBase):
    """A position of its own over the shared copy."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        target = memoryview(buffer)
        found = self._snapshot.read_at(self._position, len(target))
        target[: len(found)] = found
        self._position += len(found)
        return len(found)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._snapshot.size_bytes}[whence]
        if base + offset < 0:
            raise ValueError("A reader cannot be set before the start of its file.")
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        return self._position


def _stat(source: Path) -> os.stat_result:
    try:
        status = source.stat()
    except FileNotFoundError:
        raise InputError(f"There is no file {str(source)!r}. Check the name and the folder.") from None
    except OSError as error:
        raise InputError(f"{str(source)!r} cannot be looked at ({error.strerror}). Check who may read it.") from None
    if stat.S_ISDIR(status.st_mode):
        raise InputError(f"{str(source)!r} is a folder. Name the spreadsheet in it.")
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{str(source)!r} is not a regular file. Save it as one first.")
    return status


def unnamed_file(folder: Path) -> IO[bytes]:
    """Make a file that has no name and is gone with its last reader. Raises HomeError."""
    try:
        return tempfile.TemporaryFile(dir=folder)
    except OSError as error:
        raise HomeError(f"No private copy can be made in {str(folder)!r} ({error.strerror}). Check that folder.") from None


def _copy(source: Path, copy: IO[bytes]) -> tuple[str, int]:
    digest, size_bytes = hashlib.sha256(), 0
    try:
        reader = source.open("rb")
    except OSError as error:
        raise InputError(
            f"{source.name} cannot be read ({error.strerror}). Close it elsewhere, or check who may read it."
        ) from None
    with reader:
        while block := _read(reader, source):
            digest.update(block)
            size_bytes += len(block)
            _write(copy, block)
    _write(copy, b"")
    return digest.hexdigest(), size_bytes


def _read(reader: BinaryIO, source: Path) -> bytes:
    try:
        return reader.read(_BLOCK_BYTES)
    except OSError as error:
        raise InputError(f"{source.name} cannot be read to its end ({error.strerror}). Copy it to this machine first.") from None


def _write(copy: IO[bytes], block: bytes) -> None:
    try:
        copy.write(block)
        copy.flush()
    except OSError as error:
        raise HomeError(f"The private copy of the input cannot be written ({error.strerror}). Make room in the home.") from None
