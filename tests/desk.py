"""A desk for tests: one home, one vendor, and the passes of `batchverify.job` with patience cut short.

The one thing to know: no summary leaves it unless its sums agree and it has the keys that PRODUCT §3 names, so every run
of every test is a test of those, too.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from batchverify import job
from batchverify.job import Bounds, Options, Plan, Rendered, Session
from batchverify.job.clock import SystemClock
from batchverify.job.passes import OPEN_WITHOUT_DOUBT
from batchverify.model import RowStatus
from batchverify.pool import Progress, StopSwitch
from batchverify.report.summary import Summary
from batchverify.rules.sums import check_sums
from batchverify.settings import Settings, load_settings
from batchverify.tables.passwords import Passwords
from tests.builders import a_sheet, read_rows

FAILED = frozenset({RowStatus.FAILED, RowStatus.LOCKED})
#: Every key of a summary with the keys below it (PRODUCT §3).
SCHEMA: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("schema", "job", "run", "simulated", "ending"), ()),
    "input": ("name", "sha256", "sheet", "encoding", "rows"),
    **dict.fromkeys(("product", "endpoint_host"), ()),
    "rows": ("total", "unique", "duplicate", "reused", "blocked"),
    "status": tuple(RowStatus),
    "asks": ("sent", "billed", "free", "not_billed", "in_doubt", "saved"),
    "cost": ("currency", "unit_price", "min", "max", "saved"),
    "quota": ("total", "left_before", "left_after", "low", "known"),
    "windows": (),
    "cost_by": ("column", "groups"),
    **dict.fromkeys(("outputs", "started_at", "ended_at", "ledger_head", "next"), ()),
}


class LeapingClock(SystemClock):
    """A clock that was set, a machine that slept or was started anew: the wall's hand and the steady one move apart."""

    def __init__(self) -> None:
        super().__init__()
        self._wall = timedelta()
        self._steady = 0.0
        self._boots = 1

    def leap(self, by: timedelta) -> None:
        """Let time go by: both hands move."""
        self._wall += by
        self._steady += by.total_seconds()

    def set_wall(self, by: timedelta) -> None:
        """Have somebody set the wall clock, forward or back."""
        self._wall += by

    def restart(self) -> None:
        """Start the machine anew: the steady hand begins at ten seconds, and its boot has another name."""
        self._boots += 1
        self.boot = f"boot-{self._boots}"
        self._steady = 10.0 - super().monotonic()

    def now(self) -> datetime:
        return super().now() + self._wall

    def monotonic(self) -> float:
        return super().monotonic() + self._steady


