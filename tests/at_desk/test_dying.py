"""A server that is killed: the next one goes on with what was confirmed, and the vendor's bill is exact."""

import signal
import subprocess
import sys

import pytest

from batchverify.desk import Stage
from tests.builders import a_sheet, read_rows, rows
from tests.campaigns.desk_dying import CONCURRENCY, POINTS
from tests.campaigns.processes import clean_environment

ROWS = 24


def killed(office, point, *, cap):
    """Have a server take a sheet in and be killed at `point`, then open the desk again."""
    office.desk.close()
    sheet = a_sheet(office.folder, rows(ROWS), name="名单.csv")
    # Slower than progress is told, so that some are still to be asked when it is.
    office.sandbox.vendor.latency_seconds = 0.1 if point == "in_the_middle" else 0
    child = [
        sys.executable,
        "-m",
        "tests.campaigns.desk_dying",
        point,
        str(office.home),
        office.sandbox.endpoint,
        str(sheet),
        str(cap),
    ]
    ended = subprocess.run(child, check=False, env=clean_environment(), capture_output=True, text=True, timeout=120)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    asked = office.sandbox.bill.total()
    office.sandbox.vendor.latency_seconds = 0
    office.open()
    (case,) = office.desk.cases()
    return case, asked


@pytest.mark.slow
@pytest.mark.parametrize("point", list(POINTS))
def test_a_killed_server_goes_on_by_itself_and_pays_nothing_twice(office, point):
    case, asked = killed(office, point, cap=ROWS)
    done = office.rest(case)

    asks = done.summary["asks"]
    assert done.stage is Stage.ENDED
    assert asked == {"after_confirmation": 0, "after_run_row": 0, "before_drawing": ROWS, "before_standing": ROWS}.get(
        point, asked
    )
    # What was reserved and had not left yet is in doubt, too.
    assert asks["billed"] <= office.sandbox.bill.total() <= asks["billed"] + asks["in_doubt"]
    assert set(office.sandbox.bill.per_question().values()) == {1}
    assert asks["billed"] + asks["in_doubt"] == ROWS
    # Only what was in flight at the kill is in doubt, and it is named, not asked again.
    assert (asks["in_doubt"] > 0) is (point == "in_the_middle")
    assert asks["in_doubt"] <= CONCURRENCY
    result = read_rows(office.desk.download(case.id, "all"))
    assert [row["核验结果"] for row in result].count("一致") == asks["billed"]


@pytest.mark.slow
def test_a_killed_server_goes_on_within_what_is_left_of_the_cap(office):
    case, asked = killed(office, "in_the_middle", cap=15)
    done = office.rest(case)

    assert 7 <= asked < 15
    assert (done.ending, done.reason) == ("open_rows", "budget")
    # What is in doubt may be billed, and so it is spent.
    asks = done.summary["asks"]
    assert asks["billed"] + asks["in_doubt"] == 15
    assert asks["billed"] <= office.sandbox.bill.total() <= 15
    assert office.desk.live(case.id).billed == 15
    assert len(done.confirmed.runs) == 2
