"""A vendor that is down, throttles or answers strangely, a person who stops a run, and two runs on one home."""

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from batchverify.sandbox import Fault, Rule
from tests.builders import a_row, rows
from tests.desk import Desk
from tests.faults import Danger, proves


@pytest.mark.parametrize("fault", [Fault.ERROR_500_PLAIN, Fault.ERROR_503])
@proves(Danger.BURST_5XX)
def test_of_a_vendor_that_is_down_five_asks_know_before_the_breaker_opens(desk, sandbox, fault):
    sandbox.vendor.script_faults(Rule(fault=fault))
    sandbox.vendor.latency_seconds = 0.005

    result = desk.verify(rows(60), breaker_pause_seconds=0.06)

    times = [ask.monotonic for ask in sandbox.bill.asks()]
    gaps = [later - sooner for sooner, later in pairwise(times)]
    # Five, then one probe after each pause, twice as long each time, and after the fifth it is left alone.
    assert len(times) == result.json["asks"]["sent"] == 10
    assert all(gap >= 0.06 * 2**number * 0.95 for number, gap in enumerate(gaps[4:]))
    assert result.json["ending"] == "open_rows"
    assert "breaker" in result.column("bv_code")


def test_a_vendor_that_falls_over_in_the_middle_gets_no_new_ask_beside_those_in_flight(desk, sandbox):
    sandbox.vendor.latency_seconds = 0.01
    sandbox.vendor.script_faults(Rule(fault=Fault.ERROR_500_PLAIN, at=tuple(range(100, 106))))

    result = desk.verify(rows(140), concurrency=10, breaker_pause_seconds=0.4)

    times = [ask.monotonic for ask in sandbox.bill.asks()]
    asked_before_the_pause = next(number for number, (at, later) in enumerate(pairwise(times), 1) if later - at >= 0.4)
    # Those in flight with the first failure, and those that left before it was heard.
    assert asked_before_the_pause <= 99 + 2 * 10
    assert result.counts() == {"in_doubt": 6, "matched": 134}


def test_after_a_short_fall_all_other_rows_finish(desk, sandbox):
    sandbox.vendor.script_faults(Rule(fault=Fault.ERROR_500_PLAIN, times=5))

    result = desk.verify(rows(40))

    assert result.counts() == {"in_doubt": 5, "matched": 35}
    assert sandbox.bill.total() == 40


@proves(Danger.THROTTLE_BURST)
def test_in_a_throttle_burst_all_rows_finish_within_the_rate_and_nothing_is_paid_twice(desk, sandbox):
    sandbox.vendor.script_faults(
        Rule(fault=Fault.THROTTLE_429, probability=0.1, seed=1), Rule(fault=Fault.THROTTLE_403, probability=0.1, seed=2)
    )

    # Few at once, so that a vendor who is kept from its share of the machine finds no crowd of asks when it comes back.
    result = desk.verify(rows(300), qps=250.0, concurrency=8)

    assert result.counts() == {"matched": 300}
    assert sandbox.bill.billed() == 300
    assert set(sandbox.bill.per_question().values()) == {1}
    assert result.json["asks"]["not_billed"] == sandbox.bill.total() - 300 > 25
    # First asks and repeats together.
    assert sandbox.bill.max_per_second() <= 250


def test_a_throttle_without_end_fails_the_row_after_thirty_tries(desk, sandbox):
    sandbox.vendor.script_faults(Rule(fault=Fault.THROTTLE_429))

    result = desk.verify(rows(1), back_off_seconds=0.0001)

    assert result.counts() == {"failed": 1}
    assert result.column("bv_code") == ["throttled"]
    assert sandbox.bill.total() == 30
    assert result.json["next"].startswith(f"batchverify rerun {result.job}")


