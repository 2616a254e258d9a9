"""The crew at the gate, with askers of the test's own: what no vendor does on demand."""

import asyncio
import time
from dataclasses import replace
from datetime import timedelta

import pytest

from batchverify.errors import HomeError, NotSent, Throttled
from batchverify.job.clock import SystemClock
from batchverify.model import Answer, AttemptState, Reply, RowStatus
from batchverify.store.ledger import Ledger, Locked, RunKind, RunSpec, Want
from tests.builders import a_card, a_row, rows


class Asker:
    """Answers 01 to everything, unless a subclass knows better; `asked` are the ID numbers, in order."""

    def __init__(self):
        self.asked = []

    async def ask(self, query, *, send_before=None):  # noqa: ARG002 - the protocol has it
        self.asked.append(query.id_card)
        return await self.answer(query)

    async def answer(self, _query):
        return Reply(answer=Answer(status="01", message="", details={}), request_id="", vendor_at=None)


def test_everything_is_asked_once_and_settled(gate):
    asker = Asker()

    assert gate.ask(asker, rows(50)) == ""
    assert sorted(asker.asked) == sorted(row["idCard"] for row in rows(50))
    attempts = list(gate.realm.ledger.asks_of(gate.job.id))
    assert [attempt.state for attempt in attempts] == [AttemptState.ANSWERED] * 50
    assert gate.told[-1].statuses == {RowStatus.MATCHED: 50}
    assert (gate.told[-1].done, gate.told[-1].billed, gate.told[-1].in_flight) == (50, 50, 0)
    assert len(gate.remembered) == 50


def test_an_intent_is_durable_before_its_ask_leaves(gate):
    class Looking(Asker):
        async def answer(self, query):
            with Ledger.open(gate.realm.ledger.path, simulated=True) as ledger:
                seen.append(sum(attempt.state is AttemptState.OPEN for attempt in ledger.asks_of(gate.job.id)))
            return await super().answer(query)

    seen = []
    gate.ask(Looking(), rows(10))

    assert len(seen) == 10
    assert min(seen) >= 1


def test_a_bug_in_the_client_ends_the_run_and_leaves_the_ask_in_doubt(gate):
    class Broken(Asker):
        async def answer(self, _query):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        gate.ask(Broken(), rows(20))

    gate.let_go()
    clock = gate.realm.clock
    assert gate.realm.ledger.recover(
        now=clock.now(), monotonic=clock.monotonic(), boot=clock.boot, is_dead=gate.realm.home.is_dead
    ) in range(1, 5)
    assert {attempt.state for attempt in gate.realm.ledger.asks_of(gate.job.id)} == {AttemptState.IN_DOUBT}


def test_a_bug_of_one_ask_and_a_sheet_that_cannot_be_read_on_leave_the_others_settled(gate):
    class Slow(Asker):
        async def answer(self, query):
            await asyncio.sleep(0.05)
            if query.id_card == broken:
                raise ZeroDivisionError
            return await super().answer(query)

    def people():
        yield from rows(4)
        raise HomeError("The private copy of the input cannot be read.")

    broken = a_row(1)["idCard"]
    with pytest.raises((ZeroDivisionError, HomeError)):
        gate.ask(Slow(), people())

    states = sorted(attempt.state for attempt in gate.realm.ledger.asks_of(gate.job.id))
    assert states == [*[AttemptState.ANSWERED] * 3, AttemptState.OPEN]


def test_a_question_that_another_run_has_answered_meanwhile_is_not_asked(gate):
    gate.ask(Asker(), [a_row(1), a_row(2, verdict="02")])
    asker = Asker()

    assert gate.ask(asker, rows(3)) == ""
    assert len(asker.asked) == 2  # row 2 has another card here
    assert gate.told[-1].statuses == {RowStatus.MATCHED: 3}


def _leave_open(gate, row):
    """Have another job's run, whose process is gone, leave a question open."""
    clock, spec = gate.realm.clock, gate.run.spec
    other = gate.realm.ledger.create_job(gate.job.spec, now=clock.now(), token=b"other")
    bounds = RunSpec(kind=RunKind.FIRST, reuse=spec.reuse, lock="gone", boot=spec.boot)
    run = gate.realm.ledger.start_run(other.id, bounds, now=clock.now(), monotonic=clock.monotonic())
    (item,) = gate.items([row])
    with gate.realm.ledger.transaction(now=clock.now(), monotonic=clock.monotonic()) as at:
        at.reserve(run, [Want(key=item.key, id_tag=item.id_tag, card_tag=item.card_tag, product=item.query.product)])


