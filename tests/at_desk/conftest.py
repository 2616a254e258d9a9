"""A served desk: one home, the sandbox with its bill, and cases that go their way in few words."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from batchverify.desk import Case, Desk, Live, Stage
from batchverify.job import Mandate
from batchverify.sandbox import Running
from batchverify.settings import Settings, load_settings
from tests.builders import a_sheet

RESTING = {Stage.PAUSED, Stage.STOPPED, Stage.ENDED, Stage.REFUSED, Stage.WAITING}
MANDATE = Mandate(purpose="入职核验", authorization="授权-1")


class Office:
    """Where several desks may be opened on one home, one after another. `desk` is the one that is open."""

    def __init__(self, folder: Path, sandbox: Running, stack: ExitStack) -> None:
        self.folder, self.home, self.sandbox = folder, folder / "home", sandbox
        self._stack = stack
        self._sheets = 0
        self.desk = self.open()

    def settings(self, **changes: Any) -> Settings:
        return load_settings(
            **{
                "endpoint": self.sandbox.endpoint,
                "app_code": "sandbox",
                "home": self.home,
                "qps": 5000.0,
                "concurrency": 4,
                "back_off_seconds": 0.01,
                "breaker_pause_seconds": 0.05,
                "deadline_seconds": 5.0,
            }
            | changes
        )

    def open(self, **changes: Any) -> Desk:
        self.desk = self._stack.enter_context(Desk.open(self.settings(**changes)))
        return self.desk

    def reopen(self, **changes: Any) -> Desk:
        self.desk.close()
        return self.open(**changes)

    def upload(
        self, people: Sequence[Mapping[str, Any]] | bytes, *, name: str | None = None, owner: str = "王芳", **words: Any
    ) -> Case:
        if isinstance(people, bytes):
            content, name = people, "people.csv" if name is None else name
        else:
            self._sheets += 1
            name = name or f"people-{self._sheets}.csv"
            content = a_sheet(self.folder, people, name=name).read_bytes()
        with self.desk.receive(name, owner=owner, **words) as receipt:
            for start in range(0, len(content), 1000):
                receipt.write(content[start : start + 1000])
            return receipt.finish()

    def confirm(self, case: Case, *, cap: int | None = None, **words: Any) -> Case:
        """Plan and confirm, by the plan's own count of asks."""
        plan = self.desk.plan(case.id)
        return self.desk.confirm(
            case.id, digest=plan.digest, cap_asks=plan.asks if cap is None else cap, mandate=MANDATE, **words
        )

    def rest(self, case: Case) -> Case:
        """Wait until nothing is done for a case any more."""
        return self.until(case, lambda live: live.stage in RESTING and self.desk.case(case.id).stage in RESTING)

    def until(self, case: Case, holds: Callable[[Live], bool]) -> Case:
        live = self.desk.live(case.id)
        ends = time.monotonic() + 60
        while not holds(live):
            assert time.monotonic() < ends, live
            live = self.desk.wait(case.id, live.version, 1)
        return self.desk.case(case.id)

    def verified(self, people: Sequence[Mapping[str, Any]] | bytes, **words: Any) -> Case:
        """Upload, plan, confirm, and wait for the end."""
        case = self.upload(people, **words)
        self.confirm(case)
        return self.rest(case)


@pytest.fixture
def office(tmp_path: Path, sandbox: Running) -> Iterator[Office]:
    with ExitStack() as stack:
        yield Office(tmp_path, sandbox, stack)