@proves(Danger.TOO_MUCH_DOUBT)
def test_a_run_stops_when_too_much_is_in_doubt(desk, sandbox):
    sandbox.vendor.script_faults(Rule(fault=Fault.RESET_AFTER, every=3))

    result = desk.verify(rows(200))

    assert 11 <= result.counts()["in_doubt"] <= 15
    assert "doubt_limit" in result.column("bv_code")
    assert result.json["ending"] == "open_rows"
    assert sandbox.bill.total() == result.json["asks"]["sent"] < 60


def test_stopped_once_a_run_drains_and_nothing_is_in_doubt(desk, sandbox):
    # Unlike, so that some are always on their way when one comes back.
    sandbox.vendor.latency_seconds, sandbox.vendor.jitter_seconds = 0.02, 0.08
    path, stop = desk.sheet(rows(100)), desk.stop

    def on_progress(progress):
        if progress.done:
            stop.request()

    desk.onlooker.on_progress = on_progress
    stopped = desk.verify(path)

    assert stopped.json["ending"] == "interrupted"
    assert set(stopped.counts()) == {"matched", "not_run"}
    assert 4 <= sandbox.bill.total() == stopped.counts()["matched"] < 100
    assert set(stopped.column("bv_code")) == {"01", "interrupted"}
    assert stopped.json["next"].startswith(f"batchverify resume {stopped.job}")

    assert desk.resume(stopped.job).counts() == {"matched": 100}
    assert sandbox.bill.total() == 100


def test_stopped_twice_a_run_leaves_and_what_is_in_flight_is_in_doubt(desk, sandbox):
    sandbox.vendor.script_faults(Rule(fault=Fault.NEVER))
    stop = desk.stop

    def twice():
        while sandbox.bill.in_flight() < 4:
            time.sleep(0.01)
        stop.request()
        time.sleep(0.05)
        stop.request()

    began = time.monotonic()
    with ThreadPoolExecutor(1) as person:
        person.submit(twice)
        result = desk.verify(rows(50), deadline_seconds=30)

    assert time.monotonic() - began < 5
    assert result.json["ending"] == "interrupted"
    assert result.counts() == {"in_doubt": 4, "not_run": 46}
    assert result.column("bv_code")[:4] == ["interrupted"] * 4

    sandbox.vendor.script_faults()
    assert desk.resume(result.job).counts() == {"in_doubt": 4, "matched": 46}
    assert set(sandbox.bill.per_question().values()) == {1}


def test_what_a_second_stop_calls_back_before_it_left_is_not_run_and_never_sent(desk, sandbox):
    stop = desk.stop

    def on_progress(progress):
        stop.request()
        stop.request()

    desk.onlooker.on_progress = on_progress
    result = desk.verify(rows(10))

    assert sandbox.bill.total() == 0
    assert result.counts() == {"not_run": 10}
    assert result.json["ending"] == "interrupted"
    assert desk.resume(result.job).counts() == {"matched": 10}


def test_a_run_that_was_stopped_before_it_began_asks_nothing(desk, sandbox):
    desk.stop.request()

    result = desk.verify(rows(5))

    assert sandbox.bill.total() == 0
    assert result.json["ending"] == "interrupted"
    assert result.counts() == {"not_run": 5}


def test_two_runs_of_one_sheet_at_once_ask_each_question_once(desk, sandbox, home, tmp_path):
    sandbox.vendor.latency_seconds = 0.002
    other = Desk(folder=tmp_path, home=home, endpoint=sandbox.endpoint, sheets=10)
    first, second = desk.sheet(rows(150)), other.sheet([a_row(person) for person in reversed(range(1, 151))])

    with ThreadPoolExecutor(2) as people:
        results = [run.result() for run in [people.submit(desk.verify, first), people.submit(other.verify, second)]]

    assert sandbox.bill.total() == 150
    assert set(sandbox.bill.per_question().values()) == {1}
    assert [result.counts() for result in results] == [{"matched": 150}] * 2
    assert sum(result.json["asks"]["sent"] for result in results) == 150
