"""What fails under a desk: the home, the disk, the vendor who does not answer, our own code. The server lives, and says so."""

import logging
import threading

import pytest

from batchverify.desk import Stage
from batchverify.desk.case_file import case_of, document_of
from batchverify.errors import HomeError, InputError
from batchverify.job import Asking
from batchverify.sandbox import Fault, Rule
from tests.builders import a_row, read_rows, rows


def test_a_bug_ends_one_case_shows_nobody_and_the_next_case_is_asked(office, monkeypatch, caplog):
    from batchverify.tables import csv_writer

    case, other = office.upload([a_row(1, name="钱七")]), office.upload(rows(2, first=50))
    with monkeypatch.context() as broken:
        broken.setattr(csv_writer, "_rows", lambda *_, **__: {}["钱七"])
        office.confirm(case)
        ended = office.rest(case)
    office.confirm(other)

    assert ended.stage is Stage.STOPPED
    assert ended.problem.startswith("This is a bug in batchverify: KeyError in test_failing.py, line ")
    assert "钱七" not in ended.problem + caplog.text
    assert [record.levelno for record in caplog.records if record.name == "batchverify.desk.passing"] == [logging.ERROR]
    assert office.rest(other).ending == "complete"
    # What was answered is kept: it is drawn without another ask.
    office.desk.go_on(case.id)
    assert office.rest(case).ending == "complete"
    assert office.sandbox.bill.total() == 3


def test_a_home_that_fails_stops_the_case_and_what_was_answered_is_kept(office, monkeypatch):
    from batchverify.store.home import Home

    def full(_):
        raise HomeError("The home is full.")

    case = office.upload(rows(3))
    with monkeypatch.context() as broken:
        broken.setattr(Home, "check_writable", full)
        office.confirm(case)
        ended = office.rest(case)

    assert (ended.stage, ended.ending, ended.problem) == (Stage.STOPPED, "home_error", "The home is full.")
    assert office.sandbox.bill.total() == 0
    office.desk.go_on(case.id)
    assert office.rest(case).ending == "complete"


def test_where_not_even_the_end_can_be_written_it_is_told_as_soon_as_it_can(office, monkeypatch):
    from batchverify.desk import passing, turns

    case = office.upload(rows(3))

    def full(*_, **__):
        raise HomeError("The disk is full.")

    monkeypatch.setattr(turns, "_LOOK_SECONDS", 0.05)
    with monkeypatch.context() as broken:
        broken.setattr(passing, "_stand", full)
        office.confirm(case)
        ended = office.rest(case)

    assert (ended.stage, ended.ending) == (Stage.STOPPED, "home_error")
    assert ended.problem.startswith("The home could not be written when asking ended.")
    assert office.sandbox.bill.total() == 3
    office.desk.go_on(case.id)
    assert office.rest(case).ending == "complete"
    assert office.sandbox.bill.total() == 3


def test_a_queue_that_cannot_be_read_is_read_again(office, monkeypatch):
    from batchverify.desk import turns

    monkeypatch.setattr(turns, "_LOOK_SECONDS", 0.05)
    case = office.upload(rows(2))
    change = office.desk._shelf.change
    failures = iter(range(3))

    def failing(name, update):
        if threading.current_thread().name == "desk" and next(failures, None) is not None:
            raise HomeError("The disk is away.")
        return change(name, update)

    monkeypatch.setattr(office.desk._shelf, "change", failing)
    office.confirm(case)

    assert office.rest(case).ending == "complete"
    assert office.sandbox.bill.total() == 2


def test_a_vendor_who_does_not_answer_is_left_at_the_second_word(office):
    office.sandbox.vendor.script_faults(Rule(fault=Fault.NEVER))
    case = office.upload(rows(4))
    office.confirm(case)
    office.until(case, lambda live: live.in_flight == 4 or office.sandbox.bill.total() == 4)

    office.desk.leave()
    office.desk.close()
    office.sandbox.vendor.script_faults()
    office.open()
    done = office.rest(case)

    # All that was in flight is in doubt, and is not asked again by itself.
    assert done.summary["status"]["in_doubt"] == 4
    assert office.sandbox.bill.total() == 4


def test_an_idle_desk_closes_at_once_and_says_what_it_cannot_do_any_more(office):
    case = office.upload(rows(2))
    office.desk.leave()
    office.desk.close()
    office.desk.close()
    with pytest.raises(HomeError):
        office.desk.acts()
    office.open()
    assert office.desk.case(case.id) == case


