"""Many rows in little memory: what the process needed at its most, as the system counted it."""

from __future__ import annotations

import os
import sys

import pytest

from tests.campaigns.people import HEADER, card_number, id_number, read_result
from tests.faults import Danger, proves

ROWS, CAP = 100_000, 50
#: 115 MB were seen, 70 of them with no row at all, the rest the two caches that SQLite fills up to their bounds.
#: Rows that were kept would be another 100 MB and more.
MOST_BYTES = 150 * 1024 * 1024
_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows tells a parent nothing of its child's memory")
@proves(Danger.MANY_ROWS)
def test_a_hundred_thousand_different_rows_are_planned_asked_up_to_the_cap_and_written_in_150_mb(desk, vendor):
    source = desk.folder / "people.csv"
    with source.open("w", encoding="utf-8", newline="") as file:
        file.write(",".join(HEADER) + "\n")
        # A card of its own for each row makes each a question of its own.
        file.writelines(f"测试甲,{id_number(number % 12_000)},{card_number(number)}\n" for number in range(ROWS))

    with desk.begin("run", source, "--max-asks", str(CAP)) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)

    assert process.returncode == 3
    assert used.ru_maxrss * _UNIT_BYTES < MOST_BYTES
    assert vendor.total() == CAP
    statuses = [row["bv_status"] for row in read_result(desk.folder / "people.verified.csv")]
    assert (statuses.count("matched"), statuses.count("not_run")) == (CAP, ROWS - CAP)
