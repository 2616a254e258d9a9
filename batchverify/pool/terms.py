"""What a crew is given and what it tells: a clock, somebody to ask, limits, progress, and the switch that stops it.

The one thing to know: a stop has two steps. The first loses nothing; the second is for a vendor who does not answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from batchverify.model import Query, Reply, RowStatus


class Clock(Protocol):
    """Wall time for people, monotonic time for deadlines and rates, and which boot the latter counts from."""

    @property
    def boot(self) -> str: ...
    def now(self) -> datetime: ...
    def monotonic(self) -> float: ...


class Asker(Protocol):
    """Whatever asks the vendor one question: raises an `AskError` that says what the failure means for the bill."""

    async def ask(self, query: Query, *, send_before: float | None = None) -> Reply: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Upper bounds and patience. Durations in seconds."""

    concurrency: int
    lock: timedelta
    breaker_pause_seconds: float = 30
    back_off_seconds: float = 1
    heartbeat_seconds: float = 5
    look_ahead: int = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What is done so far in this run. `billed` counts asks that were or may be billed.

    With `waits_until` nothing is in flight and nothing may be asked before: the vendor or the rate wants a pause.
    """

    done: int
    billed: int
    in_flight: int
    statuses: dict[RowStatus, int]
    waits_until: datetime | None = None


class StopSwitch:
    """Asked once, a run drains and settles what is in flight; asked twice, it leaves, and what is in flight is in doubt."""

    def __init__(self) -> None:
        self.level = 0
        #: Whether asking has begun: before that there is nothing to drain.
        self.has_begun = False
        self._wake: Callable[[], None] | None = None

    @property
    def is_heard(self) -> bool:
        """True while somebody is asking, who will obey."""
        return self._wake is not None

    def request(self) -> None:
        """Stop, from any thread or signal handler."""
        self.level += 1
        if self._wake is not None:
            self._wake()

    def listen(self, wake: Callable[[], None] | None) -> None:
        """Have `wake` told of the next request."""
        self.has_begun = True
        self._wake = wake
