"""What all passes of one command, or of one case of a desk, share: settings, who looks on, who may stop them.

The one thing to know: a pass asks nobody else anything. Whoever wants a say in it, a terminal, a program or a page, is a watcher.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from batchverify.job.asking import endpoint_of
from batchverify.job.clock import SystemClock
from batchverify.job.plan import Plan
from batchverify.job.rendering import NoteRow
from batchverify.model import RowStatus
from batchverify.pool import Progress, StopSwitch
from batchverify.settings import Settings, home_folder
from batchverify.store.ledger import Run
from batchverify.tables.passwords import Passwords


class Watcher(Protocol):
    """Who is told how a pass goes. `approve` raises an `InputError` to refuse a plan: then nothing is sent or written."""

    def approve(self, plan: Plan, *, cap_asks: int | None) -> None: ...
    def asking(self, *, total: int, cap_asks: int | None) -> None: ...
    def progress(self, progress: Progress) -> None: ...
    def sampled(self, statuses: Mapping[RowStatus, int]) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What all passes of one command share. `built_in` asks the sandbox that comes with this package.

    `remembers`: columns that a person has named are kept for the next sheet with the same header, and taken for it. A program
    names its own each time.
    `inputs` says by SHA-256 where an input lies now; of others, the job says where it lay as it began.
    `began` is told of a run when it is written down and nothing of it has been sent; `note_row` of each row of a result that is drawn.
    """

    settings: Settings
    watcher: Watcher
    built_in: bool = False
    clock: SystemClock = field(default_factory=SystemClock)
    stop: StopSwitch = field(default_factory=StopSwitch)
    passwords: Passwords = field(default_factory=Passwords)
    remembers: bool = False
    inputs: Mapping[str, Path] = field(default_factory=dict)
    began: Callable[[Run], None] = lambda _: None
    note_row: NoteRow | None = None

    @property
    def home(self) -> Path:
        return home_folder(self.settings.home)

    @property
    def simulated(self) -> bool:
        """True where the asks go to this machine only."""
        return self.built_in or endpoint_of(self.settings).is_loopback
