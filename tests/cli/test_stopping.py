"""Ctrl-C and SIGTERM, sent for real: once drains, twice leaves, and before the first ask they end it at once."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time

import pytest

from tests.campaigns.invariants import Sheet, check
from tests.campaigns.people import people, read_result, write_sheet
from tests.campaigns.processes import APP_CODE, clean_environment, ended, wait_until
from tests.faults import Danger, proves

ROWS = 200


def _stopped(desk, vendor, *signals: int):
    """Run a sheet and send the signals in its middle; gives how it ended."""
    vendor.post("latency", {"seconds": 0.1})
    source = write_sheet(desk.folder / "people.csv", people(ROWS))
    process = desk.begin("run", source, "--yes", "--concurrency", "8", "--lang", "en")
    assert wait_until(lambda: vendor.total() >= 20, process=process)
    for number in signals:
        process.send_signal(number)
        time.sleep(0.02)
    return ended(process)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
@proves(Danger.CTRL_C, case="Ctrl-C")
@proves(Danger.SIGTERM, case="SIGTERM")
def test_one_signal_drains_settles_writes_and_ends_with_130(desk, vendor, number):
    end = _stopped(desk, vendor, number)

    assert end.code == 130
    assert "Stopping: what is in flight is awaited and written down. Once more to leave at once." in end.err
    counts = [row["bv_status"] for row in read_result(desk.folder / "people.verified.csv")]
    assert counts.count("in_doubt") == 0
    assert counts.count("matched") == vendor.bill()["billed"] == vendor.total() < ROWS
    assert counts.count("not_run") == ROWS - vendor.total()
    assert end.next_arguments[0] == "resume"

    vendor.post("latency", {"seconds": 0})
    assert desk.run(*end.next_arguments, "--yes", "--concurrency", "8").code == 0
    assert vendor.total() == ROWS
    sheet = Sheet(rows=people(ROWS), result=desk.folder / "people.verified.csv")
    assert check(desk.home, vendor.bill(), [sheet], in_flight=8).broken == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "signals", [(signal.SIGINT,) * 2, (signal.SIGTERM,) * 2, (signal.SIGINT, signal.SIGTERM)], ids=["Ctrl-C", "SIGTERM", "both"]
)
@proves(Danger.STOPPED_TWICE)
def test_two_signals_leave_at_once_and_what_is_in_flight_is_in_doubt(desk, vendor, signals):
    vendor.post("faults", [{"fault": "never", "at": list(range(20, 400))}])
    began = time.monotonic()
    end = _stopped(desk, vendor, *signals)

    assert end.code == 130
    assert time.monotonic() - began < 10, "It does not wait for the deadline of 15 s."
    statuses = [row["bv_status"] for row in read_result(desk.folder / "people.verified.csv")]
    assert 1 <= statuses.count("in_doubt") <= 8
    sheet = Sheet(rows=people(ROWS), result=desk.folder / "people.verified.csv")
    assert check(desk.home, vendor.bill(), [sheet], in_flight=8).broken == []


@pytest.mark.slow
def test_ctrl_c_at_the_question_ends_it_with_130_and_nothing_was_asked(desk, vendor):
    """A terminal of its own, so that the plan is put to a person."""
    source = write_sheet(desk.folder / "people.csv", people(3))
    ours, theirs = pty.openpty()
    environment = clean_environment() | {"BATCHVERIFY_ENDPOINT": vendor.endpoint, "BATCHVERIFY_APPCODE": APP_CODE}
    process = subprocess.Popen(
        [sys.executable, "-m", "batchverify", "run", source, "--home", desk.home],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        cwd=desk.folder,
    )
    os.close(theirs)
    assert process.stderr is not None
    shown = b""
    while b"Ask 3 questions" not in shown:
        shown += os.read(process.stderr.fileno(), 1024)
    time.sleep(0.3)  # a person's time: a signal between Python's last look and its read would wait for the next key
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=20)
    os.close(ours)

    assert process.returncode == 130
    assert rest.endswith(b"Interrupted.\n")
    assert vendor.total() == 0
    assert not (desk.folder / "people.verified.csv").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("typed", "code", "asks"), [(b"y\n", 0, 3), (b"n\n", 2, 0)])
def test_a_terminal_is_asked_and_its_answer_counts(desk, vendor, typed, code, asks):
    source = write_sheet(desk.folder / "people.csv", people(3))
    ours, theirs = pty.openpty()
    process = desk.begin("run", source, stdin=theirs)
    os.close(theirs)
    os.write(ours, typed)
    end = ended(process)
    os.close(ours)

    assert (end.code, vendor.total()) == (code, asks)
    assert ("Nothing was asked: the plan was not confirmed." in end.err) is (code == 2)