def test_the_heart_beats_and_lets_go_of_what_the_dead_left_open(gate):
    """The same question lies open in a run whose process is gone: it is waited for until the heart finds out, and then held."""
    _leave_open(gate, a_row(1))
    asker = Asker()

    assert gate.ask(asker, rows(2), heartbeat_seconds=0.1) == ""
    assert asker.asked == [a_row(2)["idCard"]]
    assert gate.told[-1].statuses == {RowStatus.MATCHED: 1, RowStatus.IN_DOUBT: 1}


def test_what_is_in_flight_elsewhere_is_looked_for_less_and_less_often(gate):
    """Each look is a write to the disk that all processes share."""
    _leave_open(gate, a_row(1))
    writes = gate.realm.ledger._writer.total_changes

    assert gate.ask(Asker(), heartbeat_seconds=0.7) == ""
    # After 0, 50, 150, 350, 750 ms; by the heart's beat it is in doubt. Every 50 ms, it would be 15 before that.
    assert gate.realm.ledger._writer.total_changes - writes < 15


def test_a_ledger_that_fails_under_the_heart_ends_the_run(gate):
    class Slow(Asker):
        async def answer(self, _query):
            gate.realm.ledger._failure = "The disk is gone."
            await asyncio.sleep(0.3)

    with pytest.raises(HomeError, match=r"^The disk is gone.$"):
        gate.ask(Slow(), heartbeat_seconds=0.01)


def test_what_still_waits_for_its_connection_does_not_leave_once_the_ledger_has_failed(gate):
    class Connecting(Asker):
        async def answer(self, query):
            gate.realm.ledger._failure = "The disk is gone."
            await asyncio.sleep(0.3)
            left.append(query)
            return await super().answer(query)

    left = []
    with pytest.raises(HomeError, match=r"^The disk is gone.$"):
        gate.ask(Connecting(), heartbeat_seconds=0.01)

    assert left == []


def test_a_clock_that_is_set_forward_as_the_answer_comes_takes_nothing_off_a_lock(gate):
    day = timedelta(days=1)

    class Clock(SystemClock):
        ahead = timedelta()

        def now(self):
            return super().now() + self.ahead

    class Locking(Asker):
        async def answer(self, _query):
            # Before anybody passes the answer on to the ledger.
            asyncio.get_running_loop().call_soon(setattr, Clock, "ahead", day)
            return Reply(answer=Answer(status="203", message="", details={}), request_id="", vendor_at=None)

    clock = Clock()
    crew = replace(gate.crew(Locking()), clock=clock)
    asyncio.run(crew.ask_all(gate.items([a_row(1)])))

    (item,) = gate.items([a_row(1, accountNo=a_card(2))])
    want = Want(key=item.key, id_tag=item.id_tag, card_tag=item.card_tag, product=item.query.product)
    with gate.realm.ledger.transaction(now=clock.now(), monotonic=clock.monotonic()) as at:
        (grant,) = at.reserve(gate.run, [want])
    assert isinstance(grant, Locked)
    assert grant.until > clock.now() + timedelta(hours=11.9)


def test_what_another_process_has_in_flight_with_the_same_card_is_waited_for(gate):
    class Chatty(Asker):
        in_flight = 0

        async def answer(self, query):
            Chatty.in_flight += 1
            assert Chatty.in_flight == 1
            await asyncio.sleep(0.01)
            Chatty.in_flight -= 1
            return await super().answer(query)

    asker = Chatty()
    people = [a_row(person, accountNo=a_card(1)) for person in range(1, 4)]

    async def two_crews():
        # Two agendas that know nothing of each other: only the gate keeps them apart.
        return await asyncio.gather(
            gate.crew(asker).ask_all(gate.items(people[:2])), gate.crew(asker).ask_all(gate.items(people[2:]))
        )

    assert asyncio.run(two_crews()) == ["", ""]
    assert len(asker.asked) == 3


