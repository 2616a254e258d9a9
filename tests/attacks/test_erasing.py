"""Erasing at the worst moment, and what is bought again for it: nothing."""

from __future__ import annotations

import sqlite3
from datetime import timedelta

import pytest

from batchverify.errors import InputError
from batchverify.job import Bounds, Options
from batchverify.job.clock import SystemClock
from batchverify.job.realm import open_realm
from batchverify.job.renewing import renew_keys
from batchverify.job.retention import forgetting, purging
from batchverify.model import Billed
from batchverify.rules.subject import numbers_of
from batchverify.sandbox import Fault, Rule
from tests.builders import a_row, an_id, rows
from tests.desk import LeapingClock
from tests.threats import guards

_OF_A_PERSON = "SELECT key, id_tag, card_tag, nonce, sealed FROM attempt WHERE id_tag = ?"


def forget(desk, *numbers, meanwhile=lambda: None):
    with forgetting(desk.session(operator="wang"), frozenset().union(*(numbers_of(number) for number in numbers))) as erasing:
        meanwhile()
        return erasing.go(None)


def purge(desk):
    with purging(desk.session()) as erasing:
        return erasing.go(None).document["sandbox"]


def test_whoever_is_forgotten_while_somebody_looks_at_a_plan_is_not_asked_about(desk, sandbox):
    first = desk.verify(rows(3), bounds=Bounds(max_asks=1))
    desk.onlooker.on_approve = lambda: forget(desk, an_id(3))

    with pytest.raises(InputError, match=r"^Somebody was forgotten.*Nothing was sent\.$"):
        desk.resume(first.job)

    assert sandbox.bill.total() == 1
    assert desk.resume(first.job).counts() == {"matched": 2, "blocked": 1}
    assert sandbox.bill.total() == 2


def test_a_job_that_is_closed_while_somebody_looks_at_its_plan_buys_nothing_again(desk, sandbox):
    clock = LeapingClock()
    desk.clock = clock
    first = desk.verify(rows(3), bounds=Bounds(max_asks=2))
    clock.leap(timedelta(days=181))
    desk.onlooker.on_approve = lambda: purge(desk)

    with pytest.raises(InputError):
        desk.resume(first.job)

    assert sandbox.bill.total() == 2


def test_a_job_that_began_and_ended_while_an_erasing_was_looked_at_is_erased_from_too(desk, sandbox):
    desk.verify(rows(1))
    other = desk.sheet(rows(2))

    with pytest.raises(InputError, match=r"^A run has begun since.*Do the same again; nothing was erased\.$"):
        forget(desk, an_id(1), meanwhile=lambda: desk.verify(other))
    forget(desk, an_id(1))

    bought = sandbox.bill.total()
    with open_realm(desk.home, simulated=True, clock=SystemClock()) as realm:
        job = realm.ledger.jobs()[0].id
    drawn = desk.render(job)
    assert drawn.counts() == {"matched": 1, "blocked": 1}
    assert desk.resume(job).counts() == drawn.counts()
    assert sandbox.bill.total() == bought


def test_codes_that_another_job_has_reused_take_that_job_along(desk, sandbox):
    """The second job asked nothing: all it knows are the codes of the first."""
    clock = LeapingClock()
    desk.clock = clock
    people = rows(2)
    desk.verify(people)
    clock.leap(timedelta(days=20))
    second = desk.verify(people)
    assert (second.counts(), sandbox.bill.total()) == ({"matched": 2}, 2)
    clock.leap(timedelta(days=161))
    before = second.path.read_bytes()

    gone = purge(desk)

    assert second.job in gone["jobs_closed"]
    for go_on in (desk.render, desk.resume):
        with pytest.raises(InputError, match="is closed"):
            go_on(second.job)
    with pytest.raises(InputError, match="is closed"):
        desk.rerun_from(second.path)
    assert second.path.read_bytes() == before
    assert sandbox.bill.total() == 2


def test_a_job_that_has_reused_an_answer_and_cannot_be_read_is_closed_when_the_person_is_forgotten(desk, sandbox):
    people = rows(2)
    desk.verify(people)
    path = desk.sheet(people)
    second = desk.verify(path)
    assert sandbox.bill.total() == 2
    away = path.rename(path.with_suffix(".away"))

    certificate = forget(desk, an_id(1)).document["sandbox"]
    away.rename(path)

    assert second.job in certificate["jobs_closed"]
    with pytest.raises(InputError, match="is closed"):
        desk.resume(second.job)
    with pytest.raises(InputError, match="is closed"):
        desk.rerun_from(second.path)
    assert sandbox.bill.total() == 2


