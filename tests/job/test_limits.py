"""Locks and limits of the vendor over files, days, processes and clocks: a locked person is left alone, whatever anybody does."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from batchverify.job import Asking, Options
from batchverify.job.passes import OPEN_WITHOUT_DOUBT
from batchverify.model import Product, RowStatus
from batchverify.sandbox import Fault, Rule
from batchverify.sandbox.bill import question_digest
from tests.builders import a_card, a_row
from tests.campaigns.processes import Desk as Commands
from tests.desk import Desk, LeapingClock
from tests.faults import Danger, proves

FRESH = Options(asking=Asking(reuse_days_matched=0, reuse_days_other=0))
LOCK = timedelta(hours=12, minutes=10)
IN_DOUBT = frozenset({RowStatus.IN_DOUBT})
A_MINUTE = timedelta(minutes=1)


@pytest.fixture
def clock(desk) -> LeapingClock:
    """Give the desk a clock that may be set, and whose time may go by."""
    desk.clock = LeapingClock()
    return desk.clock


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def struck(row, fault: Fault, **rest) -> Rule:
    """Have a fault strike this row's question alone."""
    question = question_digest("bank3", name=row["name"], id_card=row["idCard"], account_no=row["accountNo"])
    return Rule(fault=fault, question=question.hex(), **rest)


def locked_person(desk: Desk, person: int = 1):
    """Have the vendor lock a person; gives how it ended."""
    result = desk.verify([a_row(person, verdict="53")])
    assert (result.statuses, result.column("bv_code")) == (["locked"], ["203"])
    return result


# Whatever anybody does, a locked ID number is not asked for ------------------------------------------------------------


def test_after_a_203_no_command_asks_for_that_person_for_twelve_hours_and_ten_minutes(desk, sandbox, clock):
    first = locked_person(desk)
    due = moment(first.column("bv_retry_at")[0])
    assert abs(due - clock.now() - LOCK) < A_MINUTE
    other_card = a_row(1, accountNo=a_card(77))

    for again in (
        lambda: desk.resume(first.job),
        lambda: desk.rerun(first.job),
        lambda: desk.rerun(first.job, what=OPEN_WITHOUT_DOUBT | IN_DOUBT),
        lambda: desk.rerun(first.path),
        lambda: desk.verify([a_row(1, verdict="53")]),
        lambda: desk.verify([a_row(1, verdict="53")], options=FRESH),
        lambda: desk.verify([other_card]),
        lambda: desk.verify([other_card], options=replace(FRESH, asking=replace(FRESH.asking, product=Product.BANK3_DETAIL))),
        lambda: desk.verify([other_card], options=Options(asking=Asking(product=Product.ID2))),
    ):
        result = again()
        assert result.statuses == ["locked"]
        assert moment(result.column("bv_retry_at")[0]) == due
    assert sandbox.bill.total() == 1
    assert sandbox.bill.asked_while_locked == 0


def test_a_lock_holds_until_its_last_minute_and_then_the_row_is_due(desk, sandbox, clock):
    first = locked_person(desk)

    clock.leap(LOCK - A_MINUTE)
    sandbox.vendor.advance((LOCK - A_MINUTE).total_seconds())
    assert desk.rerun(first.job).statuses == ["locked"]
    assert sandbox.bill.total() == 1

    clock.leap(2 * A_MINUTE)
    sandbox.vendor.advance(120)
    onlooker = desk.onlooker
    desk.rerun(first.job)
    assert onlooker.plan.asks_of == {"locked": 1}
    assert sandbox.bill.total() == 2
    assert sandbox.bill.asked_while_locked == 0


@pytest.mark.parametrize("by", [timedelta(days=2), timedelta(days=-2)], ids=["forward", "back"])
@proves(Danger.CLOCK_FORWARD_BETWEEN, case="forward")
@proves(Danger.CLOCK_BACK_BETWEEN, case="back")
def test_a_wall_clock_that_is_set_does_not_shorten_a_lock(desk, sandbox, clock, by):
    first = locked_person(desk)

    clock.set_wall(by)
    assert desk.rerun(first.job).statuses == ["locked"]
    clock.leap(LOCK - 2 * A_MINUTE)
    onlooker = desk.onlooker
    result = desk.rerun(first.job)

    assert result.statuses == ["locked"]
    assert (onlooker.plan.asks, onlooker.plan.not_due) == (0, 1)
    assert moment(result.column("bv_retry_at")[0]) >= clock.now() + A_MINUTE
    assert sandbox.bill.total() == 1


@proves(Danger.LOCKED_RESTART)
def test_a_restart_of_the_machine_does_not_shorten_a_lock(desk, sandbox, clock):
    first = locked_person(desk)

    for _ in range(3):
        clock.leap(timedelta(hours=4))
        clock.restart()
        assert desk.rerun(first.job).statuses == ["locked"]

    assert sandbox.bill.total() == 1
    clock.leap(timedelta(minutes=11))
    sandbox.vendor.advance(12 * 3600 + 660)
    desk.rerun(first.job)
    assert sandbox.bill.total() == 2