def test_a_pause_before_the_first_ask_sends_none(office, monkeypatch):
    from batchverify.desk.passing import Passing

    case = office.upload(rows(3))
    approve = Passing.approve
    monkeypatch.setattr(
        Passing, "approve", lambda self, plan, **words: (office.desk.pause(case.id), approve(self, plan, **words))
    )
    office.confirm(case)
    paused = office.rest(case)
    monkeypatch.undo()

    assert (paused.stage, office.sandbox.bill.total()) == (Stage.PAUSED, 0)
    assert {row["核验代码"] for row in read_rows(office.desk.download(case.id, "all"))} == {"interrupted"}
    office.desk.go_on(case.id)
    assert office.rest(case).ending == "complete"


def test_a_stop_beats_a_pause_and_a_pause_no_stop(office):
    office.sandbox.vendor.latency_seconds = 0.1
    for first, second in (("pause", "stop"), ("stop", "pause")):
        case = office.upload(rows(30, first=1 + 100 * (first == "stop")))
        office.confirm(case)
        office.until(case, lambda live: live.in_flight > 0)
        getattr(office.desk, first)(case.id)
        getattr(office.desk, second)(case.id)
        assert office.rest(case).stage is Stage.STOPPED


def test_what_is_under_way_is_neither_planned_nor_chosen_anew(office):
    office.sandbox.vendor.latency_seconds = 0.2
    case = office.upload(rows(20))
    office.confirm(case)
    office.until(case, lambda live: live.in_flight > 0)

    with pytest.raises(InputError, match=r"Pause or stop it before it is planned anew\."):
        office.desk.plan(case.id)
    with pytest.raises(InputError, match="has been asked as it was chosen"):
        office.desk.choose(case.id, office.desk.first_options())
    assert office.desk.go_on(case.id).stage is Stage.ASKING
    office.desk.stop(case.id)
    office.rest(case)
    with pytest.raises(InputError, match="has been asked as it was chosen"):
        office.desk.choose(case.id, office.desk.first_options())


def test_a_plan_of_a_case_that_was_changed_meanwhile_is_not_shown(office, monkeypatch):
    from batchverify.desk import looking

    case = office.upload(rows(2))
    plan_file = looking.plan_file

    def slow(*args, **words):
        options = office.desk.first_options()
        office.desk.choose(case.id, options.__class__(asking=Asking(upgrade_15=True), delivery=options.delivery))
        return plan_file(*args, **words)

    monkeypatch.setattr(looking, "plan_file", slow)
    with pytest.raises(InputError, match="was changed while it was planned"):
        office.desk.plan(case.id)
    assert office.desk.planned(case.id) is None
    monkeypatch.undo()
    plan = office.desk.plan(case.id)
    assert office.desk.planned(case.id) is plan


def test_a_rerun_that_waits_for_approval_is_planned_anew_and_keeps_what_was_asked(office):
    case = office.upload(rows(6))
    office.confirm(case, cap=2)
    office.rest(case)
    office.reopen(approval=True)
    plan = office.desk.rerun_plan(case.id, "all-open", operator="李雷")
    waiting = office.desk.rerun(case.id, "all-open", digest=plan.digest, cap_asks=4, operator="李雷")
    assert waiting.stage is Stage.WAITING
    with pytest.raises(InputError, match="has been asked as it was chosen"):
        office.desk.choose(case.id, office.desk.first_options())

    again = office.desk.rerun_plan(case.id, "all-open", operator="李雷")
    assert (again.digest, office.desk.case(case.id).stage) == (plan.digest, Stage.ENDED)
    office.desk.rerun(case.id, "all-open", digest=again.digest, cap_asks=4, operator="李雷")
    office.desk.approve(case.id, operator="韩梅")
    assert office.rest(case).ending == "complete"
    assert office.sandbox.bill.total() == 6


def test_what_another_process_finishes_is_only_drawn_here(office):
    from batchverify.desk.room import Bystander
    from batchverify.job import Bounds, Session, resume_job

    case = office.upload(rows(6))
    office.confirm(case, cap=2)
    capped = office.rest(case)
    resume_job(capped.job, Bounds(max_asks=9), Session(settings=office.settings(), watcher=Bystander()))
    assert office.sandbox.bill.total() == 6

    with pytest.raises(InputError, match="It was finished elsewhere: go on with it, and its result is drawn again"):
        office.desk.rerun_plan(case.id, "all-open")
    office.desk.go_on(case.id)
    assert office.rest(case).ending == "complete"
    assert {row["核验结果"] for row in read_rows(office.desk.download(case.id, "all"))} == {"一致"}
    assert office.sandbox.bill.total() == 6
    with pytest.raises(InputError, match="has nothing confirmed that could be gone on with"):
        office.desk.go_on(case.id)


def test_a_case_is_the_same_when_it_is_read_back(office):
    case = office.verified(rows(3), notify="https://hr.example/", idempotency_key="k")

    assert case_of(document_of(case)) == case
    assert case.confirmed.runs
    with pytest.raises(HomeError, match=r"is damaged \(ValueError\)"):
        case_of(document_of(case) | {"stage": "flying"})
