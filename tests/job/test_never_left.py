"""A vendor that cannot be reached: a few tries, nothing billed, and rows that say what to do."""

import socket

import pytest

from batchverify.store.ledger import Ledger
from tests.builders import rows
from tests.faults import Danger, proves


def _refused():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


PLACES = {"dns": lambda: "https://vendor.invalid", "connect": _refused}


@pytest.mark.parametrize("code", PLACES)
@proves(Danger.DNS, case="dns")
@proves(Danger.REFUSED_PORT, case="connect")
def test_what_cannot_leave_is_tried_five_times_not_billed_and_failed_until_it_is_run_again(desk, sandbox, code):
    reachable, desk.endpoint = desk.endpoint, PLACES[code]()

    result = desk.verify(rows(2))

    assert result.counts() == {"failed": 2}
    assert result.column("bv_code") == [code] * 2
    assert result.column("bv_billed") == ["0"] * 2
    asks = result.json["asks"]
    assert (asks["not_billed"], asks["billed"], asks["in_doubt"]) == (10, 0, 0)
    assert (result.json["cost"]["max"], result.json["ending"]) == ("0.00", "open_rows")
    assert result.json["next"].startswith(f"batchverify rerun {result.job}")
    with Ledger.open(
        desk.home / ("sandbox" if code == "connect" else "") / "ledger.sqlite", simulated=code == "connect"
    ) as ledger:
        assert {attempt.code for attempt in ledger.asks_of(result.job)} == {code}

    if code == "connect":
        desk.endpoint = reachable
        assert desk.rerun(result.job).counts() == {"matched": 2}
        assert sandbox.bill.total() == 2