def test_after_a_restart_with_a_clock_that_was_set_back_a_lock_is_longer_and_not_shorter(desk, sandbox, clock):
    first = locked_person(desk)

    clock.set_wall(timedelta(days=-1))
    clock.restart()
    clock.leap(LOCK + A_MINUTE)

    assert desk.rerun(first.job).statuses == ["locked"]
    assert sandbox.bill.total() == 1


def test_a_lock_that_comes_in_the_middle_of_a_run_stops_the_other_rows_of_that_person(desk, sandbox):
    people = [a_row(1, verdict="53"), *(a_row(1, accountNo=a_card(card)) for card in range(50, 60)), a_row(2)]

    result = desk.verify(people)

    assert result.counts() == {"locked": 11, "matched": 1}
    assert set(result.column("bv_code")) == {"203", "id_locked", "01"}
    assert all(result.column("bv_retry_at")[:11])
    assert sandbox.bill.total() == 2


@pytest.mark.slow
def test_a_locked_person_is_left_alone_by_another_process_on_the_same_home(desk, sandbox, home):
    locked_person(desk)
    path = desk.sheet([a_row(1, accountNo=a_card(77))])

    class Vendor:
        endpoint = sandbox.endpoint

    ended = Commands(folder=home.parent, vendor=Vendor()).run("run", path, "--fresh", "--yes", "--json")

    assert (ended.code, ended.json["status"]["locked"], ended.json["asks"]["sent"]) == (3, 1, 0)
    assert sandbox.bill.total() == 1


# Rows in doubt of a person who is locked -------------------------------------------------------------------------------


def doubtful_and_locked(desk, sandbox):
    """One person with two cards: of the first the answer was lost, at the second the vendor locked the person."""
    doubtful, locking = a_row(1), a_row(1, accountNo=a_card(50, verdict="53"))
    sandbox.vendor.script_faults(struck(doubtful, Fault.RESET_AFTER))
    result = desk.verify([doubtful, locking])
    assert result.statuses == ["in_doubt", "locked"]
    sandbox.vendor.script_faults()
    return result


def test_a_row_in_doubt_whose_person_is_locked_says_until_when(desk, sandbox, clock):
    result = doubtful_and_locked(desk, sandbox)

    doubt, locked = map(moment, result.column("bv_retry_at"))

    assert doubt == locked
    assert abs(locked - clock.now() - LOCK) < A_MINUTE


def test_a_doubt_of_a_locked_person_is_asked_by_no_acceptance_and_after_the_lock_by_one(desk, sandbox, clock):
    result = doubtful_and_locked(desk, sandbox)
    onlooker = desk.onlooker

    held = desk.rerun(result.job, what=IN_DOUBT)

    assert held.statuses == ["in_doubt", "locked"]
    assert (onlooker.plan.asks, onlooker.plan.in_doubt, onlooker.plan.not_due) == (0, 1, 1)
    assert moment(held.column("bv_retry_at")[0]) == onlooker.plan.not_before.replace(microsecond=0)
    assert sandbox.bill.total() == 2

    clock.leap(LOCK + A_MINUTE)
    sandbox.vendor.advance((LOCK + A_MINUTE).total_seconds())
    asked = desk.rerun(result.job, what=IN_DOUBT)
    assert asked.statuses == ["matched", "locked"]
    assert (asked.json["asks"]["in_doubt"], asked.json["asks"]["sent"]) == (1, 3)


# Cards ----------------------------------------------------------------------------------------------------------------


def test_a_card_has_its_four_asks_over_files_and_products_and_then_waits_a_day_from_the_first(desk, sandbox, clock):
    card = a_card(7)
    began = clock.now()
    for person in range(1, 5):
        assert desk.verify([a_row(person, accountNo=card)]).statuses == ["matched"]
        clock.leap(timedelta(hours=1))

    fifth = desk.verify([a_row(5, accountNo=card)])
    detail = desk.verify([a_row(6, accountNo=card)], options=Options(asking=Asking(product=Product.BANK3_DETAIL)))

    assert (fifth.column("bv_code"), detail.column("bv_code")) == (["card_limit"], ["card_limit"])
    assert sandbox.bill.total() == 4
    assert abs(moment(fifth.column("bv_retry_at")[0]) - began - timedelta(days=1)) < A_MINUTE

    clock.leap(timedelta(hours=20) + A_MINUTE)
    onlooker = desk.onlooker
    assert desk.rerun(fifth.job).statuses == ["matched"]
    assert onlooker.plan.asks_of == {"locked": 1}
    # One ask is a day old, and one has taken its place: the other row waits for the next.
    assert desk.rerun(detail.job).statuses == ["locked"]
    assert sandbox.bill.total() == 5


