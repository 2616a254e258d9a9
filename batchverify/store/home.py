"""The home: the one private folder of ledger, cache, key, run locks and named columns, and of nothing else.

The one thing to know: asks to a loopback endpoint live in a realm of their own (`sandbox/`), with its own ledger, cache
and key, so that a simulated answer can never be reused for a real row.

On Windows the modes below mean nothing: the folder inherits the access list of the user's profile.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from batchverify.errors import HomeError
from batchverify.store.files import home_errors, make_folder, sync_folder
from batchverify.store.modes import refuse_loose

_WRITE_REMEDY = "Free space there or make it writable, or choose another home with --home. Nothing was sent."
#: How long a starting run waits for a process that is just probing whether the lock is free.
_PROBE_SECONDS = 5.0
#: The real write that is tried before the first ask: a page of the ledger and a little more.
_PROBE_BYTES = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Realm:
    """Where the asks of one kind live. `key_file` belongs to the vault."""

    folder: Path
    simulated: bool

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger.sqlite"

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    @property
    def key_file(self) -> Path:
        return self.folder / "master.key"


class RunLock:
    """A held lock. Whoever holds it is alive: the system lets go of it at any death, `kill -9` included."""

    def __init__(self, name: str, lock: FileLock) -> None:
        self.name = name
        self._lock = lock

    def release(self) -> None:
        """Let go, and take the file away. May be called twice and from any thread."""
        # Unlinked while held: whoever probes the name next finds nothing, which means dead, too.
        with suppress(OSError):
            Path(self._lock.lock_file).unlink()
        self._lock.release()


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """A private folder that exists. Made by `Home.open` only."""

    path: Path

    @classmethod
    def open(cls, path: Path) -> Home:
        """Open the home at `path`, creating it with mode 0700.

        Raises HomeError when it is a link, is no folder, cannot be made, lets others in, or holds a file that does. Nothing was sent.
        """
        home = cls(path=path)
        for folder in (path, home.tmp, home.locks):
            _private_folder(folder)
        refuse_loose(path)
        home._sweep()
        return home

    @property
    def tmp(self) -> Path:
        return self.path / "tmp"

    @property
    def locks(self) -> Path:
        return self.path / "locks"

    def realm(self, *, simulated: bool) -> Realm:
        """Give the realm of real asks, or of simulated ones. Its folders exist."""
        realm = Realm(folder=self.path / "sandbox" if simulated else self.path, simulated=simulated)
        _private_folder(realm.folder)
        _private_folder(realm.cache)
        return realm

    @contextmanager
    def private_folder(self) -> Iterator[Path]:
        """Give an empty folder for as long as the block runs; whatever a process that died left in its own goes at the next `open`."""
        lock = self.hold_lock(secrets.token_hex(8))
        folder = self.tmp / lock.name
        _private_folder(folder)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            lock.release()

    def _sweep(self) -> None:
        for folder in self.tmp.iterdir():
            if folder.is_dir() and not folder.is_symlink() and self.is_dead(folder.name):
                shutil.rmtree(folder, ignore_errors=True)
        # Only what died between making and unnaming it has a name. Where somebody does so just now it is made anew.
        for scratch in self.tmp.glob("plan-*.sqlite"):
            with suppress(OSError):
                scratch.unlink()

    def check_writable(self) -> None:
        """Write 64 KiB and wait for the disk, as the ledger will. Raises HomeError with the remedy; nothing was sent."""
        with home_errors("Writing to the home", self.path, remedy=_WRITE_REMEDY):
            with tempfile.TemporaryFile(dir=self.tmp) as file:
                file.write(bytes(_PROBE_BYTES))
                file.flush()
                os.fsync(file.fileno())
            for folder in (self.tmp, self.path):
                sync_folder(folder)
            # Whoever made the home may have died before its own name was durable, and with it all that is in it.
            with suppress(PermissionError):
                sync_folder(self.path.parent)

    def hold_lock(self, name: str, *, patience_seconds: float = _PROBE_SECONDS) -> RunLock:
        """Take `locks/<name>.lock` for the life of this process or until released.

        Raises HomeError when another process has it: two runs were given one name.
        """
        path = self._lock_path(name)
        # thread_local off: the pool releases from another thread than the one that took it.
        lock = FileLock(path, timeout=patience_seconds, mode=0o600, thread_local=False)
        with home_errors("Locking", path, remedy=_WRITE_REMEDY):
            try:
                lock.acquire()
            except Timeout:
                raise HomeError(f"The run lock {name!r} is held by another process. Wait for that run, or end it.") from None
        return RunLock(name, lock)

    def is_dead(self, name: str) -> bool:
        """Tell whether no living process holds the lock `name`."""
        path = self._lock_path(name)
        if not path.exists():
            return True
        lock = FileLock(path, mode=0o600, thread_local=False)
        with home_errors("Locking", path, remedy=_WRITE_REMEDY):
            try:
                lock.acquire(blocking=False)
            except Timeout:
                return False
            lock.release()
        return True

    def forget_lock(self, name: str) -> None:
        """Take away the lock file of a dead run."""
        with home_errors("Removing", self._lock_path(name), remedy=_WRITE_REMEDY):
            self._lock_path(name).unlink(missing_ok=True)

    def _lock_path(self, name: str) -> Path:
        return self.locks / f"{name}.lock"


def boot_id() -> str:
    """Give a word that changes with each start of this machine, or "" where the system tells none.

    Monotonic instants of one boot can be compared. Where it is "", the ledger takes an instant that lies in the
    future for one of an earlier boot.
    """
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return ""


def _private_folder(folder: Path) -> None:
    remedy = "Choose another home with --home or BATCHVERIFY_HOME."
    with home_errors("Creating the folder", folder, remedy=remedy):
        # Parents as the system makes them, the folder itself closed from its first instant on.
        make_folder(folder, mode=0o700)
        found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise HomeError(f"{str(folder)!r} is not a folder of its own but a file or a link. {remedy}")
    if os.name == "nt":  # pragma: no cover - modes mean nothing there, see above
        return
    if found.st_uid != os.geteuid():
        raise HomeError(f"{str(folder)!r} belongs to another user. {remedy}")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise HomeError(
            f"Others may enter {str(folder)!r} (mode {stat.S_IMODE(found.st_mode):04o}), and it holds keys and answers. "
            f"Close it with `chmod 700 {folder}`."
        )
