"""Every sheet of people in one go: each a job of its own, nothing passed over in silence, nothing asked twice."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from openpyxl import Workbook, load_workbook

from batchverify.errors import InputError
from batchverify.job import Asking, Bounds, Options, Reading
from batchverify.job.sheets import look_at_sheets, one_sheet
from batchverify.model import Field
from tests.builders import HEADERS, a_row, rows

THREE = ("name", "idCard", "accountNo")


def a_book(desk, sheets, *, hidden=(), name="people.xlsx"):
    """Write a workbook of several sheets: rows of people, or plain lines."""
    book = Workbook()
    book.remove(book.active)
    for title, people in sheets.items():
        page = book.create_sheet(title)
        if people and isinstance(people[0], dict):
            page.append([HEADERS[field] for field in THREE])
        for line in people:
            page.append([line[field] for field in THREE] if isinstance(line, dict) else line)
        if title in hidden:
            page.sheet_state = "hidden"
    path = desk.folder / name
    book.save(path)
    return path


def looked(desk, path, options=None, **changes):
    looks = look_at_sheets(path, options or Options(), desk.session(**changes))
    return {look.name: look.why for look in looks}


def verify_all(desk, path, options=None):
    options = options or Options()
    looks = look_at_sheets(path, options, desk.session())
    return [desk.verify(path, options=one_sheet(options, look.name)) for look in looks if look.why is None]


def test_sheets_of_people_are_taken_and_the_others_are_passed_over_with_a_reason(desk):
    sheets = {
        "说明": [["填写说明"], ["请勿合并单元格"]],
        "一月": rows(2),
        "空": [],
        "二月": rows(3, first=10),
        "旧": rows(1, first=50),
        "部门": [["部门", "人数"], ["财务", 3]],
    }
    path = a_book(desk, sheets, hidden=["旧"])

    assert looked(desk, path) == {
        "说明": "no_column", "一月": None, "空": "empty", "二月": None, "旧": "hidden", "部门": "no_column",
    }  # fmt: skip


def test_each_sheet_has_a_result_of_its_own_with_the_whole_workbook_in_it(desk, sandbox):
    path = a_book(desk, {"一月": rows(2), "二月": rows(3, first=10), "说明": [["x"]]})

    first, second = verify_all(desk, path)

    assert (first.path.name, second.path.name) == ("people.一月.verified.xlsx", "people.二月.verified.xlsx")
    assert (first.counts(), second.counts()) == ({"matched": 2}, {"matched": 3})
    assert first.job != second.job
    assert sandbox.bill.total() == 5
    january, february = load_workbook(first.path), load_workbook(second.path)
    assert january.sheetnames[:3] == february.sheetnames[:3] == ["一月", "二月", "说明"]
    assert (january["一月"]["D1"].value, january["二月"]["D1"].value) == ("bv_status", None)
    assert (february["一月"]["D1"].value, february["二月"]["D1"].value) == (None, "bv_status")
    assert {beside.name for beside in desk.folder.glob("*.json")} == {"people.一月.summary.json", "people.二月.summary.json"}


def test_whoever_stands_on_several_sheets_is_asked_once(desk, sandbox):
    path = a_book(desk, {"一月": rows(3), "二月": rows(4)})

    _, second = verify_all(desk, path)

    assert sandbox.bill.total() == 4
    assert second.json["rows"]["reused"] == 3


def test_a_sheet_is_gone_on_with_drawn_again_and_rerun_alone(desk, sandbox):
    path = a_book(desk, {"一月": rows(2), "二月": rows(4, first=10)})
    options = one_sheet(Options(), "二月")
    begun = desk.verify(path, options=options, bounds=Bounds(max_asks=1, qps=5000))

    done = desk.resume(begun.job)
    drawn = desk.render(begun.job)
    again = desk.rerun_from(done.path)

    assert done.counts() == drawn.counts() == again.counts() == {"matched": 4}
    assert begun.path == done.path == drawn.path
    assert again.path.name == "people.二月.verified-2.xlsx"
    assert sandbox.bill.total() == 4


def test_a_result_that_comes_back_has_its_own_sheets_passed_over(desk):
    path = a_book(desk, {"一月": [a_row(1), a_row(2, idCard="1")], "二月": rows(2, first=10)})
    first, _ = verify_all(desk, path)

    assert looked(desk, first.path) == {
        "一月": None, "二月": None, "Summary": "ours", "To fix": "ours", "To retry": "ours", "Quota": "ours", "Legend": "ours",
    }  # fmt: skip


def test_a_sheet_whose_columns_are_not_clear_stops_all_before_anything_is_asked(desk, sandbox):
    lines = [["姓名", "身份证号", "银行卡号", "卡号"]]
    lines += [
        [one["name"], one["idCard"], one["accountNo"], other["accountNo"]]
        for one, other in zip(rows(3), rows(3, first=9), strict=True)
    ]
    path = a_book(desk, {"一月": rows(2), "二月": lines})

    with pytest.raises(InputError, match=r"^Sheet '二月': people\.xlsx has more than one column that may be the bank card"):
        verify_all(desk, path)

    assert sandbox.bill.total() == 0


def test_a_sheet_with_what_may_not_be_passed_on_stops_all(desk):
    path = a_book(desk, {"一月": rows(2), "二月": [["姓名", "CVV2"], ["x", "1"]]})

    with pytest.raises(InputError, match=r"Sheet '二月': people\.xlsx has a column 'CVV2'"):
        looked(desk, path)


def test_a_workbook_without_people_names_its_sheets(desk):
    path = a_book(desk, {"说明": [["x"]], "部门": [["部门"]]})

    with pytest.raises(InputError, match="has no sheet that reads like a list of people: 说明, 部门"):
        looked(desk, path)


def test_a_product_takes_the_sheets_that_have_its_columns(desk):
    two = [["姓名", "身份证号"], *([person["name"], person["idCard"]] for person in rows(3))]
    path = a_book(desk, {"有卡": rows(2), "无卡": two})

    looks = look_at_sheets(path, Options(), desk.session())

    assert [(look.name, look.missing) for look in looks] == [("有卡", ()), ("无卡", (Field.ACCOUNT_NO,))]
    assert looked(desk, path, Options(asking=Asking(product=None))) == {"有卡": None, "无卡": None}


def test_columns_that_are_named_count_where_they_are(desk):
    odd = [["甲", "身份证号", "银行卡号"], *([person[field] for field in THREE] for person in rows(3))]
    path = a_book(desk, {"一": odd, "二": rows(2)})
    options = Options(reading=Reading(mapping={Field.NAME: "甲"}))

    looks = look_at_sheets(path, options, desk.session())

    assert [(look.name, look.why, look.missing) for look in looks] == [("一", None, ()), ("二", "no_column", (Field.NAME,))]


def test_columns_of_last_time_count_for_each_sheet_by_its_own_header(desk):
    odd = [["甲", "乙", "丙"], *([person[field] for field in THREE] for person in rows(3))]
    path = a_book(desk, {"一": odd, "二": rows(2, first=8)})
    session = replace(desk.session(), remembers=True)
    named = Options(reading=Reading(mapping={Field.NAME: "甲", Field.ID_CARD: "乙", Field.ACCOUNT_NO: "丙"}, sheet="一"))
    from batchverify.job import plan_file

    plan_file(path, one_sheet(named, "一"), session)

    assert [look.why for look in look_at_sheets(path, Options(), session)] == [None, None]
    assert plan_file(path, one_sheet(Options(), "一"), session).as_last_time
    assert not plan_file(path, one_sheet(Options(), "二"), session).as_last_time


def test_a_sheet_that_is_called_all_is_only_itself(desk):
    path = a_book(desk, {"all": rows(2), "other": rows(2, first=7)})

    assert looked(desk, path) == {"all": None}


def test_a_text_has_no_sheets_to_look_at(desk):
    assert look_at_sheets(desk.sheet(rows(2)), Options(), desk.session()) == []


def test_a_workbook_of_another_kind_is_looked_at_too(desk):
    import xlwt

    book = xlwt.Workbook()
    for title, first in (("一月", 1), ("二月", 20)):
        page = book.add_sheet(title)
        table = [[HEADERS[field] for field in THREE], *([one[field] for field in THREE] for one in rows(2, first=first))]
        for number, line in enumerate(table):
            for column, cell in enumerate(line):
                page.write(number, column, cell)
    path = desk.folder / "old.xls"
    book.save(path)

    results = verify_all(desk, path)

    assert [result.path.name for result in results] == ["old.一月.verified.xlsx", "old.二月.verified.xlsx"]
    assert [result.counts() for result in results] == [{"matched": 2}] * 2


def test_a_sheets_name_that_is_no_file_name_becomes_one_and_none_is_written_over(desk):
    path = a_book(desk, {'a"b|c': rows(1), "a<b>c": rows(1, first=5), " .": rows(1, first=9)})

    results = verify_all(desk, path)

    assert [result.path.name for result in results] == [
        "people.a_b_c.verified.xlsx", "people.a_b_c.verified-2.xlsx", "people.sheet.verified.xlsx",
    ]  # fmt: skip


def test_a_cap_is_what_is_left_of_it_for_the_next_sheet():
    bounds = Bounds(max_asks=10, max_yuan=Decimal("1.00"))

    assert bounds.after(4, unit_price=Decimal("0.19")) == replace(bounds, max_asks=6, max_yuan=Decimal("0.24"))
    assert bounds.after(40, unit_price=Decimal("0.19")) == replace(bounds, max_asks=0, max_yuan=Decimal(0))
    assert Bounds().after(4, unit_price=Decimal("0.19")) == Bounds()
