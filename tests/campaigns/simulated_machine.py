"""A machine that is set back and restarted, and its disk, on which statements fail.

The one thing to know: what is written is the product's own file, in memory where there is such a place. Only the waiting for
the disk is left out; that the product does wait is proven by tests of their own.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from batchverify.store.ledger.schema import _set_up
from tests.campaigns.simulated_time import Timeline

_BEGAN = datetime(2026, 11, 24, 2, 50, 1, tzinfo=UTC)


class Tenant(Protocol):
    """A process, as far as its machine knows it."""

    name: str

    def die(self) -> None: ...


T = TypeVar("T", bound=Tenant)


class Machine(Generic[T]):
    """The clocks of one computer, and which of its processes live."""

    def __init__(self, timeline: Timeline, *, knows_its_boots: bool) -> None:
        self._timeline = timeline
        self._knows_its_boots = knows_its_boots
        self._up_since = -1000.0
        self.boots = 1
        self.wall_offset = 0.0
        self.was_set = False
        self.processes: dict[str, T] = {}
        #: Whether a lock says that its holder is dead before the machine restarts: one that a child has inherited does not.
        self.locks_tell = True
        self._born: dict[str, int] = {}

    @property
    def boot(self) -> str:
        return f"boot-{self.boots}" if self._knows_its_boots else ""

    def now(self) -> datetime:
        return _BEGAN + timedelta(seconds=self._timeline.now + self.wall_offset)

    def monotonic(self) -> float:
        return self._timeline.now - self._up_since

    def set_clock(self, by_seconds: float) -> None:
        """Have somebody set the wall clock."""
        self.wall_offset += by_seconds
        self.was_set = True

    def restart(self) -> None:
        """Let every process die and the monotonic clock begin anew."""
        for process in list(self.processes.values()):
            process.die()
        self.boots += 1
        self._up_since = self._timeline.now - 10.0

    def begins(self, process: T) -> None:
        """Note a process that begins to live."""
        self.processes[process.name] = process
        self._born[process.name] = self.boots

    def is_dead(self, lock: str) -> bool:
        return lock not in self.processes and (self.locks_tell or self._born[lock] < self.boots)


class Connection(sqlite3.Connection):
    """A connection on which single statements can be struck.

    Closed, it goes back to its disk: opening another one costs more than a whole process of a simulation. What was not
    committed is rolled back, as a death would have it.
    """

    is_closed = False
    #: Where a statement may be struck: it is given the statement and what runs it.
    strikes: Callable[[str, Callable[[], sqlite3.Cursor]], sqlite3.Cursor] | None = None

    def execute(self, *arguments: Any) -> sqlite3.Cursor:  # type: ignore[override]
        if self.strikes is None:
            return super().execute(*arguments)
        return self.strikes(arguments[0], partial(super().execute, *arguments))

    def executemany(self, *arguments: Any) -> sqlite3.Cursor:  # type: ignore[override]
        if self.strikes is None:
            return super().executemany(*arguments)
        return self.strikes(arguments[0], partial(super().executemany, *arguments))

    def close(self) -> None:
        self.is_closed = True
        if self.in_transaction:
            super().execute("ROLLBACK")

    def destroy(self) -> None:
        """Close it in earnest."""
        super().close()


class Disk:
    """The ledger's file and the connections to it. It waits for no real disk: that the product does is proven elsewhere."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connections: list[Connection] = []

    def connect(self) -> Connection:
        """Give a connection that is set up as the product's own are."""
        for con in self._connections:
            if con.is_closed:
                con.is_closed, con.strikes = False, None
                return con
        con = sqlite3.connect(self.path, factory=Connection, isolation_level=None, check_same_thread=False)
        _set_up(con)
        con.execute("PRAGMA synchronous = OFF")
        self._connections.append(con)
        return con

    def destroy(self) -> None:
        """Close all connections and take the file away."""
        for con in self._connections:
            con.destroy()
        for name in ("", "-wal", "-shm"):
            Path(f"{self.path}{name}").unlink(missing_ok=True)
