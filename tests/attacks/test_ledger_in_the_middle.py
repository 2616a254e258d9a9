"""The ledger fails or the clock jumps while a run is under way."""

import sqlite3
from dataclasses import replace
from datetime import timedelta

import pytest

from batchverify import job
from batchverify.errors import HomeError
from batchverify.job import Options
from tests.builders import rows
from tests.desk import LeapingClock
from tests.faults import Danger, proves


def test_after_the_ledger_fails_no_ask_leaves_that_is_not_written_down(desk, sandbox):
    sandbox.vendor.latency_seconds = 0.01
    path = desk.home / "sandbox" / "ledger.sqlite"

    def damage(progress):
        if progress.done >= 20:
            with sqlite3.connect(path) as con:
                con.execute("DROP TABLE IF EXISTS rate")
            con.close()

    desk.onlooker.on_progress = damage
    with pytest.raises(HomeError, match=r"The ledger .* failed: no such table: rate") as caught:
        desk.verify(rows(400))

    assert caught.value.exit_code == 5
    with sqlite3.connect(path) as con:
        states = dict(con.execute("SELECT state, count(*) FROM attempt GROUP BY state"))
    con.close()
    # Every ask on the vendor's bill has its intent; what has no answer is open, and so in doubt to whoever recovers it.
    assert 20 <= sandbox.bill.total() <= sum(states.values()) < 400
    assert states["answered"] <= sandbox.bill.billed() <= states["answered"] + states.get("open", 0)


@pytest.mark.parametrize(
    "leap",
    [timedelta(days=-1), timedelta(days=400), timedelta(minutes=-5)],
    ids=["a day back", "a year forward", "five minutes back"],
)
@proves(Danger.CLOCK_BACK, case="a day back")
@proves(Danger.CLOCK_FORWARD, case="a year forward")
def test_a_clock_set_in_the_middle_of_a_run_costs_nothing(desk, sandbox, leap):
    clock = LeapingClock()
    moved = []

    def set_clock(progress):
        if progress.done >= 10 and not moved:
            moved.append(progress.done)
            clock.set_wall(leap)

    path = desk.sheet(rows(60))
    sandbox.vendor.latency_seconds = 0.01
    desk.onlooker.on_progress = set_clock
    session = replace(desk.session(), clock=clock)
    summary = job.run_file(path, Options(), desk.bounds(session), session).summary.as_json()

    assert moved
    assert (summary["ending"], summary["status"]["matched"]) == ("complete", 60)
    assert sandbox.bill.total() == 60
    assert desk.render(summary["job"]).counts() == {"matched": 60}
    assert sandbox.bill.total() == 60


@proves(Danger.CLOCK_BACK_BETWEEN)
def test_answers_that_seem_to_come_from_the_future_are_not_bought_again(desk, sandbox):
    ahead = LeapingClock()
    ahead.set_wall(timedelta(days=2))
    path = desk.sheet(rows(10))
    session = replace(desk.session(), clock=ahead)
    job.run_file(path, Options(), desk.bounds(session), session)

    desk.verify(path)

    assert sandbox.bill.total() == 10
