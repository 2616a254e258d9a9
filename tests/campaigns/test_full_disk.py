"""A real process whose disk is full or closed to it: what it says, what it leaves, and that it goes on once there is room.

A limit on the size of its files stands for the disk: the system refuses the same write with the same call.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.campaigns.invariants import Sheet, check
from tests.campaigns.people import HEADER, people, read_result, write_sheet
from tests.campaigns.processes import ended, wait_until
from tests.faults import Danger, proves

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="Limits of another process, and capabilities, are Linux's"),
]
ROOT = str(Path(__file__).parents[2])


def limit_files(process: subprocess.Popen[str], size_bytes: int) -> None:
    """Let a process write no file beyond that size from now on."""
    import resource

    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size_bytes, size_bytes))


@proves(Danger.FULL_LEDGER)
def test_a_disk_that_is_full_under_the_ledger_ends_the_run_with_5_and_once_there_is_room_nothing_is_lost_or_paid_twice(
    desk, vendor
):
    rows = people(120)
    source = write_sheet(desk.folder / "people.csv", rows)
    process = desk.begin("run", source, "--yes", "--concurrency", "4")
    assert wait_until(lambda: vendor.total() >= 20, process=process)
    limit_files(process, max(file.stat().st_size for file in (desk.home / "sandbox").glob("ledger.sqlite*")))
    full = ended(process)

    assert full.code == 5
    assert "No further ask leaves. Free space or repair the disk" in full.err
    asked = vendor.total()
    assert 20 <= asked < 120
    assert not (desk.folder / "people.verified.csv").exists()

    after = desk.run("run", source, "--yes", "--concurrency", "4")
    assert after.code in {0, 3}
    result = desk.folder / "people.verified.csv"
    in_doubt = [row["bv_status"] for row in read_result(result)].count("in_doubt")
    assert in_doubt <= 4
    # What is in doubt was in flight; everything else was asked once, by one process or the other.
    bill = vendor.bill()
    assert set(bill["per_question"].values()) == {1}
    assert 120 - in_doubt <= bill["total"] <= 120
    assert check(desk.home, bill, [Sheet(rows=rows, result=result)], in_flight=4).broken == []


@proves(Danger.FULL_OUTPUT)
def test_a_disk_that_is_full_under_the_result_leaves_no_half_of_it_and_render_draws_it_for_nothing(desk, vendor):
    source = desk.folder / "people.csv"
    # Few questions and wide rows, so that of all files the result is the largest.
    with source.open("w", encoding="utf-8", newline="") as file:
        file.write(",".join((*HEADER, "备注")) + "\n")
        file.writelines(",".join((*one.cells, "长" * 700)) + "\n" for one in people(4) * 250)
    process = desk.begin("run", source, "--yes")
    limit_files(process, source.stat().st_size)
    full = ended(process)

    assert full.code == 5, full.err
    assert "Every answer is kept: `batchverify render" in full.err
    assert [path.name for path in desk.folder.glob("*") if path.is_file()] == ["people.csv"]
    assert vendor.total() == 4

    job = desk.run("jobs", "--json").json[0]["job"]
    drawn = desk.run("render", job)
    assert drawn.code == 0
    assert [row["bv_status"] for row in read_result(desk.folder / "people.verified.csv")] == ["matched"] * 1000
    assert vendor.total() == 4


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Take the right to write from a folder and all that is in it."""
    everything = [folder, *folder.rglob("*")]
    modes = {path: path.stat().st_mode for path in everything}
    for path, mode in modes.items():
        path.chmod(mode & ~0o222)
    try:
        yield
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


@proves(Danger.READ_ONLY)
def test_a_home_that_is_read_only_is_refused_with_5_before_anything_is_sent(desk, vendor):
    first, second = people(3), people(3, first=10)
    assert desk.run("run", write_sheet(desk.folder / "first.csv", first), "--yes").code == 0
    source = write_sheet(desk.folder / "second.csv", second)

    with read_only(desk.home):
        refused = replace(desk, program=("tests.campaigns.obeying",), environment={"PYTHONPATH": ROOT}).run(
            "run", source, "--yes"
        )

    assert refused.code == 5, refused.err
    assert str(desk.home) in refused.err
    assert vendor.total() == 3
    assert not (desk.folder / "second.verified.csv").exists()
    assert desk.run("run", source, "--yes").code == 0
    assert vendor.total() == 6
