"""Holding up, going on, confirming twice: the sandbox's bill says what was asked."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from batchverify.desk import Stage
from batchverify.errors import HomeError, InputError, SettingsError
from batchverify.job import Asking, Mandate, Options
from batchverify.model import CheckLevel
from batchverify.sandbox import Fault, Rule
from tests.builders import a_row, read_rows, rows

MANDATE = Mandate(purpose="核验")


def asked_so_far(office, count):
    return lambda live: live.done >= count or office.sandbox.bill.total() >= count


def test_a_paused_case_asks_nothing_and_goes_on_where_it_was(office):
    office.sandbox.vendor.latency_seconds = 0.06
    case = office.upload(rows(40))
    office.confirm(case)
    office.until(case, asked_so_far(office, 8))

    office.desk.pause(case.id, operator="李雷")
    paused = office.rest(case)
    asked = office.sandbox.bill.total()
    assert (paused.stage, paused.ending, paused.reason) == (Stage.PAUSED, "interrupted", "interrupted")
    assert paused.summary["asks"]["in_doubt"] == 0
    live = office.desk.live(case.id)
    assert (live.done, live.total, live.billed, live.cap_asks) == (asked, 40, asked, 40)
    assert 8 <= asked < 40

    office.desk.go_on(case.id)
    ended = office.rest(case)
    assert (ended.stage, ended.ending) == (Stage.ENDED, "complete")
    assert office.sandbox.bill.total() == ended.summary["asks"]["billed"] == 40
    assert office.desk.live(case.id).done == 40
    assert [act.act for act in office.desk.acts(case.id)][:4] == ["ended", "continued", "ended", "paused"]


def test_a_stopped_case_is_drawn_with_what_it_has_and_asks_nothing_more(office):
    office.sandbox.vendor.latency_seconds = 0.05
    case = office.upload(rows(60))
    office.confirm(case)
    office.until(case, asked_so_far(office, 6))

    office.desk.stop(case.id)
    known = office.sandbox.bill.total()
    stopped = office.rest(case)

    assert stopped.stage is Stage.STOPPED
    # Those in flight and no other: four workers.
    assert office.sandbox.bill.total() <= known + 4
    result = read_rows(office.desk.download(case.id, "all"))
    assert [row["核验结果"] for row in result].count("一致") == office.sandbox.bill.total()
    assert {row["核验代码"] for row in result} == {"01", "interrupted"}


def test_what_waits_in_the_queue_is_held_up_without_an_ask(office):
    office.sandbox.vendor.latency_seconds = 0.1
    first, second = office.upload(rows(30)), office.upload(rows(5, first=100))
    office.confirm(first)
    office.confirm(second)
    office.until(first, asked_so_far(office, 1))

    assert office.desk.pause(second.id).stage is Stage.PAUSED
    assert office.desk.stop(second.id).stage is Stage.STOPPED
    assert office.desk.stop(second.id).stage is Stage.STOPPED
    office.rest(first)
    assert office.sandbox.bill.total() == 30
    assert office.desk.go_on(second.id).stage is Stage.QUEUED
    office.rest(second)
    assert office.sandbox.bill.total() == 35
    with pytest.raises(InputError, match="is not being asked, so there is nothing to hold up"):
        office.desk.stop(second.id)


def test_cases_are_asked_in_turn_in_the_order_of_their_confirmation(office):
    office.sandbox.vendor.latency_seconds = 0.01
    cases = [office.upload(rows(6, first=number)) for number in (1, 101, 201)]
    for case in reversed(cases):
        office.confirm(case)
    for case in cases:
        office.rest(case)

    ended = [act.case for act in reversed(office.desk.acts()) if act.act == "ended"]
    assert ended == [case.id for case in reversed(cases)]
    assert office.sandbox.bill.total() == 18


def test_confirming_twice_and_from_many_tabs_is_one_run(office):
    office.sandbox.vendor.latency_seconds = 0.02
    case = office.upload(rows(12))
    plan = office.desk.plan(case.id)

    def confirm(_):
        return office.desk.confirm(case.id, digest=plan.digest, cap_asks=12, mandate=MANDATE)

    with ThreadPoolExecutor(8) as tabs:
        confirmed = list(tabs.map(confirm, range(8)))
    assert {one.stage for one in confirmed} <= {Stage.QUEUED, Stage.ASKING}
    office.rest(case)
    assert confirm(None).stage is Stage.ENDED
    assert office.sandbox.bill.total() == 12
    assert len(office.desk.case(case.id).confirmed.runs) == 1
    assert [act.act for act in office.desk.acts(case.id)].count("confirmed") == 1


def test_only_the_plan_that_was_shown_last_is_confirmed(office):
    case = office.upload([a_row(1), a_row(2, idCard="110101199003070012")])
    first = office.desk.plan(case.id)
    other = office.desk.first_options()
    office.desk.choose(case.id, other.__class__(asking=Asking(checks=CheckLevel.OFF), delivery=other.delivery))
    assert office.desk.case(case.id).stage is Stage.RECEIVED
    second = office.desk.plan(case.id)

    assert (first.asks, second.asks) == (1, 2)
    with pytest.raises(InputError, match="is not the one that was shown"):
        office.desk.confirm(case.id, digest=first.digest, cap_asks=9, mandate=MANDATE)
    with pytest.raises(InputError, match="The cap is -1"):
        office.desk.confirm(case.id, digest=second.digest, cap_asks=-1, mandate=MANDATE)
    office.desk.confirm(case.id, digest=second.digest, cap_asks=2, mandate=MANDATE)
    office.rest(case)
    assert office.sandbox.bill.total() == 2


def test_whoever_confirms_is_on_record_as_who_asks_and_no_other_name(office):
    case = office.upload(rows(2))
    plan = office.desk.plan(case.id)
    somebody = Mandate(purpose="核验", authorization="授权-1", operator="赵六")
    office.desk.confirm(case.id, digest=plan.digest, cap_asks=2, mandate=somebody, operator="李雷")
    ended = office.rest(case)

    kept = Options.from_json(office.desk._room.ledger.job(ended.job).spec.options)
    assert kept.mandate == Mandate(purpose="核验", authorization="授权-1", operator="李雷")
    assert [(act.act, act.operator) for act in office.desk.acts(case.id)] == [
        ("ended", ""),
        ("confirmed", "李雷"),
        ("planned", "王芳"),
        ("uploaded", "王芳"),
    ]


def test_a_cap_that_is_reached_ends_a_case_and_a_new_plan_goes_on(office):
    case = office.upload(rows(10))
    office.confirm(case, cap=4)
    capped = office.rest(case)
    assert (capped.stage, capped.ending, capped.reason) == (Stage.ENDED, "open_rows", "budget")
    assert office.sandbox.bill.total() == 4
    with pytest.raises(InputError, match="has nothing confirmed that could be gone on with"):
        office.desk.go_on(case.id)

    plan = office.desk.rerun_plan(case.id, "all-open")
    assert plan.asks == 6
    again = office.desk.rerun(case.id, "all-open", digest=plan.digest, cap_asks=6)
    assert office.desk.rerun(case.id, "all-open", digest=plan.digest, cap_asks=6).version >= again.version
    assert office.rest(case).ending == "complete"
    assert office.sandbox.bill.total() == 10


def test_only_the_failed_rows_are_asked_again(office):
    office.sandbox.vendor.script_faults(Rule(fault=Fault.RESET_AFTER, at=(3, 5)))
    case = office.verified(rows(8), name="人员.csv")
    kinds = case.summary["status"]
    assert case.ending == "open_rows"
    assert kinds["in_doubt"] >= 1
    before = office.sandbox.bill.total()

    with pytest.raises(InputError, match="may be a second bill"):
        office.desk.rerun_plan(case.id, ["in_doubt"])
    plan = office.desk.rerun_plan(case.id, ["in_doubt"], accept_double_charge=True)
    with pytest.raises(InputError, match="may be a second bill"):
        office.desk.rerun(case.id, ["in_doubt"], digest=plan.digest, cap_asks=plan.asks)
    with pytest.raises(InputError, match="is not the one that was shown"):
        office.desk.rerun(case.id, ["failed"], digest=plan.digest, cap_asks=plan.asks)
    office.desk.rerun(case.id, ["in_doubt"], digest=plan.digest, cap_asks=plan.asks, accept_double_charge=True)
    again = office.rest(case)

    assert office.sandbox.bill.total() - before == plan.asks == kinds["in_doubt"]
    assert again.summary["status"]["in_doubt"] == 0


def test_a_vendor_that_stops_is_gone_on_with_after_a_top_up(office):
    office.sandbox.vendor.set_quota(5)
    case = office.upload(rows(9))
    office.confirm(case)
    stopped = office.rest(case)
    assert (stopped.stage, stopped.ending, stopped.reason) == (Stage.ENDED, "vendor_stop", "quota")
    assert office.desk.live(case.id).billed == office.sandbox.bill.billed() == 5

    office.sandbox.vendor.set_quota(100)
    office.desk.go_on(case.id)
    assert office.rest(case).ending == "complete"
    assert office.sandbox.bill.billed() == 9


def test_a_corrected_file_is_asked_where_it_is_new(office):
    case = office.verified([*rows(5), a_row(6, idCard="110101199003070012")], name="人员.csv")
    assert office.sandbox.bill.total() == 5

    corrected = office.upload([*rows(5), a_row(6), a_row(7)], name="人员-改.csv", origin=case.id)
    plan = office.desk.plan(corrected.id)
    assert (plan.asks, plan.reused) == (2, 5)
    office.confirm(corrected)
    done = office.rest(corrected)
    assert (done.ending, done.origin_job) == ("complete", case.job)
    assert office.sandbox.bill.total() == 7
    assert office.desk.download(done.id, "all").name == "人员-改.verified.csv"

    raw = office.upload(rows(2), name="x.csv")
    with pytest.raises(InputError, match="Nothing of the job that is to be corrected has been asked yet"):
        office.upload(rows(3), name="y.csv", origin=raw.id)


def test_a_case_that_is_refused_says_why_and_is_planned_anew(office, monkeypatch):
    case = office.upload(rows(3))
    plan = office.desk.plan(case.id)
    office.desk.use(office.settings(unit_price="0.30"))
    office.desk.confirm(case.id, digest=plan.digest, cap_asks=3, mandate=MANDATE)
    refused = office.rest(case)

    assert refused.stage is Stage.REFUSED
    assert refused.problem.startswith("The price has gone up since it was confirmed, from ¥0.19 to ¥0.30 an ask.")
    assert office.sandbox.bill.total() == 0
    office.confirm(case)
    assert office.rest(case).problem == ""
    assert office.sandbox.bill.total() == 3


def test_a_sheet_that_was_changed_behind_the_desk_is_not_asked(office):
    case = office.upload(rows(3), name="people.csv")
    plan = office.desk.plan(case.id)
    other = office.upload(rows(3, first=50), name="people.csv")
    room = office.desk._room
    room.path_of(case).write_bytes(room.path_of(other).read_bytes())

    office.desk.confirm(case.id, digest=plan.digest, cap_asks=3, mandate=MANDATE)

    assert office.rest(case).problem.startswith("The sheet, its columns or another choice is not what was confirmed.")
    assert office.sandbox.bill.total() == 0


def test_strict_demands_a_purpose_before_anything_is_confirmed(office):
    office.reopen(strict=True)
    case = office.upload(rows(2))
    plan = office.desk.plan(case.id)

    with pytest.raises(SettingsError, match="demands purpose and authorization of every job"):
        office.desk.confirm(case.id, digest=plan.digest, cap_asks=2, mandate=Mandate())
    assert office.desk.case(case.id).stage is Stage.PLANNED
    office.confirm(case)
    assert office.rest(case).ending == "complete"


def test_with_approval_another_person_lets_a_case_go(office):
    office.reopen(approval=True)
    case = office.upload(rows(4))
    plan = office.desk.plan(case.id, operator="李雷")
    waiting = office.desk.confirm(case.id, digest=plan.digest, cap_asks=4, mandate=MANDATE, operator="李雷")
    assert waiting.stage is Stage.WAITING

    for own in ("王芳", "李雷", " 李雷 "):
        with pytest.raises(InputError, match="nobody approves what they prepared"):
            office.desk.approve(case.id, operator=own)
    with ThreadPoolExecutor(4) as several:
        list(several.map(lambda name: office.desk.approve(case.id, operator=name), ["韩梅", "赵六", "韩梅", "赵六"]))
    ended = office.rest(case)

    assert ended.stage is Stage.ENDED
    assert ended.confirmed.approved == plan.digest
    assert office.sandbox.bill.total() == 4
    with pytest.raises(InputError, match="There is no plan"):
        office.desk.approve(case.id, operator="韩梅")


def test_a_plan_approved_before_it_is_confirmed_is_asked_at_once(office):
    office.reopen(approval=True)
    case = office.upload(rows(2))
    plan = office.desk.plan(case.id)
    assert office.desk.approve(case.id, operator="韩梅").stage is Stage.PLANNED

    assert office.desk.confirm(case.id, digest=plan.digest, cap_asks=2, mandate=MANDATE).stage is Stage.QUEUED
    assert office.rest(case).ending == "complete"


def test_an_approval_at_a_terminal_is_noticed(office, monkeypatch):
    from batchverify.desk import turns
    from batchverify.job.approval import approve_plan
    from batchverify.job.clock import SystemClock

    monkeypatch.setattr(turns, "_LOOK_SECONDS", 0.1)
    office.reopen(approval=True)
    case = office.upload(rows(2))
    office.confirm(case)
    assert office.rest(case).stage is Stage.WAITING

    plan = office.desk.case(case.id).confirmed.plan
    approve_plan(plan.digest, home=office.home, settings=office.settings(operator="韩梅"), clock=SystemClock())

    office.until(case, lambda live: live.stage is Stage.ENDED)
    assert office.sandbox.bill.total() == 2


def test_a_desk_that_closes_drains_and_the_next_one_goes_on_by_itself(office):
    office.sandbox.vendor.latency_seconds = 0.06
    case, paused = office.upload(rows(40)), office.upload(rows(5, first=100))
    office.confirm(case)
    office.confirm(paused)
    office.desk.pause(paused.id)
    office.until(case, asked_so_far(office, 6))

    office.desk.close()
    asked = office.sandbox.bill.total()
    assert asked < 40
    office.open()
    assert office.rest(case).summary["asks"] | {"saved": None} == {
        "sent": 40,
        "billed": 40,
        "free": 0,
        "not_billed": 0,
        "in_doubt": 0,
        "saved": None,
    }
    assert office.sandbox.bill.total() == 40
    assert office.desk.case(paused.id).stage is Stage.PAUSED


def test_a_second_server_on_one_home_is_refused_and_the_command_line_is_not(office):
    from batchverify.desk import Desk
    from batchverify.desk.room import Bystander
    from batchverify.job import Bounds, Options, Session, run_file
    from tests.builders import a_sheet

    with pytest.raises(HomeError, match="Another server works on the home"):
        Desk.open(office.settings())

    office.sandbox.vendor.latency_seconds = 0.04
    case = office.upload(rows(30))
    office.confirm(case)
    office.until(case, asked_so_far(office, 3))
    # The same questions at the same time, from beside it.
    sheet = a_sheet(office.folder, rows(30), name="beside.csv")
    done = run_file(
        sheet, Options(), Bounds(max_asks=30, concurrency=4), Session(settings=office.settings(), watcher=Bystander())
    )
    assert office.rest(case).ending == "complete"
    assert done.summary.ending == "complete"
    assert office.sandbox.bill.total() == 30


def test_whoever_waits_is_told_of_each_change_and_may_come_late(office):
    told = []
    end = office.desk.subscribe(told.append)
    case = office.upload(rows(3))
    version = office.desk.live(case.id).version
    assert office.desk.wait(case.id, version, 0.01).version == version
    office.confirm(case)
    office.rest(case)
    end()
    end()
    seen = len(told)
    assert set(told) == {case.id}
    assert seen >= 5
    office.desk.told(case.id)
    assert len(told) == seen
    assert office.desk.case(case.id).is_told
    # A browser that was away has an older number, and one of another server a wrong one: both hear at once.
    assert office.desk.wait(case.id, version, 60).stage is Stage.ENDED
    assert office.desk.wait(case.id, 10**9, 60).stage is Stage.ENDED


def test_progress_grows_and_never_shrinks_over_a_pause(office):
    office.sandbox.vendor.latency_seconds = 0.08
    case = office.upload(rows(30))
    seen = []
    office.confirm(case)
    office.until(case, lambda live: seen.append(live) or live.done >= 8)
    office.desk.pause(case.id)
    office.until(case, lambda live: seen.append(live) or live.stage is Stage.PAUSED)
    office.desk.go_on(case.id)
    office.until(case, lambda live: seen.append(live) or live.stage is Stage.ENDED)

    assert all(sooner.done <= later.done and sooner.billed <= later.billed for sooner, later in pairwise(seen))
    assert {live.total for live in seen} == {30}
    assert seen[-1].done == 30
    assert any(live.eta_seconds is not None and live.in_flight for live in seen)
    assert {"pause", ""} == {live.halting for live in seen}