@dataclass(slots=True, kw_only=True)
class Onlooker:
    """Approves every plan and remembers what it was told. `on_asking` is called when the asks begin, `on_progress` later."""

    plan: Plan | None = None
    caps: list[int | None] = field(default_factory=list)
    totals: list[int] = field(default_factory=list)
    progressed: list[Progress] = field(default_factory=list)
    samples: list[Mapping[RowStatus, int]] = field(default_factory=list)
    on_approve: Callable[[], None] = lambda: None
    on_asking: Callable[[], None] = lambda: None
    on_progress: Callable[[Progress], None] = lambda _: None

    def approve(self, plan: Plan, *, cap_asks: int | None) -> None:
        self.plan = plan
        self.caps.append(cap_asks)
        self.on_approve()

    def asking(self, *, total: int, cap_asks: int | None) -> None:
        self.totals.append(total)
        self.caps.append(cap_asks)
        self.on_asking()

    def sampled(self, statuses: Mapping[RowStatus, int]) -> None:
        self.samples.append(dict(statuses))

    def progress(self, progress: Progress) -> None:
        self.progressed.append(progress)
        self.on_progress(progress)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a pass left: its summary, the result file and its rows (none for a test that does not read them)."""

    summary: Summary
    path: Path
    note: str

    @property
    def json(self) -> dict[str, Any]:
        return self.summary.as_json()

    @property
    def job(self) -> str:
        return self.summary.job

    @property
    def rows(self) -> list[dict[str, Any]]:
        return read_rows(self.path)

    @property
    def statuses(self) -> list[str]:
        return [row["bv_status"] for row in self.rows]

    def column(self, name: str) -> list[str]:
        return [row[name] for row in self.rows]

    def counts(self) -> dict[str, int]:
        """Give the statuses that occur."""
        return {word: count for word, count in self.json["status"].items() if count}


@dataclass(slots=True, kw_only=True)
class Desk:
    """Where it works, and whom it asks. `onlooker` and `stop` are those of the next pass, made anew after each.

    `passwords` says who is asked in a pass; nobody remembers the one before.
    """

    folder: Path
    home: Path
    endpoint: str
    onlooker: Onlooker = field(default_factory=Onlooker)
    stop: StopSwitch = field(default_factory=StopSwitch)
    clock: SystemClock = field(default_factory=SystemClock)
    sheets: int = 0
    passwords: Callable[[], Passwords] = Passwords

    def settings(self, **changes: Any) -> Settings:
        return load_settings(
            **{
                "endpoint": self.endpoint,
                "app_code": "sandbox",
                "home": self.home,
                "qps": 5000.0,
                "back_off_seconds": 0.01,
                "breaker_pause_seconds": 0.05,
                "deadline_seconds": 5.0,
            }
            | changes
        )

    def session(self, **changes: Any) -> Session:
        onlooker, self.onlooker = self.onlooker, Onlooker()
        stop, self.stop = self.stop, StopSwitch()
        return Session(
            settings=self.settings(**changes), watcher=onlooker, stop=stop, clock=self.clock, passwords=self.passwords()
        )

    def sheet(self, people: Sequence[Mapping[str, Any]], *, kind: str = "csv") -> Path:
        """Write a sheet under a name of its own."""
        self.sheets += 1
        return a_sheet(self.folder, people, name=f"people-{self.sheets}.{kind}")

    def verify(
        self,
        people: Path | Sequence[Mapping[str, Any]],
        *,
        options: Options | None = None,
        bounds: Bounds | None = None,
        what: frozenset[RowStatus] = OPEN_WITHOUT_DOUBT,
        **changes: Any,
    ) -> Result:
        """Run a file, or rows as one; further keywords are settings."""
        path = people if isinstance(people, Path) else self.sheet(people)
        session = self.session(**changes)
        return self._checked(job.run_file(path, options or Options(), bounds or self.bounds(session), session, what=what))

    def run(self, path: Path, *, settings: Settings) -> Result:
        """Run a file with settings made elsewhere."""
        session = replace(self.session(), settings=settings)
        return self._checked(job.run_file(path, Options(), self.bounds(session), session))

    def plan(self, path: Path, *, options: Options | None = None, **changes: Any) -> Plan:
        return job.plan_file(path, options or Options(), self.session(**changes))

    def resume(self, name: str, *, bounds: Bounds | None = None, **changes: Any) -> Result:
        session = self.session(**changes)
        return self._checked(job.resume_job(name, bounds or self.bounds(session), session))

    def rerun(
        self, name: str | Path, *, what: frozenset[RowStatus] = FAILED, bounds: Bounds | None = None, **changes: Any
    ) -> Result:
        """Ask a job's failed rows again; of a file, whatever is open in it."""
        if isinstance(name, Path):
            return self.rerun_from(name, bounds=bounds, **changes)
        session = self.session(**changes)
        bounds = bounds or self.bounds(session)
        return self._checked(job.rerun_job(name, bounds, session, what=what, change=lambda kept: kept))

    def rerun_from(
        self,
        path: Path,
        *words: str,
        job_id: str | None = None,
        sheet: str | None = None,
        accepted: bool = False,
        bounds: Bounds | None = None,
        **changes: Any,
    ) -> Result:
        """Go on from a file that came back, with the words of `--what`."""
        session = self.session(**changes)
        return self._checked(
            job.rerun_file(
                path,
                bounds or self.bounds(session),
                session,
                what=job.statuses_to_rerun(words, accept_double_charge=accepted, from_file=True),
                edited=job.asks_edited(words),
                job=job_id,
                sheet=sheet,
            )
        )

    def go_on(self, result: Result, **changes: Any) -> Result:
        """Do what a summary says goes on: its `next`, word for word."""
        program, command, name, *options = shlex.split(result.json["next"])
        assert program == "batchverify"
        if command == "resume":
            return self.resume(name, **changes)
        assert command == "rerun"
        words = [word for option, word in pairwise(options) if option == "--what"]
        accepted = "--accept-double-charge" in options
        return self.rerun(name, what=job.statuses_to_rerun(words, accept_double_charge=accepted), **changes)

    def render(self, name: str, *, change: Callable[[Options], Options] = lambda kept: kept, **changes: Any) -> Result:
        return self._checked(job.render_job(name, self.session(**changes), change=change))

    @staticmethod
    def bounds(session: Session, **changes: Any) -> Bounds:
        """Give the bounds that the settings have."""
        return Bounds(**{"qps": session.settings.qps, "concurrency": session.settings.concurrency} | changes)

    @staticmethod
    def _checked(rendered: Rendered) -> Result:
        document = rendered.summary.as_json()
        assert check_sums(document) == []
        assert list(document) == [key for key in SCHEMA if key != "cost_by" or key in document]
        for key, below in SCHEMA.items():
            if below and key in document:
                assert tuple(document[key]) == below
        output, *_ = rendered.summary.outputs
        path = Path(output.path)
        assert rendered.summary.as_text().encode() in [beside.read_bytes() for beside in path.parent.glob("*.summary*.json")]
        return Result(summary=rendered.summary, path=path, note=rendered.note)
