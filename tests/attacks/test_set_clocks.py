"""The clock is set, or the machine restarts, between two runs: what is locked stays locked, and no day is shorter."""

from dataclasses import replace
from datetime import timedelta

import pytest

from batchverify import job
from batchverify.job import Options
from batchverify.job.clock import SystemClock
from tests.attacks.test_interleavings import LeapingClock
from tests.builders import a_card, a_row
from tests.faults import Danger, proves

LOCK = timedelta(hours=12, minutes=10)


class RestartedClock(LeapingClock):
    """The clock after a restart of the machine: the steady hand began anew, and of another boot."""

    def __init__(self) -> None:
        super().__init__()
        self.boot = "another boot"
        self.steady = -timedelta(seconds=SystemClock.monotonic(self) - 5)


def run(desk, clock, people):
    """Verify a sheet by this clock, and count the statuses."""
    session = replace(desk.session(), clock=clock)
    summary = job.run_file(desk.sheet(people), Options(), desk.bounds(session), session).summary.as_json()
    return {word: count for word, count in summary["status"].items() if count}


@pytest.mark.parametrize("leap", [timedelta(days=400), timedelta(days=-3)], ids=["forward", "back"])
@proves(Danger.CLOCK_FORWARD_BETWEEN, case="forward")
@proves(Danger.CLOCK_BACK_BETWEEN, case="back")
def test_a_clock_set_between_two_runs_ends_no_lock_and_no_day_sooner(desk, sandbox, leap):
    busy = a_card(777)
    people = [a_row(1, verdict="53"), *(a_row(person, accountNo=busy) for person in range(2, 6))]
    assert run(desk, LeapingClock(), people) == {"locked": 1, "matched": 4}
    clock = LeapingClock()
    clock.wall += leap

    assert run(desk, clock, [a_row(1, accountNo=a_card(50)), a_row(6, accountNo=busy), a_row(7)]) == {"locked": 2, "matched": 1}
    clock.leap(LOCK - timedelta(minutes=1))
    assert run(desk, clock, [a_row(1, accountNo=a_card(51)), a_row(8, accountNo=busy), a_row(9)]) == {"locked": 2, "matched": 1}

    assert (sandbox.bill.total(), sandbox.bill.asked_while_locked) == (7, 0)


@proves(Danger.LOCKED_RESTART)
def test_after_a_203_and_a_restart_of_the_machine_the_id_number_is_still_locked_for_what_is_left_of_its_time(desk, sandbox):
    assert run(desk, LeapingClock(), [a_row(1, verdict="53")]) == {"locked": 1}
    clock = RestartedClock()

    clock.leap(LOCK - timedelta(minutes=1))
    assert run(desk, clock, [a_row(1, accountNo=a_card(50))]) == {"locked": 1}
    assert (sandbox.bill.total(), sandbox.bill.asked_while_locked) == (1, 0)

    clock.leap(timedelta(minutes=1, seconds=1))
    sandbox.vendor.advance(LOCK.total_seconds())
    assert run(desk, clock, [a_row(1, accountNo=a_card(50))]) == {"matched": 1}
    assert sandbox.bill.asked_while_locked == 0
