"""The short form of the sweep over failing disk calls, and that it sees what it is there to see."""

from __future__ import annotations

import os
import sys

import pytest

from tests.campaigns.disk_faults import (
    CONCURRENCY,
    CORE,
    PLACES,
    Blow,
    Case,
    Room,
    Tally,
    attempt,
    cases_of,
    counted,
    killed,
    place_below,
    quick_folder,
    sweep,
)
from tests.campaigns.processes import VendorProcess
from tests.campaigns.watched_calls import Call, Watch, why_not
from tests.faults import Danger, proves

_LEDGER = ("ledger", "ledger's log", "ledger's index", "new ledger")

# In the gate a machine that cannot watch is a failure, not an excuse.
pytestmark = pytest.mark.skipif(bool(why_not()) and not os.environ.get("CI"), reason=why_not() or "watched")

#: Writes three bytes, each in a thread of its own, and ends with the first error.
_THREADS = """
import os, sys, threading
seen = []
def write():
    try: os.write(out, b'x')
    except OSError as error: seen.append(error.errno)
out = os.open('people.verified.csv', os.O_WRONLY | os.O_CREAT)
for _ in range(3):
    thread = threading.Thread(target=write); thread.start(); thread.join()
sys.exit(seen[0])
"""
#: The planted bug: what could not be committed counts as committed.
_DEAF = """
import sqlite3
class Deaf(sqlite3.Connection):
    def execute(self, statement, *values):
        try: return super().execute(statement, *values)
        except sqlite3.OperationalError:
            if statement != 'COMMIT': raise
            return super().execute('SELECT 1')
connect = sqlite3.connect
sqlite3.connect = lambda *a, **k: connect(*a, **{'factory': Deaf} | k)
"""


@pytest.fixture(scope="module")
def one_vendor():
    with VendorProcess("--latency-ms", "5") as process:
        yield process


@proves(Danger.EIO, Danger.FULL_LEDGER)
@pytest.mark.slow
@pytest.mark.parametrize(
    ("places", "every", "recovering"),
    [(_LEDGER, 80, False), (tuple(place for place in PLACES if place not in _LEDGER), 1000, False), (_LEDGER, 60, True)],
    ids=["ledger", "all else", "recovering"],
)
def test_whichever_disk_call_fails_or_is_the_last_nothing_is_lost_and_nothing_paid_twice(one_vendor, places, every, recovering):
    with quick_folder() as folder:
        after = killed(folder, one_vendor) if recovering else None
        order = counted(folder / "clean", one_vendor, after=after)
        cases = cases_of(order, every=every, places=places, names=CORE)

        tally = sweep(folder, one_vendor, cases, after=after)

    assert tally.findings.broken == []
    assert tally.cases == len(cases) >= 10
    assert tally.missed <= len(cases) // 4
    assert tally.most_after < CONCURRENCY
    assert tally.findings.asks >= 12 * len(cases)


def test_every_call_of_a_clean_run_is_tried_with_each_blow(tmp_path):
    order = [Call(name="write", place="ledger", nth=nth) for nth in range(1, 8)]
    order.append(Call(name="fsync", place="cache", nth=1))

    assert len(cases_of(order, every=1)) == 8 * 3
    assert [case.call.nth for case in cases_of(order, every=3, places=["ledger"])] == [1, 4, 7]
    assert {case.blow for case in cases_of(order, every=1)} == set(Blow)
    assert cases_of(order, every=1, names={"rename"}) == []


@pytest.mark.slow
def test_a_call_that_fails_is_the_one_that_was_named_whatever_thread_makes_it(tmp_path, one_vendor):
    place = place_below(tmp_path)
    watch = Watch(place_of=place, at=Call(name="write", place="result", nth=2), strike=lambda: Blow.ENOSPC.error)

    ended = watch.run([sys.executable, "-c", _THREADS], folder=tmp_path, environment=dict(os.environ))

    assert (ended.code, ended.err) == (28, "")
    assert (tmp_path / "people.verified.csv").read_bytes() == b"xx"
    assert watch.seen["write", "result"] == 3


@proves(Danger.KILLED_WRITING)
@pytest.mark.slow
def test_a_run_killed_while_its_summary_is_written_is_gone_on_with_in_the_same_files(tmp_path, one_vendor):
    room = Room(tmp_path / "room", one_vendor)
    watch = Watch(place_of=place_below(tmp_path / "room"), at=Call(name="write", place="result", nth=2), strike=lambda: 0)

    assert room.run(watch).code == -9
    half_way = sorted(path.suffix for path in room.desk.folder.iterdir() if path.is_file())
    assert list(room.go_on()) == []

    assert half_way == [".csv", ".csv", ".part"], "the sheet, its result, and the draft of the summary"
    assert sorted(path.name for path in room.desk.folder.iterdir() if path.is_file()) == [
        "people.csv",
        "people.summary.json",
        "people.verified.csv",
    ]


@proves(Danger.EIO)
@pytest.mark.slow
def test_a_new_ledger_whose_last_write_failed_is_not_put_in_its_place(tmp_path, one_vendor):
    # The write that turns its log on. SQLite does it with the last step of a statement of which nobody needs the rest.
    last = [call for call in counted(tmp_path / "clean", one_vendor) if (call.name, call.place) == ("write", "new ledger")][-1]
    room = Room(tmp_path / "room", one_vendor)

    ended = room.run(Watch(place_of=place_below(tmp_path / "room"), at=last, strike=lambda: Blow.EIO.error))

    assert ended.code == 5
    assert "could not be created: disk I/O error" in ended.err
    assert not (room.desk.home / "sandbox" / "ledger.sqlite").exists()
    assert list(room.go_on()) == []


@pytest.mark.slow
def test_the_sweep_sees_a_ledger_that_looks_away_from_errors(tmp_path, one_vendor, monkeypatch):
    site = tmp_path / "planted"
    site.mkdir()
    (site / "sitecustomize.py").write_text(_DEAF, "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(site), prepend=os.pathsep)
    tally = Tally()

    for nth in range(5, 10):
        case = Case(call=Call(name="fsync", place="ledger's log", nth=nth), blow=Blow.EIO)
        attempt(Room(tmp_path / f"room-{nth}", one_vendor), case, tally)
        if any("with 1 intents" in fault for fault in tally.findings.broken):
            break
    else:
        pytest.fail(f"Nothing was noticed but {tally.findings.broken}")