def test_an_answer_that_comes_after_the_lease_was_lost_is_not_attached_and_not_cached(gate):
    class Late(Asker):
        async def answer(self, query):
            clock = gate.realm.clock
            gate.realm.ledger.recover(now=clock.now(), monotonic=clock.monotonic(), boot=clock.boot, is_dead=lambda _: True)
            return await super().answer(query)

    asker = Late()

    assert gate.ask(asker, rows(30)) == "lease_lost"
    assert len(asker.asked) <= 8
    assert gate.remembered == []
    assert {attempt.state for attempt in gate.realm.ledger.asks_of(gate.job.id)} == {AttemptState.IN_DOUBT}


def test_an_answer_that_comes_after_the_second_stop_does_not_end_its_ask_again(gate):
    class Slow(Asker):
        async def answer(self, query):
            gate.stop.request()
            gate.stop.request()
            for _ in range(10):  # the loop obeys now, and its commit takes longer than this
                await asyncio.sleep(0)
            return await super().answer(query)

    assert gate.ask(Slow()) == "interrupted"
    assert gate.told[-1].statuses == {RowStatus.IN_DOUBT: 1}
    assert gate.remembered == []
    assert [attempt.state for attempt in gate.realm.ledger.asks_of(gate.job.id)] == [AttemptState.IN_DOUBT]


def test_what_was_too_late_to_leave_is_reserved_anew(gate):
    class TooLateOnce(Asker):
        async def answer(self, query):
            if len(self.asked) <= 6:
                raise NotSent("Too late.", code="late")
            return await super().answer(query)

    asker = TooLateOnce()

    assert gate.ask(asker, rows(9)) == ""
    assert len(asker.asked) == 9 + 6
    assert gate.told[-1].statuses == {RowStatus.MATCHED: 9}


def test_what_never_left_while_the_cap_was_looked_at_leaves_room_for_another_ask(gate_of_one):
    """The one ask of the cap ends for nothing after the gate has begun to look, and before it has said that there is no room."""
    gate = gate_of_one

    class Telling:
        """Every turn at the gate begins with a look at the wall clock; the second is the first after the ask has left."""

        boot, looks, ended = gate.realm.clock.boot, 0, asyncio.Event()

        def now(self):
            self.looks += 1
            if self.looks == 2:
                self.ended.set()
            return gate.realm.clock.now()

        def monotonic(self):
            return gate.realm.clock.monotonic()

    class NeverLeftOnce(Asker):
        async def answer(self, query):
            if len(self.asked) == 1:
                await clock.ended.wait()
                raise NotSent("No route.", code="connect")
            return await super().answer(query)

    asker, clock = NeverLeftOnce(), Telling()
    crew = gate.crew(asker)
    crew.clock = clock

    assert asyncio.run(crew.ask_all(gate.items(rows(2)))) == "budget"
    states = sorted(attempt.state for attempt in gate.realm.ledger.asks_of(gate.job.id))
    assert states == [AttemptState.ANSWERED, AttemptState.NOT_BILLED]
    assert gate.told[-1].billed == 1


