"""The bill split by a column of the sheet: every ask goes to one value, and the values add up to the bill."""

from __future__ import annotations

from dataclasses import replace

import pytest
from openpyxl import load_workbook

import batchverify as bv
from batchverify.errors import InputError
from batchverify.job import Delivery, Options, cost_by
from batchverify.model import Billed
from batchverify.report.summary import Bill, GroupBill, Tally
from batchverify.rules.sums import check_sums
from batchverify.sandbox.faults import Fault, Rule
from batchverify.words import Lang
from tests.builders import a_row, a_sheet, rows


def by(column, **delivery) -> Options:
    return Options(delivery=Delivery(cost_by=column, **delivery))


def groups_of(result) -> dict[str | None, tuple[int, int, int, int]]:
    """Give asks, billed, in doubt and saved by value."""
    return {one["value"]: (one["asks"], one["billed"], one["in_doubt"], one["saved"]) for one in result.json["cost_by"]["groups"]}


def test_a_question_is_paid_where_it_stands_first_and_saved_where_it_stands_again(desk):
    people = [
        a_row(1, 部门="财务"),
        a_row(2, 部门="财务"),
        a_row(1, 部门="人事"),
        a_row(3, 部门="人事"),
        a_row(4, 部门=""),
        a_row(5, idCard="", 部门="人事"),
    ]

    result = desk.verify(people, options=by("部门"))

    assert groups_of(result) == {"财务": (2, 2, 0, 0), "人事": (1, 1, 0, 2), "": (1, 1, 0, 0)}
    assert result.json["cost_by"]["column"] == "部门"
    assert [one["min"] for one in result.json["cost_by"]["groups"]] == ["0.38", "0.19", "0.19"]


def test_what_is_in_doubt_and_what_was_not_billed_go_to_their_value_too(desk, sandbox):
    sandbox.vendor.script_faults(Rule(fault=Fault.RESET_AFTER, at=(1,)))

    result = desk.verify([a_row(1, 部门="甲"), a_row(2, 部门="乙")], options=by("部门"), bounds=None, concurrency=1)

    assert sorted(groups_of(result).values()) == [(1, 0, 1, 0), (1, 1, 0, 0)]
    assert result.json["cost"] == {"currency": "CNY", "unit_price": "0.19", "min": "0.19", "max": "0.38", "saved": "0.00"}


def test_what_an_earlier_job_answered_is_saved_and_not_asked(desk):
    desk.verify(rows(2))

    result = desk.verify([a_row(1, 部门="甲"), a_row(2, 部门="乙"), a_row(3, 部门="乙")], options=by("部门"))

    assert groups_of(result) == {"甲": (0, 0, 0, 1), "乙": (1, 1, 0, 1)}


def test_from_python_the_column_is_a_keyword(home, tmp_path):
    path = a_sheet(tmp_path, [a_row(1, 部门="甲"), a_row(2, 部门="乙"), a_row(1, 部门="乙")])

    summary = bv.verify_file(path, sandbox=True, home=home, yes=True, cost_by="部门")

    assert [(one.value, one.asks, one.saved) for one in summary.bill.groups] == [("乙", 1, 1), ("甲", 1, 0)]


def test_a_job_keeps_its_column_and_can_be_drawn_by_another_one(desk):
    first = desk.verify([a_row(1, 部门="甲", 项目="X"), a_row(2, 部门="乙", 项目="X")], options=by("部门"))

    assert desk.render(first.job).json == first.json
    other = desk.render(first.job, change=lambda kept: replace(kept, delivery=replace(kept.delivery, cost_by="项目")))
    assert groups_of(other) == {"X": (2, 2, 0, 0)}


@pytest.mark.parametrize("spelled", ["部门", "D", "4"])
def test_the_column_is_named_by_header_letters_or_number(desk, spelled):
    assert groups_of(desk.verify([a_row(1, 部门=" 甲\n组 ")], options=by(spelled))) == {"甲 组": (1, 1, 0, 0)}


def test_a_column_that_is_not_there_is_told_with_those_that_are_before_anything_is_paid(desk, sandbox):
    with pytest.raises(InputError, match=r"has no column '科室' to split the bill by\. It has: .*姓名.*部门"):
        desk.verify([a_row(1, 部门="甲")], options=by("科室"))

    assert sandbox.bill.total() == 0


@pytest.mark.parametrize("spelled", ["姓名", "身份证号", "银行卡号"])
def test_a_bill_is_not_split_by_persons(desk, sandbox, spelled):
    with pytest.raises(InputError, match="that column holds persons or results"):
        desk.verify([a_row(1, 部门="甲")], options=by(spelled))

    assert sandbox.bill.total() == 0


def test_more_values_than_a_bill_can_show_share_one_line(desk, monkeypatch):
    monkeypatch.setattr(cost_by, "MOST_VALUES", 2)

    result = desk.verify([a_row(number, 部门=f"部{number}") for number in range(1, 6)], options=by("部门"))

    assert groups_of(result) == {"部1": (1, 1, 0, 0), "部2": (1, 1, 0, 0), None: (3, 3, 0, 0)}


def test_asks_of_which_no_row_is_left_have_a_line_so_that_the_sums_hold():
    split = cost_by.CostBy(column=0, header="部门")

    assert split.groups(Bill(billed=2, free=1), Tally(status={}, unique=0, duplicate=3, reused=0, blocked=0)) == (
        GroupBill(value=None, billed=2, free=1, saved=3),
    )


@pytest.mark.parametrize(
    ("lang", "heading", "blank"), [(Lang.EN, "By column 部门", "(blank)"), (Lang.ZH, "按“部门”列", "（空白）")]
)
def test_the_quota_sheet_lists_each_value_and_the_total(desk, lang, heading, blank):
    people = [a_row(1, 部门="甲"), a_row(2, 部门="甲"), a_row(3, 部门=""), a_row(1, 部门="")]

    result = desk.verify(desk.sheet(people, kind="xlsx"), options=by("部门", lang=lang))

    sheet = load_workbook(result.path)["Quota" if lang is Lang.EN else "额度消耗"]
    table = [row[:7] for row in sheet.iter_rows(values_only=True)]
    start = next(number for number, row in enumerate(table) if row[0] == heading)
    assert table[start + 1 : start + 4] == [
        ("甲", 2, 2, 0, 0, "0.38", "0.38"),
        (blank, 1, 1, 0, 1, "0.19", "0.19"),
        ("Total" if lang is Lang.EN else "合计", 3, 3, 0, 1, "0.57", "0.57"),
    ]


def test_the_checker_finds_a_split_that_does_not_add_up(desk):
    document = desk.verify([a_row(1, 部门="甲")], options=by("部门")).json
    document["cost_by"]["groups"][0] |= {"billed": 2, "saved": 1, "max": "0.20"}

    assert check_sums(document) == [
        "asks.billed is 1, but the sum of cost_by.billed is 2.",
        "the sum of asks.saved is 0, but the sum of cost_by.saved is 1.",
        "cost.max is 0.19, but the sum of cost_by.max is 0.20.",
    ]


@pytest.mark.parametrize(
    ("state", "billed", "kind"),
    [
        ("answered", Billed.YES, "billed"),
        ("answered", Billed.NO, "free"),
        ("answered", Billed.UNKNOWN, "in_doubt"),
        ("not_billed", Billed.NO, "not_billed"),
        ("in_doubt", Billed.UNKNOWN, "in_doubt"),
        ("open", Billed.UNKNOWN, "in_doubt"),
    ],
)
def test_every_attempt_goes_under_one_heading(state, billed, kind):
    assert cost_by.kind_of(state, billed) == kind
