"""A terminal that goes away (a closed window, a lost connection) in the middle of a run."""

import os
import signal
import subprocess
import sys
import time

from batchverify.store.ledger import Ledger
from tests.builders import read_rows, rows
from tests.faults import Danger, proves

PEOPLE = 300


@proves(Danger.HUNG_UP)
def test_a_hang_up_drains_and_writes_what_there_is(desk, sandbox):
    sandbox.vendor.latency_seconds = 0.05
    path = desk.sheet(rows(PEOPLE))
    kept = {name: text for name, text in os.environ.items() if not name.startswith("BATCHVERIFY_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "batchverify", "run", path, "--yes", "--concurrency", "8"],
        env=kept
        | {"BATCHVERIFY_HOME": str(desk.home), "BATCHVERIFY_ENDPOINT": sandbox.endpoint, "BATCHVERIFY_APPCODE": "sandbox"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        until = time.monotonic() + 30
        while sandbox.bill.total() < 20 and time.monotonic() < until:
            time.sleep(0.01)
        process.stdout.close()
        process.stderr.close()
        process.send_signal(signal.SIGHUP)
        process.wait(30)
    finally:
        process.kill()
        process.wait()

    asked = sandbox.bill.total()
    assert 20 <= asked < PEOPLE
    statuses = [row["bv_status"] for row in read_rows(path.with_name(f"{path.stem}.verified.csv"))]
    assert (statuses.count("matched"), statuses.count("not_run")) == (asked, PEOPLE - asked)
    with Ledger.open(desk.home / "sandbox" / "ledger.sqlite", create=False, simulated=True) as ledger:
        (job,) = ledger.jobs()
        assert {row.state.value: row.asks for row in ledger.bill(job.id)} == {"answered": asked}