def test_a_doubt_about_somebody_forgotten_can_still_be_reconciled(desk, sandbox):
    sandbox.vendor.script_faults(Rule(fault=Fault.RESET_AFTER, billed=False, times=1))
    first = desk.verify(rows(1))
    assert first.counts() == {"in_doubt": 1}
    forget(desk, an_id(1))

    with open_realm(desk.home, simulated=True, clock=SystemClock()) as realm:
        (doubt,) = realm.ledger.usage().doubts()
        now = {"now": realm.clock.now(), "monotonic": realm.clock.monotonic()}
        assert realm.ledger.reconcile([doubt.attempt], billed=Billed.NO, **now) == []
        run = realm.ledger.runs(first.job)[-1]
        assert realm.ledger.audit().verify_chain(run.id)
        assert realm.ledger.audit().misfits(run.id) == []
    drawn = desk.render(first.job)
    assert drawn.counts() == {"blocked": 1}
    assert (drawn.json["asks"]["not_billed"], drawn.json["cost"]["max"]) == (1, "0.00")


def test_a_row_that_was_paid_twice_by_agreement_keeps_both_on_the_bill_when_forgotten(desk, sandbox):
    sandbox.vendor.script_faults(Rule(fault=Fault.RESET_AFTER, billed=True, times=1))
    first = desk.verify([row | {"部门": "财务"} for row in rows(1)], options=Options())
    again = desk.rerun(first.job, what=frozenset({"in_doubt"}))
    before = again.json

    forget(desk, an_id(1))
    drawn = desk.render(first.job)

    assert drawn.counts() == {"blocked": 1}
    assert {key: drawn.json["asks"][key] for key in ("sent", "billed", "in_doubt")} == {
        key: before["asks"][key] for key in ("sent", "billed", "in_doubt")
    }
    assert (drawn.json["cost"]["min"], drawn.json["cost"]["max"]) == (before["cost"]["min"], before["cost"]["max"])


@pytest.mark.parametrize("how", ["resume", "rerun the file", "run"])
def test_whoever_was_locked_and_forgotten_is_asked_about_by_no_old_job(desk, sandbox, how):
    clock = LeapingClock()
    desk.clock = clock
    first = desk.verify([a_row(1), a_row(2, verdict="53")])
    locked = first.counts().get("locked", 0)
    forget(desk, an_id(2))
    clock.leap(timedelta(days=2))
    bought = sandbox.bill.total()

    {
        "resume": lambda: desk.resume(first.job),
        "rerun the file": lambda: desk.rerun_from(first.path),
        "run": lambda: desk.verify(next(desk.folder.glob("people-1.csv"))),
    }[how]()

    if how != "run":
        assert sandbox.bill.total() == bought
    assert locked == 1


def test_an_unfinished_job_that_cannot_be_read_may_hold_whoever_is_forgotten_and_is_closed(desk, sandbox):
    unfinished = desk.sheet(rows(3, first=7)[::-1] + rows(1))
    job = desk.verify(unfinished, bounds=Bounds(max_asks=1)).job
    finished = desk.sheet(rows(1, first=20))
    other = desk.verify(finished).job
    desk.verify(rows(1))
    for path in (unfinished, finished):
        path.rename(path.with_suffix(".away"))

    assert forget(desk, an_id(1)).document["sandbox"]["jobs_closed"] == [job], (
        "the finished one can hold nobody who came after it"
    )

    for path in (unfinished, finished):
        path.with_suffix(".away").rename(path)
    with pytest.raises(InputError, match="is closed"):
        desk.resume(job)
    assert desk.resume(other).counts() == {"matched": 1}


@guards("erasure", "home-bytes")
def test_log_and_free_pages_hold_nothing_of_whoever_was_forgotten_while_others_have_the_home_open(desk):
    """A ledger with a past: pages that were split and freed, a log that somebody keeps open, a key that was renewed in between."""
    desk.verify(rows(300))
    renew_keys(desk.session())
    desk.verify(rows(200, first=200))
    ledger, cache = desk.home / "sandbox" / "ledger.sqlite", desk.home / "sandbox" / "cache" / "cache.db"
    with open_realm(desk.home, simulated=True, clock=SystemClock()) as other:
        other.ledger.jobs()
        desk.verify(rows(5, first=900))
        with sqlite3.connect(ledger) as con:
            tag = other.vault.id_tag(an_id(250))
            needles = [value for row in con.execute(_OF_A_PERSON, (tag,)) for value in row if value is not None]
        con.close()
        assert len(needles) == 5
        assert (desk.home / "sandbox" / "ledger.sqlite-wal").stat().st_size > 0, "else there is no log to look into"

        forget(desk, an_id(250))

        files = [path for path in desk.home.rglob("*") if path.is_file() and "certificates" not in path.parts]
        assert {"ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm", "cache.db"} <= {path.name for path in files}
        assert [path.name for path in files if any(needle in path.read_bytes() for needle in needles)] == []
        for path in (ledger, cache):
            free = sqlite3.connect(path)
            assert free.execute("PRAGMA freelist_count").fetchone() == (0,)
            free.close()
