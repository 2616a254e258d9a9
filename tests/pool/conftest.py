"""A crew at a gate of its own: a real ledger and vault in a home, and whatever asker a test gives it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from batchverify.job import Bounds
from batchverify.job.asking import begin_run
from batchverify.job.clock import SystemClock
from batchverify.job.options import Asking
from batchverify.job.plan import Plan, scope_of
from batchverify.job.realm import Realm, open_realm
from batchverify.model import Billed, Product, Query
from batchverify.pool import Crew, Item, Limits, StopSwitch
from batchverify.rules.key import key_material
from batchverify.settings import load_settings
from batchverify.store.ledger import JobSpec, RunKind
from tests.builders import a_row

A_PLAN = Plan(
    name="people.csv",
    sha256="0" * 64,
    sheet="",
    encoding="utf-8",
    product="bank3",
    columns={},
    total=10_000,
    unique=10_000,
    duplicate=0,
    blocked=0,
    reused=0,
    in_doubt=0,
    locked=0,
    asks=10_000,
    problems={},
    release={},
    unit_price=Decimal("0.19"),
    left=None,
)


class Gate:
    """One run in one realm. `crew` makes the crew of it, `items` the questions of rows."""

    def __init__(self, realm: Realm, *, max_asks: int | None = None) -> None:
        self.realm = realm
        bounds = Bounds(qps=5000.0, max_asks=max_asks)
        now = realm.clock.now()
        spec = JobSpec(path="people.csv", sha256="0" * 64, size_bytes=1, product="bank3")
        self.job = realm.ledger.create_job(spec, now=now, token=random.Random(0).randbytes(5))
        scope = scope_of(Asking(), job=self.job.id, began=now, as_of=now)
        settings = load_settings(home=realm.home.path, qps=5000.0)
        self.run, self.let_go = begin_run(realm, self.job.id, RunKind.FIRST, scope, bounds, settings, plan=A_PLAN)
        self.told: list = []
        self.remembered: list = []
        self.stop = StopSwitch()

    def items(self, people) -> Iterator[Item]:
        vault = self.realm.vault
        for row in people:
            query = Query(product=Product.BANK3, name=row["name"], id_card=row["idCard"], account_no=row["accountNo"])
            yield Item(
                query=query,
                key=vault.key(key_material(query)),
                id_tag=vault.id_tag(query.id_card),
                card_tag=vault.card_tag(query.account_no),
            )

    def crew(self, asker, **limits) -> Crew:
        return Crew(
            ledger=self.realm.ledger,
            run=self.run,
            vault=self.realm.vault,
            client=asker,
            clock=self.realm.clock,
            limits=Limits(**{"concurrency": 4, "lock": timedelta(hours=12), "back_off_seconds": 0.01} | limits),
            billed=lambda _: Billed.YES,
            is_dead=self.realm.home.is_dead,
            jitter=lambda longest: longest,
            remember=self.remembered.extend,
            report=self.told.append,
            stop=self.stop,
        )

    def ask(self, asker, people=None, **limits) -> str:
        rows = [a_row(1)] if people is None else people
        return asyncio.run(self.crew(asker, **limits).ask_all(self.items(rows)))


@pytest.fixture
def gate(home: Path) -> Iterator[Gate]:
    with _opened(home) as opened:
        yield opened


@pytest.fixture
def gate_of_one(home: Path) -> Iterator[Gate]:
    """A gate whose run may be billed for one ask."""
    with _opened(home, max_asks=1) as opened:
        yield opened


@contextmanager
def _opened(home: Path, *, max_asks: int | None = None) -> Iterator[Gate]:
    with open_realm(home, simulated=True, clock=SystemClock()) as realm:
        opened = Gate(realm, max_asks=max_asks)
        yield opened
        opened.let_go()
