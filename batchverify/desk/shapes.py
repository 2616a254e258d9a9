"""What a desk speaks of: cases, how far they are, what was planned and confirmed for them, and what their rows show.

The one thing to know: the ledger keeps the money. A case keeps what a person chose and confirmed, and where it stands; what was
spent of a confirmed cap is always counted from the ledger, by the runs that were begun under it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from batchverify.job import Options
from batchverify.model import Billed, Field, RowSource, RowStatus


class Stage(StrEnum):
    """How far a case is."""

    RECEIVED = "received"
    PLANNED = "planned"
    WAITING = "waiting"  # confirmed, and another person has to approve it
    QUEUED = "queued"
    ASKING = "asking"
    PAUSED = "paused"
    STOPPED = "stopped"
    ENDED = "ended"
    REFUSED = "refused"  # nothing was sent; the problem says why

    @property
    def is_under_way(self) -> bool:
        """True where the desk will ask, or is asking, without another word of anybody."""
        return self in _UNDER_WAY

    @property
    def is_before_asking(self) -> bool:
        """True while everything may still be chosen."""
        return self in _BEFORE_ASKING


_UNDER_WAY = frozenset({Stage.QUEUED, Stage.ASKING})
_BEFORE_ASKING = frozenset({Stage.RECEIVED, Stage.PLANNED, Stage.WAITING, Stage.REFUSED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A plan that a person was shown: only what it takes to confirm it. `what` are the words of a rerun, () of a first pass."""

    digest: str
    identity: str
    asks: int
    unit_price: Decimal
    what: tuple[str, ...] = ()
    is_rerun: bool = False
    by: str = ""
    at: datetime

    @property
    def worst_price(self) -> Decimal:
        """Yuan if every ask is billed."""
        return self.asks * self.unit_price


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """What a person has confirmed: a plan, and how many asks may be billed for it. `runs` were begun under it.

    `accepts_double`: somebody has accepted that rows in doubt may be billed twice. `approved` is the hash under which another
    person has approved it.
    """

    plan: Shown
    cap_asks: int
    by: str
    at: datetime
    accepts_double: bool = False
    approved: str | None = None
    runs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An upload and all that is done with it. `owner` has uploaded it, `origin` is the case that it corrects ("" for none).

    `job` is the ledger's job once asking has begun. `ending` is the word of the last summary, "" before; `reason` the word for
    why the run stopped early. `problem` is a full sentence where a person has to do something, else "". `version` grows with
    each change. `result` is the name of the file that was drawn last; `done` questions of those that were confirmed are, after
    `seconds` of asking. `notify` is where the end is told, `is_told` whether it was.
    """

    id: str
    name: str
    size_bytes: int
    sha256: str
    owner: str
    received_at: datetime
    changed_at: datetime
    stage: Stage
    options: Options
    simulated: bool
    job: str | None = None
    shown: Shown | None = None
    confirmed: Confirmed | None = None
    ending: str = ""
    reason: str = ""
    note: str = ""
    problem: str = ""
    summary: Mapping[str, Any] | None = None
    origin: str = ""
    origin_job: str = ""
    result: str = ""
    done: int = 0
    seconds: float = 0.0
    notify: str = field(default="", repr=False)
    is_told: bool = False
    idempotency_key: str = field(default="", repr=False)
    version: int = 1

    @property
    def cap_asks(self) -> int | None:
        """How many asks were confirmed, None where nothing was."""
        return None if self.confirmed is None else self.confirmed.cap_asks


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """How a case goes at this instant. `done` of `total` questions; `billed` asks of `cap_asks`, both of all that was confirmed.

    `halting` is "pause" or "stop" from when it was asked for until nothing is in flight; `is_drawing` while the result is written.
    `eta_seconds` is None where nobody knows.
    """

    stage: Stage
    version: int
    done: int = 0
    total: int = 0
    billed: int = 0
    cap_asks: int | None = None
    in_flight: int = 0
    statuses: Mapping[RowStatus, int] = field(default_factory=dict)
    waits_until: datetime | None = None
    seconds: float = 0.0
    eta_seconds: float | None = None
    halting: str = ""
    is_drawing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row as the page shows it. `number` is the spreadsheet's own; `fields` are masked, always."""

    number: int
    status: RowStatus
    code: str
    message: str
    action: str
    source: RowSource
    billed: Billed
    fields: Mapping[Field, str] = field(repr=False)
    duplicate_of: int | None = None
    asked_at: datetime | None = None
    retry_at: datetime | None = None
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPage:
    """Some rows of a result: `total` is how many there are of what was looked for, `as_of` when the result was drawn.

    `counts` has how many rows there are of each status in the whole result.
    """

    total: int
    rows: tuple[Row, ...]
    counts: Mapping[RowStatus, int]
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A file that can be had: `word` asks for it, `name` is what it is called, `rows` how many it has (None: not counted).

    Words: `all`, the statuses that occur, `to_fix`, `to_retry`, `summary`.
    """

    word: str
    name: str
    rows: int | None = None
