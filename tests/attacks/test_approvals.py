"""Approvals under attack: what nobody approved is not asked, and honest people are not locked out."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from batchverify.errors import BatchVerifyError, InputError
from batchverify.job import Bounds
from batchverify.job.approval import approve_plan
from batchverify.job.clock import SystemClock
from batchverify.job.passes import OPEN_WITHOUT_DOUBT
from batchverify.model import RowStatus
from batchverify.sandbox import Fault, Rule
from tests.builders import a_row, rows
from tests.desk import LeapingClock


def approve(desk, plan, operator="li", **settings):
    return approve_plan(plan, home=desk.home, settings=desk.settings(operator=operator, **settings), clock=SystemClock())


def approved(desk, path, **settings):
    plan = desk.plan(path, operator="wang", **settings)
    approve(desk, plan.digest, **settings)
    return plan


def named_in(refused, *given, **more):
    """The plan that a refusal names."""
    with pytest.raises(BatchVerifyError, match=r"approve.*Nothing was sent") as error:
        refused(*given, **more)
    return re.findall(r"[0-9a-f]{16}", str(error.value))[-1]


def test_a_plan_without_a_planner_can_be_approved_once_it_is_planned_again_with_a_name(desk):
    path = desk.sheet(rows(1))
    plan = desk.plan(path)
    with pytest.raises(InputError, match="Plan it again with --operator NAME"):
        approve(desk, plan.digest, approval=True)

    desk.plan(path, operator="wang")

    with pytest.raises(InputError, match="nobody approves what they planned"):
        approve(desk, plan.digest, operator="wang", approval=True)
    assert approve(desk, plan.digest, approval=True).is_new


@pytest.mark.parametrize("spelled", ["\uff37\uff41\uff4e\uff47", "wang\u200b", "wa\u00adng", "wang\ufeff", "WANG "])
def test_no_way_of_typing_a_name_makes_its_bearer_a_second_person(desk, spelled):
    plan = desk.plan(desk.sheet(rows(1)), operator="wang")

    with pytest.raises(InputError, match="nobody approves what they planned"):
        approve(desk, plan.digest, operator=spelled)


def test_what_was_approved_for_one_host_is_not_sent_to_another(desk, sandbox):
    path = desk.sheet(rows(1))
    plan = approved(desk, path, endpoint="https://vendor.invalid")

    with pytest.raises(InputError, match=r"another choice has changed since"):
        desk.verify(path, bounds=Bounds(approved=plan.digest), endpoint="https://elsewhere.invalid")
    assert desk.verify(path, bounds=Bounds(approved=plan.digest), endpoint="https://vendor.invalid").counts() == {"failed": 1}


def test_two_runs_at_once_of_one_approved_plan_ask_no_more_than_was_approved(desk, sandbox):
    path = desk.sheet(rows(4))
    plan = approved(desk, path)
    desk.onlooker.on_approve = lambda: desk.verify(path, bounds=Bounds(approved=plan.digest, max_asks=3))

    with pytest.raises(InputError, match="Nothing was sent"):
        desk.verify(path, bounds=Bounds(approved=plan.digest))

    assert sandbox.bill.total() == 3


def test_an_approval_of_questions_is_none_of_second_bills(desk, sandbox):
    path = desk.sheet(rows(4))
    plan = approved(desk, path)
    sandbox.vendor.script_faults(Rule(fault=Fault.RESET_AFTER, billed=True, times=1))
    first = desk.verify(path, bounds=Bounds(approved=plan.digest, max_asks=2), approval=True)
    assert first.counts()["in_doubt"] == 1

    with pytest.raises(InputError, match="Nothing was sent"):
        desk.rerun(first.job, what=frozenset({RowStatus.IN_DOUBT}), bounds=Bounds(approved=plan.digest), approval=True)

    assert sandbox.bill.total() == 2
    ended = desk.rerun(first.job, what=OPEN_WITHOUT_DOUBT, bounds=Bounds(approved=plan.digest), approval=True)
    assert ended.counts() == {"matched": 3, "in_doubt": 1}


def test_a_second_bill_is_approved_as_one(desk, sandbox):
    path = desk.sheet(rows(2))
    plan = approved(desk, path)
    sandbox.vendor.script_faults(Rule(fault=Fault.RESET_AFTER, billed=True, times=1))
    first = desk.verify(path, bounds=Bounds(approved=plan.digest), approval=True)
    doubt = frozenset({RowStatus.IN_DOUBT})

    word = named_in(desk.rerun, first.job, what=doubt, approval=True, operator="wang")
    assert (approve(desk, word, approval=True).asks, approve(desk, word).again) == (1, 1)
    ended = desk.rerun(first.job, what=doubt, bounds=Bounds(approved=word), approval=True)

    assert (ended.counts(), sandbox.bill.total()) == ({"matched": 2}, 3)


def test_what_was_locked_can_be_approved_once_more(desk, sandbox):
    desk.clock = LeapingClock()
    path = desk.sheet([a_row(1, verdict="53")])
    plan = approved(desk, path)
    first = desk.verify(path, bounds=Bounds(approved=plan.digest), approval=True)
    assert first.counts() == {"locked": 1}
    desk.clock.leap(timedelta(days=2))

    word = named_in(desk.rerun, first.job, bounds=Bounds(approved=plan.digest), approval=True, operator="wang")
    approve(desk, word, approval=True)
    desk.rerun(first.job, bounds=Bounds(approved=word), approval=True)

    assert sandbox.bill.total() == 2


def test_a_corrected_file_can_be_approved_and_then_runs(desk, sandbox):
    path = desk.sheet(rows(3))
    plan = approved(desk, path)
    first = desk.verify(path, bounds=Bounds(approved=plan.digest, max_asks=2), approval=True)

    word = named_in(desk.rerun_from, first.path, approval=True, operator="wang")
    with pytest.raises(InputError, match="nobody approves what they planned"):
        approve(desk, word, operator="wang", approval=True)
    approve(desk, word, approval=True)

    ended = desk.rerun_from(first.path, bounds=Bounds(approved=word), approval=True)
    assert ended.counts() == {"matched": 3}
    assert sandbox.bill.total() == 3
