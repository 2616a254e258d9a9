"""Every fault that the sandbox has, from the sheet to the wire and back, and then the faults are over."""

import pytest

from batchverify.model import RowStatus
from batchverify.sandbox import Fault, Rule
from tests.builders import a_row
from tests.faults import STRUCK, proves_each
from tests.job.test_statuses import FAULTS
from tests.threats import guards


@pytest.mark.parametrize("fault", Fault)
@guards("redirects", case="redirect")
@proves_each(STRUCK)
def test_each_attempt_is_one_ask_and_a_doubt_is_held(desk, sandbox, fault):
    status, code, attempts = FAULTS[fault]
    # The gateway's own breaker would last 90 s if it named no time.
    sandbox.vendor.script_faults(Rule(fault=fault, at=(1,), seconds=1 if fault is Fault.BREAKER_503 else None))
    patience = {"deadline_seconds": 0.2 if fault in {Fault.NEVER, Fault.SLOW_DRIP} else 5.0}
    path = desk.sheet([a_row()])

    first = desk.verify(path, **patience)

    assert (first.statuses, first.column("bv_code")) == ([status], [code])
    assert sandbox.bill.total() == first.json["asks"]["sent"] == attempts
    told = first.json["asks"]
    assert told["billed"] <= sandbox.bill.billed() <= told["billed"] + told["in_doubt"]
    assert sandbox.bill.redirects_followed == 0

    sandbox.vendor.script_faults()
    if status == "not_run":
        last = desk.go_on(first)
        assert sandbox.bill.total() == attempts + 1
    else:
        # The fault is over, and still no run, no resume and no rerun of what failed or is open asks for what it left.
        for again in (desk.verify(path), desk.resume(first.job), desk.rerun(first.job), desk.verify([a_row()])):
            assert again.statuses == [status]
        assert sandbox.bill.total() == attempts
        last = first if status == "matched" else desk.go_on(first)
        assert sandbox.bill.total() == attempts + (status == "in_doubt")
    assert (last.statuses, last.json["ending"], last.json["next"]) == (["matched"], "complete", None)
    # Nothing but the accepted doubt was ever billed a second time.
    assert sandbox.bill.billed() <= 1 + (status == RowStatus.IN_DOUBT)
