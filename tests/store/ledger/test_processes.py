"""Real processes on one ledger, started anew (spawn) and killed for real."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from batchverify.model import AttemptState
from batchverify.store.home import Home

PREAMBLE = """
import hashlib, sys, time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from batchverify.model import AttemptState, Product
from batchverify.store.home import Home
from batchverify.store.ledger import *

home = Home.open(Path(sys.argv[1]))
ledger = Ledger.open(home.realm(simulated=True).ledger, simulated=True)
name = sys.argv[2]
lock = home.hold_lock(name)
now = datetime.now(UTC)
spec = JobSpec(path="p", sha256="0" * 64, size_bytes=1, product="bank3")
job = ledger.create_job(spec, now=now, token=hashlib.sha256(name.encode()).digest()[:5])
run = ledger.start_run(
    job.id,
    RunSpec(kind=RunKind.FIRST, reuse=Reuse(matched_after=now - timedelta(30), other_after=now), lock=name, boot="b", cap_asks=CAP),
    now=now, monotonic=time.monotonic(),
)
tag = lambda word: hashlib.sha256(word.encode()).digest()[:16]
wants = [Want(key=tag(f"k{i}"), id_tag=tag(f"i{i}"), card_tag=tag(f"c{i}"), product=Product.BANK3) for i in range(60)]
"""

RACER = """
print("ready", flush=True)
sys.stdin.readline()
left = list(wants)
while left:
    with ledger.transaction(now=datetime.now(UTC), monotonic=time.monotonic()) as gate:
        batch, left = left[:7], left[7:]
        grants = gate.reserve(run, batch)
    left += [want for want, grant in zip(batch, grants) if isinstance(grant, Busy)]
    mine = [grant.attempt for grant in grants if isinstance(grant, Granted)]
    with ledger.transaction(now=datetime.now(UTC), monotonic=time.monotonic()) as gate:
        gate.settle([Settlement(attempt=number, state=AttemptState.ANSWERED, code="01", sealed=b"x") for number in mine])
lock.release()
"""

VICTIM = """
with ledger.transaction(now=datetime.now(UTC), monotonic=time.monotonic()) as gate:
    gate.reserve(run, wants[:10])
print("reserved", flush=True)
with ledger.transaction(now=datetime.now(UTC), monotonic=time.monotonic()) as gate:
    gate.reserve(run, wants[10:20])
    print("uncommitted", flush=True)
    time.sleep(60)
"""


def start(home: Path, name: str, program: str, *, cap: int | None = None) -> subprocess.Popen[str]:
    text = textwrap.dedent(PREAMBLE).replace("CAP", repr(cap)) + textwrap.dedent(program)
    return subprocess.Popen(
        [sys.executable, "-c", text, str(home), name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )


def rows(home: Path, query: str) -> list[tuple]:
    con = sqlite3.connect(home / "sandbox" / "ledger.sqlite")
    found = con.execute(query).fetchall()
    con.close()
    return found


@pytest.mark.slow
def test_processes_that_start_at_once_share_one_ledger_and_ask_each_question_once(tmp_path):
    home = tmp_path / "home"
    racers = [start(home, f"racer-{number}", RACER) for number in range(3)]
    # All set up before the first begins, or they would not meet.
    assert [racer.stdout.readline() for racer in racers if racer.stdout] == ["ready\n"] * 3
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    for racer in racers:
        racer.communicate(timeout=50)

    assert [racer.returncode for racer in racers] == [0, 0, 0]
    assert rows(home, "SELECT count(*), count(DISTINCT key), sum(state = 'answered') FROM attempt") == [(60, 60, 60)]
    assert rows(home, "SELECT spent, reserved FROM purse") == [(60, 0)]


@pytest.mark.slow
def test_what_a_killed_process_had_reserved_is_in_doubt_and_what_it_had_not_committed_is_nothing(tmp_path):
    from batchverify.store.ledger import Ledger

    folder = tmp_path / "home"
    victim = start(folder, "victim", VICTIM)
    assert victim.stdout is not None
    assert [victim.stdout.readline().strip() for _ in range(2)] == ["reserved", "uncommitted"]
    home = Home.open(folder)
    assert not home.is_dead("victim")
    os.kill(victim.pid, signal.SIGKILL)
    victim.communicate(timeout=10)

    assert home.is_dead("victim")
    with Ledger.open(home.realm(simulated=True).ledger, simulated=True) as ledger:

        def recover() -> int:
            return ledger.recover(now=datetime.now(UTC), monotonic=time.monotonic(), boot="b", is_dead=home.is_dead)

        assert recover() == 10
        assert recover() == 0
        (job,) = ledger.jobs()
        attempts = list(ledger.asks_of(job.id))
        assert {(attempt.state, attempt.code) for attempt in attempts} == {(AttemptState.IN_DOUBT, "process_died")}
        assert len(attempts) == 10
        (run,) = ledger.runs(job.id)
        assert (run.reason, run.spent, run.reserved) == ("lost", 10, 0)
        assert ledger.audit().verify_chain(run.id)
        assert ledger.damages() == []


FULL = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
size = max(path.stat().st_size for path in home.realm(simulated=True).folder.glob("ledger.sqlite*"))
resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
from batchverify.errors import HomeError
granted = 0
for turn in range(2):
    try:
        for start in range(0, 60, 10):
            with ledger.transaction(now=datetime.now(UTC), monotonic=time.monotonic()) as gate:
                grants = gate.reserve(run, wants[start:start + 10])
            granted += sum(isinstance(grant, Granted) for grant in grants)
    except HomeError as error:
        print(error, flush=True)
print(granted, flush=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a file")
def test_a_full_disk_grants_nothing_that_is_not_written_and_nothing_after_it(tmp_path):
    full = start(tmp_path / "home", "full", FULL)
    printed, _ = full.communicate(timeout=30)

    first, second, granted = printed.strip().splitlines()
    assert "failed: " in first
    assert "Free space or repair the disk" in first
    assert second == first
    assert rows(tmp_path / "home", "SELECT count(*) FROM attempt") == [(int(granted),)]
