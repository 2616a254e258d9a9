"""Files that come into being whole: written aside, synced, then given their name.

The one thing to know: `create_once` lets any number of processes start at the same moment and agree on one file, and a
process killed in the middle leaves no half of it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from batchverify.errors import HomeError

#: Longer than any creation takes, so that running out means a file system without working locks.
CREATION_TIMEOUT_SECONDS = 30.0


@contextmanager
def home_errors(what: str, path: Path, *, remedy: str) -> Iterator[None]:
    """Turn an OSError into a HomeError about `what`. The system's own words are kept: they hold no cell."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise HomeError(f"{what} {str(path)!r} failed: {reason}. {remedy}") from None


def make_folder(folder: Path, *, mode: int = 0o777) -> None:
    """Make a folder and the folders above it where there are none, so that all their names are durable. It may exist."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir(mode=mode)
    # Also where another process was faster: it may have died before it came to this.
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make a new name in `folder` durable. Windows does so by itself and cannot open folders."""
    if os.name == "nt":  # pragma: no cover - Linux runs the gate
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_synced(path: Path, content: bytes) -> None:
    """Write a new private file and wait until the disk has it. Raises FileExistsError rather than write onto another."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor has no path
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def create_once(path: Path, build: Callable[[Path], None]) -> None:
    """Give `path` the file that `build` writes at the path it is handed, unless `path` exists by then.

    Raises OSError as the system says it, and HomeError when another process holds the creation for 30 s.
    """
    try:
        with FileLock(path.with_name(f"{path.name}.create"), timeout=CREATION_TIMEOUT_SECONDS, mode=0o600):
            # What a process killed in the middle left: nobody else can be at it, for the lock is held.
            for left in path.parent.glob(f".{path.name}.*"):
                shutil.rmtree(left, ignore_errors=True)
            if path.exists():
                # By a process that died before it had synced the name, perhaps.
                sync_folder(path.parent)
                return
            # A folder of its own: what `build` leaves beside its file (a journal) goes with it, also after a failure.
            with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
                fresh = Path(folder) / path.name
                build(fresh)
                fresh.replace(path)
            sync_folder(path.parent)
    except Timeout:
        raise HomeError(
            f"{str(path)!r} is being created by another process, and has been for {CREATION_TIMEOUT_SECONDS:.0f} s. "
            "End that process, or choose another home with --home."
        ) from None
