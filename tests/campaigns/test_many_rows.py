"""Many rows in little memory: what the process needed at its most, as the system counted it."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.campaigns.people import HEADER, card_number, id_number, read_result
from tests.campaigns.processes import ended
from tests.faults import Danger, proves

ROWS, CAP = 100_000, 50
#: 115 MB were seen, 70 of them with no row at all, the rest the two caches that SQLite fills up to their bounds.
#: Rows that were kept would be another 100 MB and more.
MOST_KIB = 150 * 1024


def high_water_kib(process: int) -> int:
    """Read the most memory that a process had since its exec; 0 for one that has just ended.

    Not `wait4`: what that tells begins with the memory of the parent at the fork, and a gate of thousands of tests is larger.
    """
    with suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text("ascii", "replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="Only Linux tells of a process the most it had since its exec")
@proves(Danger.MANY_ROWS)
def test_a_hundred_thousand_different_rows_are_planned_asked_up_to_the_cap_and_written_in_150_mb(desk, vendor):
    source = desk.folder / "people.csv"
    with source.open("w", encoding="utf-8", newline="") as file:
        file.write(",".join(HEADER) + "\n")
        # A card of its own for each row makes each a question of its own.
        file.writelines(f"测试甲,{id_number(number % 12_000)},{card_number(number)}\n" for number in range(ROWS))

    process = desk.begin("run", source, "--max-asks", str(CAP))
    most_kib = 0
    while process.poll() is None:
        most_kib = max(most_kib, high_water_kib(process.pid))
        time.sleep(0.02)

    assert ended(process).code == 3
    assert 0 < most_kib < MOST_KIB
    assert vendor.total() == CAP
    statuses = [row["bv_status"] for row in read_result(desk.folder / "people.verified.csv")]
    assert (statuses.count("matched"), statuses.count("not_run")) == (CAP, ROWS - CAP)
