"""Real processes that reconcile, erase, approve, buy and run on one home at once, and die in the middle of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from batchverify.job.clock import SystemClock
from batchverify.job.realm import open_realm
from batchverify.job.usage import UsageBy, usage_of
from batchverify.job.wallet import holdings
from batchverify.rules.windows import BEIJING, window_of
from batchverify.sandbox import Fault, Rule
from tests.builders import an_id, rows

pytestmark = pytest.mark.slow


def environment(desk):
    return os.environ | {
        "BATCHVERIFY_HOME": str(desk.home),
        "BATCHVERIFY_ENDPOINT": desk.endpoint,
        "BATCHVERIFY_APPCODE": "sandbox",
        "BATCHVERIFY_QPS": "500",
    }


def start(desk, *words, stdin=""):
    process = subprocess.Popen(
        [sys.executable, "-m", "batchverify", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=environment(desk),
        cwd=desk.folder,
    )
    process.stdin.write(stdin)
    process.stdin.close()
    process.stdin = None
    return process


def ended(process):
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in err, err
    return process.returncode, out, err


def sums(desk):
    """What the ledger says in four ways: attempts, runs, packages, windows."""
    usage = usage_of(desk.session(), since=None, until=None, by=UsageBy.JOB)
    with open_realm(desk.home, simulated=True, clock=SystemClock()) as realm:
        jobs = [job.id for job in realm.ledger.jobs()]
        bill = sum(row.asks for job in jobs for row in realm.ledger.bill(job) if row.billed.value != "0")
    return {
        "usage": usage.certain + usage.doubt,
        "bill": bill,
        "packages": sum(package.used for package in holdings(desk.session()).packages),
    }


def test_runs_purchases_erasures_and_reconciliations_at_once_leave_one_truth(desk, sandbox):
    sandbox.vendor.script_faults(*(Rule(fault=Fault.RESET_AFTER, at=(at,), billed=bool(at % 2)) for at in (5, 9, 20, 33)))
    desk.verify(rows(3))
    sheets = [desk.sheet(rows(12, first=first)) for first in (1, 7, 20, 30)]
    ended(start(desk, "quota", "add", "1000", "--price", "180"))
    commands = [start(desk, "run", str(sheet), "--yes") for sheet in sheets]
    commands += [start(desk, "quota", "add", "1000", "--price", "180", "--order", f"2026{at}") for at in range(2)]
    commands += [start(desk, "forget", "--yes", "--operator", "li", stdin=f"{an_id(2)}\n"), start(desk, "purge", "--yes")]
    commands += [start(desk, "plan", str(sheet), "--operator", "wang") for sheet in sheets[:2]]

    codes = [ended(process)[0] for process in commands]

    assert set(codes) <= {0, 2, 3}
    for sheet in sheets:
        desk.verify(sheet)
    found = sums(desk)
    assert found["usage"] == found["bill"]
    assert found["packages"] == found["bill"] - 3, "the first three were asked before anything was bought"
    assert found["bill"] >= sandbox.bill.billed()


@pytest.mark.parametrize("words", [("forget", "--yes"), ("quota", "reconcile", "usage.csv", "--yes")])
def test_a_kill_in_the_middle_leaves_it_done_or_not_done(desk, sandbox, words):
    sandbox.vendor.script_faults(*(Rule(fault=Fault.RESET_AFTER, at=(at,), billed=False) for at in (2, 3)))
    first = desk.verify(rows(6))
    with open_realm(desk.home, simulated=True, clock=SystemClock()) as realm:
        at = min(one.reserved_at for one in realm.ledger.asks_of(first.job))
        window = window_of(at.astimezone(BEIJING))
    line = f"{window.start:%Y-%m-%d %H:%M:%S} - {window.end:%Y-%m-%d %H:%M:%S}"
    (desk.folder / "usage.csv").write_text(f"处理时间,消耗\n{line},4次\n", "utf-8")
    for delay in (0.4, 0.55, 0.7):
        process = start(desk, *words, stdin=f"{an_id(1)}\n")
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.communicate()

    code, _, err = ended(start(desk, *words, stdin=f"{an_id(1)}\n"))
    assert code in {0, 3}, err
    found = sums(desk)
    assert found["usage"] == found["bill"]
    resumed = desk.resume(first.job)
    assert sandbox.bill.billed() <= 6
    assert sum(resumed.counts().values()) == 6
    again = desk.render(first.job)
    assert again.counts() == resumed.counts()
