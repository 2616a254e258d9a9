"""A second person approves: what was approved runs, and nothing else does."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from batchverify.errors import InputError, SettingsError
from batchverify.job import Asking, Bounds, Options, Reading
from batchverify.job.approval import approve_plan
from batchverify.job.clock import SystemClock
from batchverify.job.passes import OPEN_WITHOUT_DOUBT
from batchverify.job.realm import open_realm
from batchverify.job.reporting import report_job
from batchverify.job.retention import purging
from batchverify.model import CheckLevel, Field, Product
from batchverify.words import Lang
from tests.builders import a_row, rows


def approve(desk, plan, operator="li", **settings):
    return approve_plan(plan, home=desk.home, settings=desk.settings(operator=operator, **settings), clock=SystemClock())


def approved(desk, path, **options):
    """Plan a file as wang and have it approved by li."""
    plan = desk.plan(path, operator="wang", **options)
    approve(desk, plan.digest)
    return plan


def test_an_approved_plan_runs_without_another_word_and_its_approver_is_on_record(desk, sandbox):
    path = desk.sheet(rows(3))
    plan = approved(desk, path)
    onlooker = desk.onlooker

    result = desk.verify(path, bounds=Bounds(approved=plan.digest))

    assert result.counts() == {"matched": 3}
    assert onlooker.caps[0] == 3, "the approval is the confirmation and the cap"
    with open_realm(desk.home, simulated=True, clock=SystemClock()) as realm:
        (run,) = realm.ledger.runs(result.job)
        found = realm.ledger.approvals().of_run(run.id)
        assert (run.spec.approval, run.spec.cap_asks) == (plan.digest, 3)
        assert (found.operator, found.approved_by, found.name, found.asks) == ("wang", "li", path.name, 3)
        assert realm.ledger.approvals().used(plan.digest) == 3
    assert sandbox.bill.total() == 3


def test_the_audit_report_names_who_approved(desk):
    path = desk.sheet(rows(1))
    plan = approved(desk, path)
    result = desk.verify(path, bounds=Bounds(approved=plan.digest))
    other = desk.verify(rows(1, first=9))

    named = []
    for job in (result.job, other.job):
        report_job(job, desk.folder / f"{job}.json", desk.session(), lang=Lang.EN)
        named.append(json.loads((desk.folder / f"{job}.json").read_text("utf-8"))["mandate"]["approved_by"])

    assert named == ["li", ""]


def test_nobody_approves_what_they_planned_however_they_spell_their_name(desk):
    plan = desk.plan(desk.sheet(rows(1)), operator="Wang Li")

    with pytest.raises(InputError, match=r"^wang li has planned it, and nobody approves what they planned\. Ask somebody else\."):
        approve(desk, plan.digest, operator=" WANG  li ")
    assert approve(desk, plan.digest, operator="zhao").is_new


def test_the_database_itself_lets_nobody_approve_what_they_planned(desk):
    plan = desk.plan(desk.sheet(rows(1)), operator="wang")
    with (
        closing(sqlite3.connect(desk.home / "sandbox" / "ledger.sqlite")) as con,
        pytest.raises(sqlite3.IntegrityError, match="nobody approves what they planned"),
    ):
        con.execute("INSERT INTO approval VALUES (?, 1, 'wang')", (plan.digest,))


def test_whoever_plans_it_again_to_look_at_it_may_approve_it(desk):
    path = desk.sheet(rows(1))
    plan = desk.plan(path, operator="wang")
    assert desk.plan(path, operator="li").digest == plan.digest

    assert approve(desk, plan.digest, operator="li").operator == "li"


def test_the_first_approval_stays(desk):
    plan = approved(desk, desk.sheet(rows(2)))

    again = approve(desk, plan.digest, operator="zhao")

    assert (again.operator, again.is_new, again.asks, again.worst_price) == ("li", False, 2, Decimal("0.38"))


@pytest.mark.parametrize(
    ("operator", "word", "error", "sentence"),
    [
        ("", None, SettingsError, r"^Nobody is named who approves\. Add --operator NAME\. Nothing was approved\.$"),
        ("li", "0" * 16, InputError, r"^There is no plan '0{16}' in this home\. `batchverify plan FILE` shows the hash of one\."),
    ],
)
def test_what_cannot_be_approved_is_refused(desk, operator, word, error, sentence):
    plan = desk.plan(desk.sheet(rows(1)))

    with pytest.raises(error, match=sentence):
        approve(desk, word or plan.digest, operator=operator)


def test_where_approval_is_demanded_the_planner_must_be_known(desk):
    plan = desk.plan(desk.sheet(rows(1)))

    with pytest.raises(
        InputError, match=r"^Nobody knows who planned it, so nobody knows whether it is somebody else who approves\."
    ):
        approve(desk, plan.digest, approval=True)
    assert approve(desk, plan.digest).is_new


def test_where_approval_is_demanded_nothing_is_asked_without_one(desk, sandbox):
    path = desk.sheet(rows(2))

    with pytest.raises(
        SettingsError, match=r"^The setting 'approval' demands a plan that another person has approved\..*Nothing was sent"
    ):
        desk.verify(path, approval=True)

    assert sandbox.bill.total() == 0
    plan = approved(desk, path)
    first = desk.verify(path, bounds=Bounds(approved=plan.digest), approval=True)
    assert first.counts() == {"matched": 2}
    assert desk.resume(first.job, approval=True).counts() == {"matched": 2}, "nothing is asked, so nothing need be approved"


@pytest.mark.parametrize("word", ["0" * 16, None])
def test_a_plan_that_is_unknown_or_not_approved_does_not_run(desk, sandbox, word):
    path = desk.sheet(rows(2))
    plan = desk.plan(path, operator="wang")

    with pytest.raises(InputError, match="is unknown to this home" if word else "is not approved"):
        desk.verify(path, bounds=Bounds(approved=word or plan.digest))

    assert sandbox.bill.total() == 0
    assert not list(desk.folder.glob("*.verified*"))


@pytest.mark.parametrize(
    "options",
    [
        Options(asking=Asking(product=Product.ID2)),
        Options(asking=Asking(checks=CheckLevel.WARN)),
        Options(asking=Asking(upgrade_15=True)),
        Options(asking=Asking(allow_minors=True)),
        Options(asking=Asking(reuse_days_matched=0)),
        Options(reading=Reading(mapping={Field.NAME: "别名"})),
    ],
)
def test_a_plan_that_was_changed_does_not_run(desk, sandbox, options):
    path = desk.sheet([a_row(person, 别名="李四") for person in (1, 2)])
    plan = approved(desk, path, options=Options(reading=Reading(mapping={Field.NAME: "姓名"})))

    with pytest.raises(
        InputError,
        match=rf"^The plan {plan.digest} was approved by li, and the input, its columns, the product or another choice has changed since\.",
    ):
        desk.verify(path, options=options, bounds=Bounds(approved=plan.digest))

    assert sandbox.bill.total() == 0


def test_an_input_that_was_changed_does_not_run(desk, sandbox):
    path = desk.sheet(rows(2))
    plan = approved(desk, path)
    path.write_text(path.read_text("utf-8-sig").replace("张三", "李四"), "utf-8-sig")

    with pytest.raises(InputError, match="has changed since"):
        desk.verify(path, bounds=Bounds(approved=plan.digest))
    assert sandbox.bill.total() == 0


def test_a_price_that_went_up_does_not_run_and_one_that_went_down_does(desk, sandbox):
    path = desk.sheet(rows(2))
    plan = approved(desk, path, unit_price="0.15")

    with pytest.raises(
        InputError,
        match=r"the price has gone up since, from ¥0\.15 to ¥0\.19\. As it is now it is the plan [0-9a-f]{16}\. Have that approved\. Nothing was sent\.$",
    ):
        desk.verify(path, bounds=Bounds(approved=plan.digest))
    assert desk.verify(path, bounds=Bounds(approved=plan.digest), unit_price="0.10").counts() == {"matched": 2}
    assert sandbox.bill.total() == 2


def test_more_asks_than_were_approved_do_not_run_and_fewer_do(desk, sandbox):
    people = rows(4)
    path, other = desk.sheet(people), desk.sheet(people[:2])
    desk.verify(other)
    few = approved(desk, path)
    assert few.asks == 2
    one = replace(few, asks=1)
    with open_realm(desk.home, simulated=True, clock=SystemClock()) as realm:
        book = realm.ledger.approvals()
        book.note(replace(book.planned(few.digest), hash=one.digest, asks=1))
        book.approve(one.digest, operator="li", now=realm.clock.now())

    with pytest.raises(InputError, match=r"it has 2 asks now; 1 were approved\. As it is now it is the plan [0-9a-f]{16}\."):
        desk.verify(path, bounds=Bounds(approved=one.digest))
    assert desk.verify(path, bounds=Bounds(approved=few.digest)).counts() == {"matched": 4}


def test_what_was_spent_under_an_approval_is_used_up_over_all_its_runs(desk, sandbox):
    path = desk.sheet(rows(5))
    plan = approved(desk, path)
    first = desk.verify(path, bounds=Bounds(approved=plan.digest, max_asks=2))
    assert first.counts() == {"matched": 2, "not_run": 3}

    second = desk.verify(path, bounds=Bounds(approved=plan.digest.upper()))

    assert (second.job, second.counts(), sandbox.bill.total()) == (first.job, {"matched": 5}, 5)
    fresh = Options(asking=Asking(reuse_days_matched=0, reuse_days_other=0))
    with pytest.raises(InputError, match="has changed since"):
        desk.verify(path, options=fresh, bounds=Bounds(approved=plan.digest))


def test_a_job_is_gone_on_with_under_its_approval(desk, sandbox):
    path = desk.sheet(rows(3))
    plan = approved(desk, path)
    first = desk.verify(path, bounds=Bounds(approved=plan.digest, max_asks=1), approval=True)

    with pytest.raises(SettingsError, match="The setting 'approval' demands"):
        desk.rerun(first.job, what=OPEN_WITHOUT_DOUBT, approval=True)
    ended = desk.rerun(first.job, what=OPEN_WITHOUT_DOUBT, bounds=Bounds(approved=plan.digest), approval=True)

    assert ended.counts() == {"matched": 3}
    assert sandbox.bill.total() == 3


def test_the_database_itself_refuses_a_run_beyond_what_was_approved(desk):
    path = desk.sheet(rows(3))
    plan = approved(desk, path)
    desk.verify(path, bounds=Bounds(approved=plan.digest, max_asks=2))
    with closing(sqlite3.connect(desk.home / "sandbox" / "ledger.sqlite", isolation_level=None)) as con:
        copy = (
            "INSERT INTO run (id, job, kind, lock, boot, lease_until, cap_asks, asks_per_card, matched_after, other_after, "
            "newest_attempt, started_at, head, approval) SELECT ?, job, kind, lock, boot, lease_until, ?, asks_per_card, matched_after, "
            "other_after, newest_attempt, started_at, head, approval FROM run WHERE number = 1"
        )
        for cap in (2, None):
            with pytest.raises(sqlite3.IntegrityError, match="more than was approved"):
                con.execute(copy, (f"copy-{cap}", cap))
        with pytest.raises(sqlite3.IntegrityError, match="what was approved does not change"):
            con.execute("UPDATE run SET cap_asks = 99")
        con.execute(copy, ("copy", 1))


def test_a_sandbox_approval_is_none_for_the_vendor_itself(desk):
    plan = approved(desk, desk.sheet(rows(1)))

    with open_realm(desk.home, simulated=False, clock=SystemClock()) as realm:
        assert realm.ledger.approvals().planned(plan.digest) is None


def test_a_plan_that_nobody_approved_goes_with_the_codes_and_an_approved_one_with_the_record(desk):
    path = desk.sheet(rows(2))
    plan = approved(desk, path)
    desk.verify(path, bounds=Bounds(approved=plan.digest))
    desk.plan(desk.sheet(rows(1, first=9)))

    class Later(SystemClock):
        def now(self):
            return super().now() + timedelta(days=200)

        def monotonic(self):
            return super().monotonic() + 200 * 86_400

    with purging(replace(desk.session(), clock=Later())) as erasing:
        assert erasing.found[1].erased.of("plans") == 1
        assert erasing.go(None).document["sandbox"]["erased"]["plans"] == 1
    with open_realm(desk.home, simulated=True, clock=SystemClock()) as realm:
        assert realm.ledger.approvals().planned(plan.digest) is not None