class HeldBack(Asker):
    """The gateway's own breaker is open for the first asks, and names how long."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds
        self.asked_at = []

    async def answer(self, query):
        self.asked_at.append(time.monotonic())
        if len(self.asked_at) == 1:
            raise Throttled("Open.", code="unavailable", retry_after_seconds=self.seconds)
        return await super().answer(query)


def test_while_the_gateways_breaker_is_open_nothing_is_asked_and_the_wait_is_told(gate):
    asker, before = HeldBack(1.3), gate.realm.clock.now()

    assert gate.ask(asker, rows(20), concurrency=1) == ""

    assert asker.asked_at[1] - asker.asked_at[0] >= 1.3
    told = [progress.waits_until for progress in gate.told if progress.waits_until is not None]
    assert len(told) >= 1
    assert all(1.0 < (until - before).total_seconds() < 5 for until in told)
    assert gate.told[-1].waits_until is None
    assert gate.told[-1].statuses == {RowStatus.MATCHED: 20}


def test_a_short_pause_is_told_to_nobody(gate):
    gate.ask(HeldBack(0.3), rows(3), concurrency=1)

    assert [progress for progress in gate.told if progress.waits_until] == []


def test_a_person_who_is_told_of_a_long_wait_may_stop_the_run(gate):
    def stop(progress):
        if progress.waits_until:
            gate.stop.request()

    crew = gate.crew(HeldBack(600), concurrency=1)
    crew.report = stop

    assert asyncio.run(asyncio.wait_for(crew.ask_all(gate.items(rows(3))), 10)) == "interrupted"


def test_an_onlooker_that_fails_at_a_long_wait_is_heard_at_once(gate):
    def fail(progress):
        if progress.waits_until:
            raise ZeroDivisionError

    crew = gate.crew(HeldBack(600), concurrency=1)
    crew.report = fail

    with pytest.raises(ZeroDivisionError):
        asyncio.run(asyncio.wait_for(crew.ask_all(gate.items(rows(3))), 10))


def test_a_row_that_cannot_travel_fails_alone(gate):
    class TooLong(Asker):
        async def answer(self, query):
            if query.id_card != rows(1)[0]["idCard"]:
                raise NotSent("Too long.", code="too_long")
            return await super().answer(query)

    assert gate.ask(TooLong(), rows(8)) == ""
    assert gate.told[-1].statuses == {RowStatus.FAILED: 7, RowStatus.MATCHED: 1}


def test_what_fell_due_between_looking_and_pausing_is_not_slept_over(gate):
    """The clock goes on with every look at it, so that each deferral falls due at the most awkward instant."""

    class Restless:
        boot, steps = gate.realm.clock.boot, 0.0

        def now(self):
            return gate.realm.clock.now()

        def monotonic(self):
            self.steps += 0.004
            return self.steps

    class Flaky(Asker):
        async def answer(self, query):
            if self.asked.count(query.id_card) < 4:
                raise NotSent("No route.", code="connect")
            return await super().answer(query)

    asker = Flaky()
    crew = gate.crew(asker, breaker_pause_seconds=0.005, back_off_seconds=0.001)
    crew.clock = Restless()

    async def within_ten_seconds():
        return await asyncio.wait_for(crew.ask_all(gate.items(rows(12))), 10)

    assert asyncio.run(within_ten_seconds()) in {"", "breaker"}


def test_the_vendor_gets_four_at_once_at_first_and_never_more_than_the_limit(gate):
    class Counting(Asker):
        now, most = 0, []

        async def answer(self, query):
            Counting.now += 1
            Counting.most.append(Counting.now)
            await asyncio.sleep(0.002)
            Counting.now -= 1
            return await super().answer(query)

    gate.ask(Counting(), rows(300), concurrency=12)

    assert max(Counting.most[:8]) <= 8
    assert max(Counting.most) == 12


def test_a_run_that_is_cancelled_awaits_what_is_in_flight(gate):
    class Slow(Asker):
        async def answer(self, query):
            under_way.set()
            await asyncio.sleep(0.05)
            return await super().answer(query)

    asker, under_way = Slow(), asyncio.Event()

    async def cancelled():
        run = asyncio.create_task(gate.crew(asker).ask_all(gate.items(rows(60))))
        await under_way.wait()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

    asyncio.run(cancelled())
    states = [attempt.state for attempt in gate.realm.ledger.asks_of(gate.job.id)]
    assert len(asker.asked) == len(states) < 60
    assert set(states) == {AttemptState.ANSWERED}


def test_an_onlooker_that_fails_is_heard_after_all_is_settled(gate):
    def fail(progress):
        raise ZeroDivisionError

    crew = gate.crew(Asker())
    crew.report = fail

    async def ask():
        await crew.ask_all(gate.items(rows(30)))

    with pytest.raises(ZeroDivisionError):
        asyncio.run(ask())
    assert {attempt.state for attempt in gate.realm.ledger.asks_of(gate.job.id)} == {AttemptState.ANSWERED}


def test_a_sheet_that_cannot_be_read_on_leaves_nothing_in_doubt(gate):
    def torn():
        yield from gate.items(rows(6))
        raise ZeroDivisionError

    asker = Asker()
    with pytest.raises(ZeroDivisionError):
        asyncio.run(gate.crew(asker).ask_all(torn()))
    assert {attempt.state for attempt in gate.realm.ledger.asks_of(gate.job.id)} == {AttemptState.ANSWERED}
