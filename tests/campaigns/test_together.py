"""Several processes at once on one home: one bill, one rate."""

from __future__ import annotations

import time

import pytest

from tests.campaigns.invariants import Sheet, check
from tests.campaigns.people import people, write_sheet
from tests.campaigns.processes import ended
from tests.faults import Danger, proves


@pytest.mark.slow
@proves(Danger.TWO_PROCESSES)
def test_two_processes_on_one_home_and_one_file_ask_each_question_once(desk, vendor):
    rows = people(150)
    source = write_sheet(desk.folder / "people.csv", rows)
    outputs = [desk.folder / f"result-{number}.csv" for number in range(2)]
    pair = [ended(process) for process in [desk.begin("run", source, "--yes", "-o", output) for output in outputs]]

    assert [one.code for one in pair] == [0, 0], [one.err for one in pair]
    bill = vendor.bill()
    assert bill["total"] == 150
    assert set(bill["per_question"].values()) == {1}
    assert check(desk.home, bill, [Sheet(rows=rows, result=output) for output in outputs], in_flight=50).broken == []


@pytest.mark.slow
@proves(Danger.MANY_PROCESSES)
def test_five_processes_keep_one_rate_and_share_what_they_have_in_common(desk, vendor):
    sheets = []
    for number in range(5):
        # Thirty of the seventy stand in the next sheet, too.
        rows = people(70, first=40 * number)
        sheets.append(Sheet(rows=rows, result=desk.folder / f"people-{number}.verified.csv"))
        write_sheet(desk.folder / f"people-{number}.csv", rows)
    five = []
    for number in range(5):
        five.append(desk.begin("run", f"people-{number}.csv", "--yes", "--qps", "50", "--concurrency", "4"))
        # All at once would starve the vendor's process of its share of two cores, and its clock is the referee's.
        time.sleep(0.4)
    codes = [ended(process).code for process in five]

    assert codes == [0] * 5
    bill = vendor.bill()
    assert bill["total"] == len({person for sheet in sheets for person in sheet.rows}) == 230
    assert bill["max_per_second"] <= 50
    assert check(desk.home, bill, sheets, in_flight=50).broken == []


@pytest.mark.slow
@proves(Danger.MANY_PROCESSES)
def test_twenty_processes_keep_one_rate_ask_each_question_once_and_spend_each_cap_to_the_last_ask(desk, vendor):
    sheets, twenty = [], []
    for number in range(20):
        # Ten of the forty stand in the next sheet, too; more than the cap stand in this one only.
        rows = people(40, first=30 * number)
        sheets.append(Sheet(rows=rows, result=desk.folder / f"people-{number}.verified.csv"))
        write_sheet(desk.folder / f"people-{number}.csv", rows)
    for number in range(20):
        bounds = ("--qps", "50", "--concurrency", "4", "--max-asks", "20")
        twenty.append(desk.begin("run", f"people-{number}.csv", "--yes", *bounds))
        # All at once would starve the vendor's process of its share of two cores, and its clock is the referee's.
        time.sleep(0.3)
    capped = [ended(process) for process in twenty]

    assert [one.code for one in capped] == [3] * 20
    bill = vendor.bill()
    assert bill["total"] == 20 * 20
    assert bill["max_per_second"] <= 50
    assert bill["max_in_flight"] <= 20 * 4

    for one in capped:
        assert desk.run(*one.next_arguments, "--yes", "--concurrency", "4").code == 0
    bill = vendor.bill()
    assert bill["total"] == len({person for sheet in sheets for person in sheet.rows}) == 610
    assert set(bill["per_question"].values()) == {1}
    # What another desk had asked when a result was drawn is not in it, so the last look is at results drawn at the end.
    assert check(desk.home, bill, sheets, in_flight=4).broken == []
