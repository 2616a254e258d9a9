"""A process that verifies: started for an errand, subject to a fate.

The one thing to know: it is the real crew at the real ledger and the real client over the real wire. It dies between two
callbacks or in the middle of a statement, and what it leaves is what stands in the file.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from batchverify.errors import HomeError
from batchverify.model import Attempt, AttemptState, Billed, RowStatus, Secret
from batchverify.pool import Crew, Item, Limits, StopSwitch
from batchverify.rules.outcomes import Scope, deciding_attempt
from batchverify.rules.verdicts import verdict
from batchverify.store.ledger import Job, Ledger, Reuse, Run, RunKind, RunSpec
from batchverify.store.vault import Vault
from batchverify.vendor.client import Client
from batchverify.vendor.products import parse_endpoint
from tests.campaigns.referee import Referee
from tests.campaigns.simulated_machine import Connection, Disk, Machine
from tests.campaigns.simulated_questions import Question
from tests.campaigns.simulated_time import SimulatedLoop, Timeline
from tests.campaigns.simulated_vendor import Network

APP_CODE = Secret("sandbox")
ENDPOINT = parse_endpoint("http://127.0.0.1:80")
LOCK = timedelta(minutes=730)


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What a process is started for: a job's questions, and the bounds it is given."""

    job: Job
    questions: Sequence[Question]
    what: frozenset[RowStatus]
    kind: RunKind = RunKind.FIRST
    fresh: bool = False
    cap: int | None = None
    qps: float | None = None
    concurrency: int = 4
    asks_per_card: int = 4
    look_ahead: int = 10_000


@dataclass(slots=True, kw_only=True)
class Fate:
    """What befalls a process. Counts are of callbacks, statements or writes from its start on, stops in seconds after it."""

    dies_at_callback: int | None = None
    dies_at_statement: int | None = None
    fails_at_statement: int | None = None
    #: Whether the statement has had its effect before the process dies or is told that it failed.
    after_the_fact: bool = False
    stops_after: Sequence[float] = ()
    sleeps_at_callback: int | None = None
    sleeps_after_write: int | None = None
    sleeps_seconds: float = 0.0


