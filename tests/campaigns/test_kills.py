"""The short form of the kill campaign, and that its checker sees what it is there to see."""

from __future__ import annotations

import copy

import pytest

from tests.campaigns.invariants import Sheet, check
from tests.campaigns.kills import campaign
from tests.campaigns.people import people, write_sheet
from tests.faults import Danger, proves


@pytest.mark.slow
@proves(Danger.KILLED_AT_RANDOM)
def test_runs_killed_at_random_lose_no_row_and_pay_nothing_twice(tmp_path):
    findings = campaign(tmp_path, kills=100, seed=20)

    assert findings.broken == []
    assert findings.lost_runs >= 25
    assert findings.certain <= findings.billed <= findings.certain + findings.in_doubt


def _twice(bill):
    bill["asks"].append(bill["asks"][0])


def _unpaid(bill):
    bill["asks"][0]["billed"] = False


def _another_person(bill):
    bill["asks"][0]["question"] = "00" * 16


def _swapped_answers(bill):
    first, second, *_ = bill["asks"]
    first["request_id"], second["request_id"] = second["request_id"], first["request_id"]


def _early(bill):
    bill["asks"][0]["received_at"] -= 60


@pytest.mark.slow
def test_the_checker_sees_each_kind_of_wrong_bill(desk, vendor):
    rows = people(3)
    source = write_sheet(desk.folder / "people.csv", rows)
    assert desk.run("run", source, "--yes").code == 0
    sheet = Sheet(rows=rows, result=desk.folder / "people.verified.csv")
    bill = vendor.bill()
    assert check(desk.home, bill, [sheet], in_flight=50).broken == []

    seen = {}
    for spoil in (_twice, _unpaid, _another_person, _swapped_answers, _early):
        spoiled = copy.deepcopy(bill)
        spoil(spoiled)
        seen[spoil.__name__] = check(desk.home, spoiled, [sheet], in_flight=50).broken

    assert {name: faults[0] for name, faults in seen.items()} == {
        "_twice": "A question was asked 2 times with 1 intents.",
        "_unpaid": "A question was billed 0 times, and the ledger says 1 to 1.",
        "_another_person": "The vendor was asked 1 times about a question of no sheet.",
        "_swapped_answers": "Attempt 1 has the answer to another question.",
        "_early": "An ask arrived before its intent was written.",
    }


@pytest.mark.slow
def test_the_checker_sees_a_row_that_is_gone_or_says_something_else(desk, vendor):
    rows = people(3)
    source = write_sheet(desk.folder / "people.csv", rows)
    assert desk.run("run", source, "--yes").code == 0
    result = desk.folder / "people.verified.csv"
    whole = result.read_text("utf-8-sig")
    sheet = Sheet(rows=rows, result=result)

    result.write_text(whole.replace(",matched,01,", ",mismatched,02,", 1), "utf-8-sig")
    changed = check(desk.home, vendor.bill(), [sheet], in_flight=50).broken
    result.write_text("".join(whole.splitlines(keepends=True)[:-1]), "utf-8-sig")
    shortened = check(desk.home, vendor.bill(), [sheet], in_flight=50).broken

    assert changed[0] == "Row 2: it says mismatched, and the vendor said 01."
    assert shortened == ["people.verified.csv does not have the rows of its sheet."]