@pytest.mark.parametrize("by", [timedelta(days=2), timedelta(days=-2)], ids=["forward", "back"])
@proves(Danger.CLOCK_FORWARD_BETWEEN, case="forward")
@proves(Danger.CLOCK_BACK_BETWEEN, case="back")
def test_a_wall_clock_that_is_set_does_not_give_a_card_more_asks(desk, sandbox, clock, by):
    card = a_card(7)
    desk.verify([a_row(person, accountNo=card) for person in range(1, 5)])

    clock.set_wall(by)
    result = desk.verify([a_row(5, accountNo=card)])

    assert result.column("bv_code") == ["card_limit"]
    assert sandbox.bill.total() == 4


def test_an_ask_that_was_not_billed_does_not_count_against_its_card(desk, sandbox):
    card = a_card(7)
    sandbox.vendor.script_faults(Rule(fault=Fault.THROTTLE_429, times=6))

    result = desk.verify([a_row(person, accountNo=card) for person in range(1, 5)])

    assert result.counts() == {"matched": 4}


def test_a_doubt_counts_against_its_card_and_says_when_the_card_is_free(desk, sandbox, clock):
    card = a_card(7)
    people = [a_row(person, accountNo=card) for person in range(1, 5)]
    sandbox.vendor.script_faults(struck(people[0], Fault.RESET_AFTER))

    result = desk.verify(people)

    assert result.statuses == ["in_doubt", "matched", "matched", "matched"]
    assert abs(moment(result.column("bv_retry_at")[0]) - clock.now() - timedelta(days=1)) < A_MINUTE
    sandbox.vendor.script_faults()
    assert desk.rerun(result.job, what=IN_DOUBT).statuses[0] == "in_doubt"
    assert sandbox.bill.total() == 4


def test_of_one_person_and_of_one_card_one_ask_is_in_flight(desk, sandbox):
    sandbox.vendor.latency_seconds = 0.02
    card = a_card(7)

    desk.verify(
        [*(a_row(1, accountNo=a_card(number)) for number in range(20, 30)), *(a_row(n, accountNo=card) for n in (2, 3, 4))]
    )

    assert (sandbox.bill.max_in_flight_per_id, sandbox.bill.max_in_flight_per_card) == (1, 1)
    assert sandbox.bill.max_in_flight > 1


# What is not due is left and told --------------------------------------------------------------------------------------


def test_a_plan_says_what_is_not_due_and_from_when(desk, sandbox, clock):
    locked_person(desk)
    card = a_card(7)
    desk.verify([a_row(person, accountNo=card) for person in range(2, 6)])
    people = [a_row(1, accountNo=a_card(90)), a_row(6, accountNo=card), a_row(9)]

    plan = desk.plan(desk.sheet(people))

    assert (plan.asks, plan.locked, plan.not_due) == (1, 2, 2)
    assert abs(plan.not_before - clock.now() - LOCK) < A_MINUTE
    assert {code: problem.rows for code, problem in plan.problems.items()} == {"id_locked": (2,), "card_limit": (3,)}
    assert plan.as_json()["not_due"]["count"] == 2
    assert moment(plan.as_json()["not_due"]["earliest"]) == plan.not_before.replace(microsecond=0)
    assert plan.asks == desk.verify(people).json["asks"]["sent"]


# A clock that is set does not hide answers ------------------------------------------------------------------------------


def test_an_answer_got_under_a_clock_that_was_ahead_counts_at_once_when_the_clock_is_set_right(desk, sandbox, clock):
    clock.set_wall(timedelta(hours=3))
    desk.verify([a_row(1), a_row(2, verdict="02")])

    clock.set_wall(timedelta(hours=-3))
    onlooker = desk.onlooker
    result = desk.verify([a_row(1), a_row(2, verdict="02"), a_row(3)])

    assert result.statuses == ["matched", "mismatched", "matched"]
    assert (onlooker.plan.reused, onlooker.plan.asks) == (2, 1)
    assert sandbox.bill.total() == 3


def test_a_clock_set_back_within_a_run_and_after_it_hides_no_answer_of_that_run(desk, sandbox, clock):
    def set_back(progress):
        if progress.done == 0:
            clock.set_wall(timedelta(hours=-1))

    desk.onlooker.on_progress = set_back
    first = desk.verify([a_row(person) for person in range(1, 30)])
    before = first.path.read_bytes()
    clock.set_wall(timedelta(days=-1))

    assert first.counts() == {"matched": 29}
    assert desk.render(first.job).path.read_bytes() == before
    assert desk.resume(first.job).counts() == {"matched": 29}
    assert sandbox.bill.total() == 29


def test_what_others_asked_later_changes_no_result_that_is_drawn_again(desk, sandbox, clock):
    sandbox.vendor.set_quota(1)
    first = desk.verify([a_row(1), a_row(2)], concurrency=1)
    assert first.statuses == ["matched", "not_run"]
    before = first.path.read_bytes()
    sandbox.vendor.top_up(10)

    clock.set_wall(timedelta(hours=-1))
    desk.verify([a_row(2)])

    assert desk.render(first.job).path.read_bytes() == before
    assert desk.resume(first.job).statuses == ["matched", "matched"]
    assert sandbox.bill.billed() == 2
