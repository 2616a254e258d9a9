"""A desk: one ledger under clocks that tests move by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from batchverify.model import AttemptState, Billed, Product
from batchverify.store.ledger import Grant, Granted, Job, JobSpec, Ledger, Reuse, Run, RunKind, RunSpec, Settlement, Want

START = datetime(2026, 11, 24, 2, 50, 1, tzinfo=UTC)


def tag(word: str) -> bytes:
    return hashlib.sha256(word.encode()).digest()[:16]


class Desk:
    """Reserves and settles with few words; `now`, `monotonic` and `boot` are the clocks."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now = START
        self.monotonic = 1000.0
        self.boot = "boot-1"
        self.ledger = Ledger.open(path, stopwatch=lambda: 0.0)
        self.job = self.new_job()
        self.run = self.start()

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.monotonic += seconds

    def new_job(self, sha256: str = "0" * 64, *, token: bytes | None = None, **spec: str) -> Job:
        found = JobSpec(path="people.csv", sha256=sha256, size_bytes=10, product="bank3", **spec)
        return self.ledger.create_job(found, now=self.now, token=token or tag(f"{sha256}{len(self.ledger.jobs())}")[:5])

    def start(self, job: Job | None = None, *, reuse_days: tuple[int, int] = (30, 1), **spec) -> Run:
        bounds = RunSpec(
            kind=RunKind.FIRST,
            reuse=Reuse(
                matched_after=self.now - timedelta(days=reuse_days[0]), other_after=self.now - timedelta(days=reuse_days[1])
            ),
            lock="lock-1",
            boot=self.boot,
            **spec,
        )
        return self.ledger.start_run((job or self.job).id, bounds, now=self.now, monotonic=self.monotonic)

    def reserve(self, *wants: Want, run: Run | None = None, qps: float | None = None) -> list[Grant]:
        with self.ledger.transaction(now=self.now, monotonic=self.monotonic) as gate:
            return gate.reserve(run or self.run, wants, qps=qps)

    def settle(self, *settlements: Settlement) -> list[int]:
        with self.ledger.transaction(now=self.now, monotonic=self.monotonic) as gate:
            return gate.settle(settlements)

    def granted(self, *wants: Want, run: Run | None = None) -> list[int]:
        grants = self.reserve(*wants, run=run)
        assert all(isinstance(grant, Granted) for grant in grants), grants
        return [grant.attempt for grant in grants if isinstance(grant, Granted)]

    def ask(self, want: Want, *, run: Run | None = None, code: str = "01", **settlement) -> int:
        (number,) = self.granted(want, run=run)
        assert self.settle(answered(number, code=code, **settlement)) == []
        return number

    def recover(self, *, dead: bool = False) -> int:
        return self.ledger.recover(now=self.now, monotonic=self.monotonic, boot=self.boot, is_dead=lambda _: dead)


def want(question: str = "q", *, person: str | None = None, card: str | None = None, release: int | None = None) -> Want:
    """Want a question whose ID number and card are its own unless named."""
    return Want(
        key=tag(f"key {question}"),
        id_tag=tag(f"id {person or question}"),
        card_tag=tag(f"card {card or question}"),
        product=Product.BANK3,
        release=release,
    )


def answered(
    number: int, *, code: str = "01", billed: Billed | None = None, lock_until: datetime | None = None, **rest
) -> Settlement:
    return Settlement(
        attempt=number, state=AttemptState.ANSWERED, code=code, billed=billed, sealed=b"sealed", lock_until=lock_until, **rest
    )


def ended(number: int, state: AttemptState, code: str = "timeout") -> Settlement:
    return Settlement(attempt=number, state=state, code=code)


def in_doubt(numbers: Sequence[int]) -> list[Settlement]:
    return [ended(number, AttemptState.IN_DOUBT) for number in numbers]


@pytest.fixture
def make():
    """Hand out the builders, for test files cannot import each other."""

    class Make:
        Desk = Desk
        tag = staticmethod(tag)
        want = staticmethod(want)
        answered = staticmethod(answered)
        ended = staticmethod(ended)
        in_doubt = staticmethod(in_doubt)
        START = START

    return Make


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "ledger.sqlite")
    yield desk
    desk.ledger.close()
