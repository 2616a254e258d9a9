"""The crew: a fixed set of workers, and one loop that passes their asks through the gate in batches.

The one thing to know: an answer is settled, and the next ask reserved, in the same durable transaction, and a worker
sends only after that transaction has ended. While one commit is under way the next batch gathers: group commit without a
timer. Waiting (rate, back-off, locks) happens here in the loop and never holds a worker.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from batchverify.errors import AskError
from batchverify.model import Attempt, AttemptState, Billed, Reply, RowStatus
from batchverify.pool.agenda import Agenda, Item
from batchverify.pool.settled import attempt_of, billed_without_answer, failure_of, settlement_of, with_lock
from batchverify.pool.terms import Asker, Clock, Limits, Progress, StopSwitch
from batchverify.rules.pace import Breaker, Pace
from batchverify.rules.steps import AskAgain, GiveUp, StopRun, next_step
from batchverify.rules.verdicts import verdict
from batchverify.store.ledger import Busy, Grant, Granted, Held, Ledger, Locked, Run, Settlement, Spent, Wait, Want
from batchverify.store.ledger.gate import SEND_WITHIN_SECONDS
from batchverify.store.ledger.rate import JITTER_SECONDS
from batchverify.store.vault import Vault

_BUSY_SECONDS = 0.05  # another process has the same question, ID or card in flight
#: Each look at the gate is a write. Whoever waits for a process that sleeps, 30 s until its lease lapses, looks 35 times, not 600.
_LONGEST_BUSY_SECONDS = 1.0
_BUSY_DOUBLINGS = 5
_CACHE_BATCH = 50  # while they are written, no answer is looked at
_LARGEST_BATCH = 24  # more would come back together, and the vendor would idle while they are all settled
_PROGRESS_SECONDS = 0.1
_TOLD_PAUSE_SECONDS = 1.0  # a shorter one nobody notices
_LONGEST_SILENCE = 5  # pauses of the breaker without one success
_NEWEST_SHARE = 0.2  # of the newest commit in the running mean
_LEAST_DOUBT = 10
_DOUBT_SHARE = 0.01
#: Failures that say nothing of the vendor: a gateway that throttles or a wrong echo is alive, the others are of this machine.
_ALIVE = frozenset({"throttled", "bad_echo"})
_OURS = frozenset({"late", "too_long"})


@dataclass(slots=True, kw_only=True)
class _Flight:
    """An attempt between reserve and settle. `picked_up` is False while no worker has it, so nothing can have left.

    `was_full` says that the batch it was granted in took every slot: the vendor may be given more.
    """

    item: Item
    picked_up: bool = False
    was_full: bool = False


@dataclass(slots=True, kw_only=True)
class Crew:
    """One run's asks. `jitter(longest)` draws a pause from [0, longest]; `remember` writes behind the ledger."""

    ledger: Ledger
    run: Run
    vault: Vault
    client: Asker
    clock: Clock
    limits: Limits
    billed: Callable[[str], Billed]
    is_dead: Callable[[str], bool]
    jitter: Callable[[float], float]
    remember: Callable[[Sequence[Attempt]], None]
    report: Callable[[Progress], None]
    stop: StopSwitch

    _agenda: Agenda = field(init=False)
    _wake: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    _granted: asyncio.Queue[tuple[int, float]] = field(init=False, default_factory=asyncio.Queue)
    _flights: dict[int, _Flight] = field(init=False, default_factory=dict)
    _ended: list[tuple[Item, Settlement]] = field(init=False, default_factory=list)
    _answered: list[Attempt] = field(init=False, default_factory=list)
    _tally: Counter[RowStatus] = field(init=False, default_factory=Counter)
    _pace: Pace = field(init=False)
    _breaker: Breaker = field(init=False, default_factory=Breaker)
    _reason: str = field(init=False, default="")
    _bug: BaseException | None = field(init=False, default=None)
    _untold: BaseException | None = field(init=False, default=None)
    _newest: int = field(init=False, default=0)
    _deaf_until: int = field(init=False, default=0)
    _not_before: float = field(init=False, default=0.0)
    _rationed_until: float = field(init=False, default=0.0)
    _commit_seconds: float = field(init=False, default=0.0)
    _spent: int = field(init=False, default=0)
    _sent: int = field(init=False, default=0)
    _reported_at: float = field(init=False, default=0.0)
    _thread: ThreadPoolExecutor = field(init=False)

    async def ask_all(self, source: Iterator[Item | None]) -> str:
        """Ask everything the source yields; "" when nothing is left, else the word for why the run stopped early.

        Raises:
            HomeError: The ledger failed. Nothing was sent after that; what was in flight will be in doubt.
        """
        self._agenda = Agenda(source, look_ahead=self.limits.look_ahead)
        self._pace = Pace(ceiling=self.limits.concurrency)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="gate")
        loop = asyncio.get_running_loop()

        def wake() -> None:
            loop.call_soon_threadsafe(self._wake.set)

        self.stop.listen(wake)
        workers = [asyncio.create_task(self._work()) for _ in range(self.limits.concurrency)]
        heart = asyncio.create_task(self._beat())
        batches = asyncio.create_task(self._pass_batches())
        try:
            await asyncio.shield(batches)
        except asyncio.CancelledError:
            # Ctrl-C in a Python program: what is in flight is awaited, for else all of it would be in doubt. Twice: at once.
            self.stop.request()
            await batches
            raise
        finally:
            self.stop.listen(None)
            for task in (heart, *workers):
                task.cancel()
            await asyncio.gather(heart, *workers, return_exceptions=True)
            self._thread.shutdown()
        self._write_behind(everything=True)
        self._tell(force=True)
        if self._untold is not None:
            raise self._untold
        return self._reason

    @property
    def statuses(self) -> dict[RowStatus, int]:
        """How many questions ended in which status so far."""
        return dict(self._tally)

    async def _work(self) -> None:
        while True:
            number, send_before = await self._granted.get()
            flight = self._flights.get(number)
            if flight is None:
                continue  # the second stop was faster: it must not leave any more
            flight.picked_up = True
            try:
                await self._ask(number, flight, send_before)
            except Exception as bug:  # noqa: BLE001 - a bug must end the run, not one worker of it
                self._bug = self._bug or bug
                self._flights.pop(number, None)  # it stays open, and so in doubt to whoever recovers the run
            self._wake.set()

    async def _ask(self, number: int, flight: _Flight, send_before: float) -> None:
        ended: Reply | AskError
        try:
            ended = await self.client.ask(flight.item.query, send_before=send_before)
        except AskError as error:
            ended = error
        if number not in self._flights:
            return  # the second stop has called it in doubt
        if isinstance(ended, AskError):
            self._failed(number, flight.item, ended)
        else:
            self._replied(number, flight, ended)

    async def _pass_batches(self) -> None:
        while True:
            if self._bug is not None:
                if self.ledger.has_failed:
                    raise self._bug  # nothing can be settled, and what still waits for its connection must not leave
                # First the others that are in flight are settled.
                self._reason = self._reason or "interrupted"
            self._obey_stop()
            ended, self._ended = self._ended, []
            at = self.clock.monotonic()
            wanted = self._wanted(at)
            if ended or wanted:
                await self._turn(ended, wanted)
                self._write_behind()
                self._tell()
            elif not self._flights and (self._reason or self._agenda.is_empty):
                if self._bug is not None:
                    raise self._bug
                return
            else:
                await self._pause(at)

    def _obey_stop(self) -> None:
        if self.stop.level and not self._reason:
            self._reason = "interrupted"
        if self.stop.level > 1:
            for number, flight in list(self._flights.items()):
                state = AttemptState.IN_DOUBT if flight.picked_up else AttemptState.NOT_BILLED
                if flight.picked_up:
                    self._tally[RowStatus.IN_DOUBT] += 1
                self._end(
                    flight.item, Settlement(attempt=number, state=state, code="interrupted", billed=billed_without_answer(state))
                )

    def _wanted(self, at: float) -> list[Item]:
        free = min(self._free_slots(at), _LARGEST_BATCH)
        try:
            return self._agenda.take(free, at=at) if free > 0 else []
        except Exception as bug:  # noqa: BLE001 - the sheet cannot be read on, and answers are under way
            self._bug = self._bug or bug
            self._reason = self._reason or "interrupted"
            return []

    def _free_slots(self, at: float) -> int:
        if self._reason or at < self._not_before:
            return 0
        slots, room = self._pace.slots, self._breaker.room
        return (slots if room is None else min(slots, room)) - len(self._flights)

    async def _turn(self, ended: list[tuple[Item, Settlement]], wanted: list[Item]) -> None:
        wants = [
            Want(key=item.key, id_tag=item.id_tag, card_tag=item.card_tag, product=item.query.product, release=item.release)
            for item in wanted
        ]
        now, monotonic = self.clock.now(), self.clock.monotonic()
        settlements = [with_lock(settlement, until=now + self.limits.lock) for _, settlement in ended]

        def commit() -> tuple[list[int], Sequence[Grant]]:
            with self.ledger.transaction(now=now, monotonic=monotonic) as gate:
                return gate.settle(settlements), gate.reserve(self.run, wants) if wants else ()

        refused, grants = await asyncio.get_running_loop().run_in_executor(self._thread, commit)
        self._settled(ended, refused, now)
        for item, grant in zip(wanted, grants, strict=True):
            self._act_on(grant, item, monotonic)
        self._agenda.put_back([item for item, grant in zip(wanted, grants, strict=True) if isinstance(grant, Wait | Spent)])
        was_full = len(self._flights) >= self._pace.slots
        for grant in grants:
            if isinstance(grant, Granted):
                self._flights[grant.attempt].was_full = was_full

    def _settled(self, ended: list[tuple[Item, Settlement]], refused: list[int], now: datetime) -> None:
        for item, settlement in ended:
            # A refused one is in doubt since our lease lapsed: the ledger does not attach its answer, so no cache may.
            kept = settlement.attempt not in refused
            if kept and settlement.state is AttemptState.ANSWERED and settlement.lock_until is None:
                self._answered.append(attempt_of(self.run, item, settlement, now))
            if settlement.billed is not Billed.NO:
                self._spent += 1

    def _act_on(self, grant: Grant, item: Item, at: float) -> None:
        match grant:
            case Granted(attempt=number, send_before=send_before):
                self._flights[number] = _Flight(item=item)
                self._newest = max(self._newest, number)
                self._sent += 1
                self._granted.put_nowait((number, self._leave_before(send_before, item)))
            case Held(attempt=attempt):
                self._agenda.release(item)
                self._tally[
                    RowStatus.IN_DOUBT if attempt.state is AttemptState.IN_DOUBT else verdict(attempt.product, attempt.code)
                ] += 1
            case Locked():
                self._agenda.release(item)
                self._tally[RowStatus.LOCKED] += 1
            case Busy():
                pause = min(_LONGEST_BUSY_SECONDS, _BUSY_SECONDS * 2.0 ** min(item.waits, _BUSY_DOUBLINGS))
                self._agenda.defer(replace(item, waits=item.waits + 1), until=at + pause)
            case Wait(seconds=seconds):
                self._not_before = max(self._not_before, at + seconds)
                self._rationed_until = at + 1
            case Spent(code=code):
                # What is in flight, or has just ended and is not settled yet, may turn out to be free: then there is room for one more.
                if not self._flights and not self._ended:
                    self._reason = self._reason or code
                else:
                    self._not_before = max(self._not_before, at + _BUSY_SECONDS)

    def _leave_before(self, send_before: float, item: Item) -> float:
        """Until when a granted ask may leave. While the rate is short, its slot is used at once or given back.

        An ask that leaves 0.3 s late (a busy machine, a new connection) stands in the second of the asks behind it, which
        is then one too full. What every commit takes delays all alike and does not count. Each try has twice the patience.
        """
        slot = send_before - SEND_WITHIN_SECONDS
        took = self.clock.monotonic() - slot
        usual = self._commit_seconds
        self._commit_seconds += _NEWEST_SHARE * (took - usual)
        if slot >= self._rationed_until:
            return send_before
        return min(send_before, slot + usual + JITTER_SECONDS * 2.0**item.tries)

    def _replied(self, number: int, flight: _Flight, reply: Reply) -> None:
        item = flight.item
        status = verdict(item.query.product, reply.answer.status)
        self._pace = self._pace.answered(attempt=number, was_full=flight.was_full)
        self._heard(number, failed=False)
        self._tally[status] += 1
        sealed = self.vault.seal(item.key, reply.answer)
        lock_until = self.clock.now() + self.limits.lock if status is RowStatus.LOCKED else None
        billed = self.billed(reply.answer.status)
        self._end(item, settlement_of(number, reply, billed=billed, sealed=sealed, lock_until=lock_until))

    def _failed(self, number: int, item: Item, error: AskError) -> None:
        if error.code not in _OURS:
            self._heard(number, failed=error.code not in _ALIVE)
        if error.code == "throttled":
            self._pace = self._pace.throttled(attempt=number, newest=self._newest)
        again: float | None = None
        match next_step(error, attempts=item.tries + 1):
            case AskAgain(after_seconds_min=shortest, after_seconds_max=longest):
                state = AttemptState.NOT_BILLED
                # It was too late for its slot and needs no rest, only another one.
                longest = 0.0 if error.code == "late" else longest * self.limits.back_off_seconds
                again = max(shortest, self.jitter(longest))
                if error.code == "unavailable":  # the gateway's own breaker: every other row would only hammer it
                    self._not_before = max(self._not_before, self.clock.monotonic() + shortest)
            case GiveUp(state=state):
                self._tally[RowStatus.IN_DOUBT if state is AttemptState.IN_DOUBT else RowStatus.FAILED] += 1
            case StopRun(reason=reason, state=state):
                self._tally[RowStatus.IN_DOUBT] += state is AttemptState.IN_DOUBT
                self._reason = self._reason or reason
        self._end(item, failure_of(number, error, state=state))
        if again is not None:
            self._agenda.defer(replace(item, tries=item.tries + 1), until=self.clock.monotonic() + again)
        if self._tally[RowStatus.IN_DOUBT] > max(_LEAST_DOUBT, self._sent * _DOUBT_SHARE):
            self._reason = self._reason or "doubt_limit"

    def _end(self, item: Item, settlement: Settlement) -> None:
        self._flights.pop(settlement.attempt, None)
        self._agenda.release(item)
        self._ended.append((item, settlement))

    def _heard(self, number: int, *, failed: bool) -> None:
        if number <= self._deaf_until:
            return  # it was in flight before the pause: nothing new
        self._breaker = self._breaker.after(failed=failed)
        if self._breaker.is_open:
            self._breaker = self._breaker.opened()
            self._deaf_until = self._newest
            self._not_before = self.clock.monotonic() + self._breaker.pause_seconds(self.limits.breaker_pause_seconds)
            if self._breaker.pauses > _LONGEST_SILENCE:
                self._reason = self._reason or "breaker"

    async def _pause(self, at: float) -> None:
        """Wait for an answer, a stop, or what falls due after `at`, the instant that was looked at last."""
        if self._free_slots(at) > 0 and self._agenda.may_go_on:
            await asyncio.sleep(0)  # a stretch of rows that ask nothing: answers may come in between
            return
        # By `at` and not by a newer instant: what fell due in between would have no timer, and nobody would wake us.
        due = [instant for instant in (self._agenda.next_due, self._not_before) if instant is not None and instant > at]
        # Nothing can have come since the loop looked, for it has not let go since; a stop of another thread is still to come.
        self._wake.clear()
        timer = asyncio.get_running_loop().call_later(min(due) - at, self._wake.set) if due else None
        if due and not self._flights and min(due) - at >= _TOLD_PAUSE_SECONDS:
            self._tell(force=True, waits_until=self.clock.now() + timedelta(seconds=min(due) - at))
        await self._wake.wait()
        if timer is not None:
            timer.cancel()

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while True:
                await asyncio.sleep(self.limits.heartbeat_seconds)
                await loop.run_in_executor(self._thread, self._renew)
        except Exception as error:  # noqa: BLE001 - a run whose heart stands still would be called dead by others
            self._bug = self._bug or error
            self._wake.set()

    def _renew(self) -> None:
        """Keep the lease, and let go of what processes that died left open: their questions may be waited for here."""
        self.ledger.heartbeat(self.run, monotonic=self.clock.monotonic())
        self.ledger.recover(now=self.clock.now(), monotonic=self.clock.monotonic(), boot=self.clock.boot, is_dead=self.is_dead)

    def _write_behind(self, *, everything: bool = False) -> None:
        if self._answered and (everything or len(self._answered) >= _CACHE_BATCH):
            answered, self._answered = self._answered, []
            self.remember(answered)

    def _tell(self, *, force: bool = False, waits_until: datetime | None = None) -> None:
        at = self.clock.monotonic()
        if self._untold is None and (force or at - self._reported_at >= _PROGRESS_SECONDS):
            self._reported_at = at
            try:
                self.report(
                    Progress(
                        done=self._tally.total(),
                        billed=self._spent,
                        in_flight=len(self._flights),
                        statuses=dict(self._tally),
                        waits_until=waits_until,
                    )
                )
            except BaseException as error:  # noqa: BLE001 - whoever looks on fails: first what is in flight is settled
                self._untold = error
                self._reason = self._reason or "interrupted"
                self._wake.set()
