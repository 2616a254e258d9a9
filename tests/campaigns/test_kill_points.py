"""A real process killed or stopped at one exact place, and what the next command makes of what it left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from batchverify.store.home import Home, boot_id
from batchverify.store.ledger import Ledger
from tests.campaigns.dying import ASLEEP_SECONDS
from tests.campaigns.invariants import Sheet, check
from tests.campaigns.people import people, read_result, write_sheet
from tests.campaigns.processes import Desk, ended, wait_until
from tests.faults import Danger, proves

ROWS = 6
#: The first batch of a run: four at once, so that a vendor who is down costs no more.
FIRST_BATCH = 4
HELD = {"in_doubt": FIRST_BATCH, "matched": ROWS - FIRST_BATCH}


def dying(desk: Desk, point: str) -> Desk:
    """Give the same desk, whose commands die at a place."""
    root = Path(__file__).parents[2]
    return replace(desk, program=("tests.campaigns.dying", point), environment={"PYTHONPATH": str(root)})


def killed_at(desk: Desk, point: str, *arguments: str | Path) -> None:
    end = ended(dying(desk, point).begin(*arguments, "--yes"))
    assert end.code == -signal.SIGKILL, end.err


def statuses(desk: Desk, *arguments: str | Path, code: int) -> dict[str, int]:
    """Run a command that goes on with the sheet, and count the statuses of its result."""
    end = desk.run(*arguments, "--yes", "--concurrency", str(FIRST_BATCH))
    assert end.code == code, end.err
    return Counter(row["bv_status"] for row in read_result(desk.folder / "people.verified.csv"))


def judged(desk: Desk, *, in_flight: int = FIRST_BATCH) -> list[str]:
    assert desk.vendor is not None
    sheet = Sheet(rows=people(ROWS), result=desk.folder / "people.verified.csv")
    return check(desk.home, desk.vendor.bill(), [sheet], in_flight=in_flight).broken


@pytest.fixture
def source(desk) -> Path:
    return write_sheet(desk.folder / "people.csv", people(ROWS))


@pytest.mark.slow
@proves(Danger.KILLED_BEFORE_INTENT)
def test_what_was_killed_before_its_intent_was_durable_is_asked_later_for_nothing(desk, vendor, source):
    killed_at(desk, "before_intent", "run", source)
    assert vendor.total() == 0

    assert statuses(desk, "run", source, code=0) == {"matched": ROWS}
    assert sorted(vendor.bill()["per_question"].values()) == [1] * ROWS
    assert judged(desk) == []


@pytest.mark.slow
@proves(Danger.KILLED_AFTER_INTENT)
def test_what_was_killed_after_its_intent_and_before_a_byte_left_is_in_doubt_and_never_sent_by_itself(desk, vendor, source):
    killed_at(desk, "after_intent", "run", source)
    assert vendor.total() == 0

    for _ in range(2):
        assert statuses(desk, "run", source, code=3) == HELD
        assert vendor.total() == ROWS - FIRST_BATCH
    assert judged(desk) == []


@pytest.mark.slow
@proves(Danger.KILLED_IN_FLIGHT)
def test_what_was_killed_while_its_ask_was_under_way_is_in_doubt_and_never_sent_again_by_itself(desk, vendor, source):
    vendor.post("latency", {"seconds": 60})
    process = desk.begin("run", source, "--yes")
    assert wait_until(lambda: vendor.total() == FIRST_BATCH, process=process)
    process.kill()
    ended(process)
    vendor.post("latency", {"seconds": 0})

    for _ in range(2):
        assert statuses(desk, "run", source, code=3) == HELD
        assert vendor.total() == ROWS
    assert set(vendor.bill()["per_question"].values()) == {1}
    assert judged(desk) == []


@pytest.mark.slow
@proves(Danger.KILLED_BEFORE_SETTLEMENT)
def test_what_was_killed_after_its_answer_came_and_before_it_was_written_down_is_in_doubt_and_never_sent_again_by_itself(
    desk, vendor, source
):
    killed_at(desk, "before_settlement", "run", source)
    assert 1 <= vendor.total() <= FIRST_BATCH

    for _ in range(2):
        # All four that were open, whether their answers had come or not.
        assert statuses(desk, "run", source, code=3) == HELD
    assert set(vendor.bill()["per_question"].values()) == {1}
    assert judged(desk) == []


@pytest.mark.slow
@proves(Danger.KILLED_IN_RECOVERY)
def test_a_recovery_that_is_killed_three_times_over_counts_what_was_open_once(desk, vendor, source):
    killed_at(desk, "after_intent", "run", source)
    for _ in range(3):
        killed_at(desk, "in_recovery", "run", source)

    assert statuses(desk, "run", source, code=3) == HELD
    assert vendor.total() == ROWS - FIRST_BATCH
    with Ledger.open(desk.home / "sandbox" / "ledger.sqlite", create=False, simulated=True) as ledger:
        (job,) = ledger.jobs()
        lost, last = ledger.runs(job.id)
        assert (lost.reason, lost.spent, lost.reserved) == ("lost", FIRST_BATCH, 0)
        assert (last.spent, last.reserved) == (ROWS - FIRST_BATCH, 0)
        doubts = [event.transition for event in ledger.audit().events(lost.id)]
        assert Counter(doubts) == {"reserved": FIRST_BATCH, "in_doubt": FIRST_BATCH}
    assert judged(desk) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "point", ["in_the_middle_of_the_result", "before_the_result_has_its_name", "after_the_result_has_its_name"]
)
@proves(Danger.KILLED_WRITING)
def test_killed_while_the_result_is_written_leaves_the_old_file_or_the_whole_new_one_and_render_asks_nothing(
    desk, vendor, source, point
):
    result = desk.folder / "people.verified.csv"
    assert desk.run("run", source, "--max-asks", "2").code == 3
    old = result.read_bytes()

    killed_at(desk, point, "run", source)

    assert vendor.total() == ROWS
    if point == "after_the_result_has_its_name":
        assert [row["bv_status"] for row in read_result(result)] == ["matched"] * ROWS
    else:
        assert result.read_bytes() == old
    again = desk.run("render", job_of(desk), "--json")
    assert (again.code, again.json["status"]["matched"]) == (0, ROWS)
    drawn = Path(again.json["outputs"][0]["path"])
    assert [row["bv_status"] for row in read_result(drawn)] == ["matched"] * ROWS
    assert vendor.total() == ROWS


def job_of(desk: Desk) -> str:
    with Ledger.open(desk.home / "sandbox" / "ledger.sqlite", create=False, simulated=True) as ledger:
        return ledger.jobs()[0].id


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGSTOP")
@proves(Danger.SLEPT)
def test_a_process_stopped_for_longer_than_its_lease_sends_nothing_after_it_wakes(desk, vendor):
    rows = people(20)
    source = write_sheet(desk.folder / "people.csv", rows)
    sleeper = dying(desk, "asleep").begin("run", source, "--yes", "--concurrency", "1", "-o", desk.folder / "sleeper.csv")
    assert wait_until(lambda: is_stopped(sleeper), process=sleeper)
    # Eight answers, and a ninth ask whose intent is durable and of which no byte has left.
    assert vendor.total() == 8

    recovered = recover_later(desk, seconds=ASLEEP_SECONDS)
    after = desk.run("run", source, "--yes", "--concurrency", "1")
    total = vendor.total()
    sleeper.send_signal(signal.SIGCONT)
    woken = ended(sleeper)

    assert recovered == 1
    assert after.code == 3
    counts = Counter(row["bv_status"] for row in read_result(desk.folder / "people.verified.csv"))
    assert counts == {"matched": 19, "in_doubt": 1}
    assert vendor.total() == total == 19
    # Its lease is another's: it ends as one that was interrupted, with what the ledger says.
    assert woken.code == 130, woken.err
    sheet = Sheet(rows=rows, result=desk.folder / "people.verified.csv")
    assert check(desk.home, vendor.bill(), [sheet], in_flight=1).broken == []


def is_stopped(process: subprocess.Popen[str]) -> bool:
    """Tell whether a child was stopped by a signal; it stays a child that can be waited for."""
    found = os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT)
    return found is not None


def recover_later(desk: Desk, *, seconds: float) -> int:
    """Look at the runs as a process would that many seconds from now."""
    home = Home.open(desk.home)
    with Ledger.open(home.realm(simulated=True).ledger, create=False, simulated=True) as ledger:
        return ledger.recover(now=datetime.now(UTC), monotonic=time.monotonic() + seconds, boot=boot_id(), is_dead=home.is_dead)