@dataclass(slots=True, kw_only=True)
class Process:
    """One `batchverify run`, from its start to its end or its death."""

    name: str
    errand: Errand
    fate: Fate
    machine: Machine[Process]
    timeline: Timeline
    network: Network
    referee: Referee
    vault: Vault
    draw: random.Random
    disk: Disk
    make_ledger: type[Ledger] = Ledger
    make_client: type[Client] = Client
    say: Callable[[str], None]
    #: Told of each write, and how long it takes.
    writes: Callable[[float], None]

    loop: SimulatedLoop = field(init=False)
    stop: StopSwitch = field(init=False, default_factory=StopSwitch)
    run: Run | None = field(init=False, default=None)
    ledger: Ledger | None = field(init=False, default=None)
    callbacks: int = field(init=False, default=0)
    statements: int = field(init=False, default=0)
    written: int = field(init=False, default=0)
    is_alive: bool = field(init=False, default=True)
    is_asleep: bool = field(init=False, default=False)
    has_slept: bool = field(init=False, default=False)
    #: Why its run ended; None while it has not, or where it did not come to that.
    ended_for: str | None = field(init=False, default=None)
    knows_failure_since: float | None = field(init=False, default=None)
    _connection: Connection | None = field(init=False, default=None)
    is_dead_by_fate: bool = field(init=False, default=False)
    _lock_wait: float = field(init=False, default=0.0)
    _watch_runs: bool = field(init=False, default=False)

    def start(self) -> None:
        """Begin to live, and to be subject to one's fate."""
        self.loop = SimulatedLoop(
            self.timeline,
            connect=lambda _, protocol: self.network.connect(self, protocol),
            job_seconds=self._job_seconds,
            ran=lambda: self.referee.look(self.timeline.now),
            came_back=self._came_back,
            failed=lambda what: self.referee.broken.append(f"{self.name}: {what}"),
        )
        self.machine.begins(self)
        self.loop.call_soon(self._begin)
        for after in self.fate.stops_after:
            self.timeline.after(after, self._told_to_stop)

    def step(self) -> None:
        """Run one callback, or die before it."""
        self.callbacks += 1
        if self.callbacks == self.fate.dies_at_callback:
            self.die()
        elif self.callbacks == self.fate.sleeps_at_callback:
            self._sleep(self.fate.sleeps_seconds)
        else:
            self.loop.step()

    def die(self) -> None:
        """Be gone: nothing is closed, settled or said, the system lets go of files, locks and sockets."""
        if not self.is_alive:
            return
        self.say(f"{self.name} dies")
        self.is_alive, self.is_dead_by_fate = False, True
        self.machine.processes.pop(self.name, None)
        self.loop.leave()
        if self.ledger is not None:
            # Whatever still runs up to the end of this callback can do nothing any more.
            self.ledger._failure = "Its process is dead."
        if self._connection is not None:
            self._connection.close()

    @property
    def is_ready(self) -> bool:
        return self.is_alive and not self.is_asleep and bool(self.loop.ready)

    # What the network tells

    def leaves(self, target: bytes) -> int:
        self.say(f"{self.name} sends")
        return self.referee.left(
            target,
            at=self.timeline.now,
            run=self.run.number if self.run is not None else 0,
            may_be_in_doubt=self.stop.level > 1,
            failure_known_since=self.knows_failure_since,
        )

    def arrives(self, attempt: int, *, billed: bool) -> None:
        self.say(f"attempt {attempt} arrives, billed: {billed}")
        self.referee.arrived(attempt, billed=billed)

    # What befalls it

    def _told_to_stop(self) -> None:
        if self.is_alive:
            self.say(f"{self.name} is told to stop")
            self.stop.request()

    def _sleep(self, seconds: float) -> None:
        self.say(f"{self.name} sleeps for {seconds} s")
        self.is_asleep = self.has_slept = True
        self.timeline.after(seconds, self._awake)

    def _awake(self) -> None:
        self.is_asleep = False

    def _came_back(self, error: BaseException | None) -> None:
        self.written += 1
        if self.written == self.fate.sleeps_after_write:
            # What was granted has its intent, and has not left.
            self._sleep(self.fate.sleeps_seconds)
        if isinstance(error, HomeError) and self.knows_failure_since is None:
            self.say(f"{self.name} learns that its ledger has failed")
            self.knows_failure_since = self.timeline.now

    # Its clocks: waiting for the lock of the file is told to the ledger by its stopwatch

    def _job_seconds(self) -> tuple[float, float]:
        draw = self.draw
        self._lock_wait = draw.random() * 0.02 if len(self.machine.processes) > 1 and draw.random() < 0.2 else 0.0
        waits, takes = self._lock_wait + draw.random() * 0.001, draw.random() * 0.004
        self.writes(waits + takes)
        return waits, takes

    def _stopwatch(self) -> float:
        self._watch_runs = not self._watch_runs
        return self.machine.monotonic() - (self._lock_wait if self._watch_runs else 0.0)

    # Its life

    def _begin(self) -> None:
        task = self.loop.create_task(self._live())
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = task.exception()
        if error is not None and not isinstance(error, HomeError):
            self.referee.broken.append(f"{self.name} ended with {error!r}.")
        if isinstance(error, HomeError) and self.fate.fails_at_statement is None:
            self.referee.broken.append(f"{self.name} ended with {error!r}, and its ledger was well.")
        self.say(f"{self.name} ends{'' if error is None else f' with {type(error).__name__}'}")
        self.is_alive = False
        self.machine.processes.pop(self.name, None)
        self.loop.leave()
        if self.ledger is not None:
            self.ledger.close()

    async def _breathe(self) -> None:
        await asyncio.sleep(self.draw.random() * 0.01)

    def _open_ledger(self) -> Ledger:
        con = self._connection = self.disk.connect()
        if self.fate.dies_at_statement is not None or self.fate.fails_at_statement is not None:
            con.strikes = self._strike
        return self.make_ledger(
            self.disk.path,
            simulated=True,
            # One for both: nothing here runs while something else does.
            writer=con,
            reader=con,
            stopwatch=self._stopwatch,
            random=self.draw.randbytes,
        )

    def _strike(self, statement: str, run: Callable[[], sqlite3.Cursor]) -> sqlite3.Cursor:
        if not self.is_alive:
            raise sqlite3.ProgrammingError("closed")
        self.statements += 1
        fate = self.fate
        if self.statements not in {fate.dies_at_statement, fate.fails_at_statement}:
            return run()
        # A BEGIN that fails has begun nothing; a COMMIT that fails may have committed all.
        if fate.after_the_fact and not statement.startswith("BEGIN"):
            run()
        if self.statements == fate.dies_at_statement:
            self.die()
        raise sqlite3.OperationalError("disk I/O error")

    async def _live(self) -> None:
        errand, machine = self.errand, self.machine
        ledger = self.ledger = self._open_ledger()
        await self._breathe()
        ledger.recover(now=machine.now(), monotonic=machine.monotonic(), boot=machine.boot, is_dead=machine.is_dead)
        self.referee.look(self.timeline.now)
        await self._breathe()
        scope = scope_of(errand, as_of=machine.now())
        items = list(plan(ledger, errand, scope))
        await self._breathe()
        cap = len(items) if errand.cap is None else min(errand.cap, len(items))
        spec = RunSpec(
            kind=errand.kind,
            reuse=Reuse(matched_after=scope.matched_after, other_after=scope.other_after),
            lock=self.name,
            boot=machine.boot,
            cap_asks=cap,
            qps=errand.qps,
            asks_per_card=errand.asks_per_card,
        )
        self.run = ledger.start_run(errand.job.id, spec, now=machine.now(), monotonic=machine.monotonic())
        self.referee.began(self.run, cap=cap, concurrency=errand.concurrency)
        await self._breathe()
        reason = ""
        if items:
            reason = await self._ask(ledger, self.run, items)
        await self._breathe()
        ledger.end_run(self.run, reason=reason, now=machine.now(), monotonic=machine.monotonic())
        self.ended_for = reason
        self.say(f"{self.name} ends its run: {reason!r}")
        self.referee.look(self.timeline.now)

    async def _ask(self, ledger: Ledger, run: Run, items: Sequence[Item]) -> str:
        errand = self.errand
        async with self.make_client(
            ENDPOINT, APP_CODE, connections=errand.concurrency, monotonic=self.machine.monotonic
        ) as client:
            crew = Crew(
                ledger=ledger,
                run=run,
                vault=self.vault,
                client=client,
                clock=self.machine,
                limits=Limits(
                    concurrency=errand.concurrency,
                    lock=LOCK,
                    breaker_pause_seconds=2,
                    back_off_seconds=0.5,
                    look_ahead=errand.look_ahead,
                ),
                billed=lambda _: Billed.YES,
                is_dead=self.machine.is_dead,
                jitter=lambda longest: self.draw.random() * longest,
                remember=self.referee.remembered,
                report=lambda _: None,
                stop=self.stop,
            )
            return await crew.ask_all(_with_stretches(items))


