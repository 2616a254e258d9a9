"""Real and made-up answers never meet, whatever is said about a job of the other kind."""

from dataclasses import replace

import pytest

from batchverify import job
from batchverify.errors import InputError
from batchverify.store.ledger import Ledger
from tests.builders import rows
from tests.desk import FAILED

NOWHERE = "https://vendor.invalid"


def a_real_job(desk, people=1):
    result = desk.verify(rows(people), endpoint=NOWHERE)
    assert result.counts() == {"failed": people}
    assert result.job.startswith("j-")
    return result


@pytest.mark.parametrize("kind", ["resume", "rerun"])
@pytest.mark.parametrize("endpoint", [NOWHERE, None])
def test_a_real_job_never_goes_on_in_the_sandbox(desk, kind, endpoint):
    name = a_real_job(desk).job
    session = replace(desk.session(**({"endpoint": endpoint} if endpoint else {})), built_in=True)

    again = {
        "resume": lambda: job.resume_job(name, desk.bounds(session), session),
        "rerun": lambda: job.rerun_job(name, desk.bounds(session), session, what=FAILED, change=lambda kept: kept),
    }[kind]
    with pytest.raises(InputError, match="The job is a real one, and made-up answers must not stand among its own"):
        again()

    with Ledger.open(desk.home / "ledger.sqlite", create=False) as ledger:
        assert {row.state.value for row in ledger.bill(name)} == {"not_billed"}


def test_a_real_job_never_goes_on_at_a_loopback_endpoint(desk, sandbox):
    name = a_real_job(desk).job

    with pytest.raises(InputError, match="The job is a real one, and the endpoint"):
        desk.resume(name)

    assert sandbox.bill.total() == 0


def test_what_the_sandbox_answered_is_not_reused_for_a_real_question(desk):
    people = rows(1)
    assert desk.verify(people).counts() == {"matched": 1}

    assert desk.verify(people, endpoint=NOWHERE).counts() == {"failed": 1}
