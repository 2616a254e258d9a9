"""Two passes at once, and time that goes by between two steps: nothing is bought that nobody approved, or twice."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier

from batchverify import job
from batchverify.job import Asking, Options
from batchverify.model import RowStatus
from batchverify.sandbox import Fault, Rule
from tests.builders import a_card, a_row, rows
from tests.desk import LeapingClock

TOGETHER_SECONDS = 30


def together(*acts: Callable[[], job.Rendered]) -> list[dict[str, object]]:
    with ThreadPoolExecutor(len(acts)) as pool:
        return [one.result(TOGETHER_SECONDS).summary.as_json() for one in [pool.submit(act) for act in acts]]


def test_a_plan_that_is_approved_a_night_later_bills_no_more_than_it_said(desk, sandbox):
    desk.verify([a_row(1, verdict="53")])
    clock = LeapingClock()
    desk.onlooker.on_approve = lambda: clock.leap(timedelta(hours=13))
    onlooker, session = desk.onlooker, replace(desk.session(), clock=clock)
    sandbox.vendor.advance(13 * 3600)
    before = sandbox.bill.billed()

    path = desk.sheet([a_row(1, accountNo=a_card(50)), a_row(1, accountNo=a_card(51)), a_row(2)])
    summary = job.run_file(path, Options(), desk.bounds(session), session).summary.as_json()

    assert onlooker.plan is not None
    assert (onlooker.plan.asks, onlooker.plan.locked) == (1, 2)
    assert sandbox.bill.billed() - before == 1
    assert summary["ending"] == "open_rows"
    assert desk.resume(summary["job"]).counts()["matched"] >= 1


def test_two_that_ask_everything_afresh_at_once_pay_once_more_and_not_twice(desk, sandbox):
    path = desk.sheet(rows(30))
    desk.verify(path)
    fresh = Options(asking=Asking(reuse_days_matched=0, reuse_days_other=0))
    sandbox.vendor.latency_seconds = 0.005
    both = Barrier(2)
    sessions = []
    for _ in range(2):
        desk.onlooker.on_approve = lambda: both.wait(TOGETHER_SECONDS)
        sessions.append(desk.session())

    summaries = together(*(lambda session=one: job.run_file(path, fresh, desk.bounds(session), session) for one in sessions))

    assert sandbox.bill.total() == 60
    assert set(sandbox.bill.per_question().values()) == {2}
    assert [one["ending"] for one in summaries] == ["complete"] * 2
    assert sum(one["asks"]["sent"] for one in summaries) == 30


def test_a_doubt_that_two_accept_at_once_is_asked_once_more(desk, sandbox):
    sandbox.vendor.script_faults(Rule(fault=Fault.RESET_AFTER, at=(1,)))
    doubtful = desk.verify([a_row(1)])
    assert doubtful.statuses == ["in_doubt"]
    sandbox.vendor.latency_seconds = 0.05
    both = Barrier(2)
    sessions = []
    for _ in range(2):
        desk.onlooker.on_approve = lambda: both.wait(TOGETHER_SECONDS)
        sessions.append(desk.session())
    what = frozenset({RowStatus.IN_DOUBT})

    summaries = together(
        *(
            lambda session=one: job.rerun_job(doubtful.job, desk.bounds(session), session, what=what, change=lambda kept: kept)
            for one in sessions
        )
    )

    assert sandbox.bill.total() == 2
    assert [one["status"]["matched"] for one in summaries] == [1, 1]


def test_a_doubt_of_another_job_is_held_here_until_it_is_released_there(desk, sandbox):
    sandbox.vendor.script_faults(Rule(fault=Fault.RESET_AFTER, at=(1,)))
    first = desk.verify([a_row(1), a_row(2)], concurrency=1)
    second = desk.verify([a_row(1), a_row(3)])

    assert first.statuses == second.statuses == ["in_doubt", "matched"]
    assert second.column("bv_billed") == ["0", "1"]
    assert desk.resume(second.job).statuses == ["in_doubt", "matched"]
    assert sandbox.bill.total() == 3

    released = desk.rerun(first.job, what=frozenset({RowStatus.IN_DOUBT}))

    assert released.statuses == ["matched"] * 2
    assert desk.resume(second.job).statuses == ["matched"] * 2
    assert sandbox.bill.total() == 4


def test_a_file_under_two_names_in_two_passes_at_once_is_paid_once(desk, sandbox):
    path = desk.sheet(rows(40))
    twin = path.with_name("twin.csv")
    twin.write_bytes(path.read_bytes())
    sandbox.vendor.latency_seconds = 0.005
    both = Barrier(2)
    sessions = []
    for _ in range(2):
        desk.onlooker.on_approve = lambda: both.wait(TOGETHER_SECONDS)
        sessions.append(desk.session())

    summaries = together(
        *(
            lambda session=one, file=file: job.run_file(file, Options(), desk.bounds(session), session)
            for one, file in zip(sessions, (path, twin), strict=True)
        )
    )

    assert sandbox.bill.total() == 40
    assert [one["status"]["matched"] for one in summaries] == [40, 40]
    assert {one["input"]["name"] for one in summaries} == {path.name, "twin.csv"}