def scope_of(errand: Errand, *, as_of: datetime) -> Scope:
    """What the errand's job may reuse: a month for matches, a day for others; nothing of before where all is to be fresh."""
    began = errand.job.created_at
    return Scope(
        job=errand.job.id,
        matched_after=began if errand.fresh else began - timedelta(days=30),
        other_after=began if errand.fresh else began - timedelta(days=1),
        as_of=as_of,
    )


def standing(ledger: Ledger, errand: Errand, scope: Scope) -> Iterator[tuple[Question, RowStatus | None, Attempt | None]]:
    """Say of each question which open status it has, None where it is answered, and what speaks for it."""
    attempts = ledger.attempts([question.key for question in errand.questions])
    for question in errand.questions:
        attempt = deciding_attempt(attempts.get(question.key, ()), scope)
        match attempt:
            case Attempt(state=AttemptState.ANSWERED):
                status = verdict(attempt.product, attempt.code)
                yield question, status if status is RowStatus.LOCKED else None, attempt
            case Attempt(state=AttemptState.IN_DOUBT, holds=True):
                yield question, RowStatus.IN_DOUBT, attempt
            case Attempt(state=AttemptState.NOT_BILLED):
                yield question, RowStatus.FAILED, attempt
            case _:
                yield question, RowStatus.NOT_RUN, attempt


def plan(ledger: Ledger, errand: Errand, scope: Scope) -> Iterator[Item]:
    """Give the questions that are to be asked, by the rules that a plan has for them."""
    for question, status, attempt in standing(ledger, errand, scope):
        if status is not None and status in errand.what:
            yield Item(
                query=question.query,
                key=question.key,
                id_tag=question.id_tag,
                card_tag=question.card_tag,
                release=attempt.number if status is RowStatus.IN_DOUBT and attempt is not None else None,
            )


def _with_stretches(items: Sequence[Item]) -> Iterator[Item | None]:
    for place, item in enumerate(items):
        yield item
        if place % 3 == 2:
            yield None
