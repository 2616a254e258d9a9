"""Usage exports that say less than the vendor counted: none of them frees an ask that was billed."""

from __future__ import annotations

import csv
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta

import pytest
from openpyxl import Workbook, load_workbook

from batchverify.errors import HomeError, InputError
from batchverify.job.reconciling import reconcile_exports
from batchverify.rules.windows import BEIJING, window_of
from batchverify.sandbox import Fault, Rule
from batchverify.tables.usage_export import counts_of, read_usage
from tests.builders import rows
from tests.campaigns.month import LeapingClock, TimedDesk
from tests.threats import guards

MIDDAY = datetime(2027, 3, 1, 12, 5, tzinfo=BEIJING)
DAY = timedelta(days=1)
LATER = timedelta(minutes=30)


@pytest.fixture
def clock(sandbox):
    clock = LeapingClock(sandbox)
    clock.leap(MIDDAY)
    return clock


@pytest.fixture
def desk(sandbox, home, tmp_path, clock) -> TimedDesk:
    return TimedDesk(folder=tmp_path, home=home, endpoint=sandbox.endpoint, clock=clock)


def spelled(at):
    window = window_of(at)
    return f"{window.start:%Y-%m-%d %H:%M:%S} - {window.end:%Y-%m-%d %H:%M:%S}"


def a_csv(path, *lines, header=("处理时间", "备注", "消耗")):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *lines])
    return path


def a_book(path, *sheets):
    book = Workbook()
    book.remove(book.active)
    for number, lines in enumerate(sheets, 1):
        sheet = book.create_sheet(f"套餐包{number}")
        for line in [("处理时间", "备注", "消耗"), *lines]:
            sheet.append(line)
    book.save(path)
    return path


def reconciled(desk, *paths, **more):
    return reconcile_exports(paths, desk.session(), approve=lambda _: True, **more)


def lost(at=1, *, billed=True):
    return Rule(fault=Fault.RESET_AFTER, at=(at,), billed=billed)


@guards("hostile-exports")
def test_an_export_that_lacks_what_surely_was_billed_frees_nothing_elsewhere(desk, sandbox, clock, tmp_path):
    """The export of one of two packages, or of another product: the doubt was billed on the other one."""
    desk.verify(rows(3))
    clock.leap(MIDDAY + LATER)
    sandbox.vendor.script_faults(lost())
    desk.verify(rows(1, first=11))
    path = a_csv(tmp_path / "other-package.csv", (spelled(MIDDAY - LATER), "", "9次"))

    found = reconciled(desk, path, since=MIDDAY - DAY, until=MIDDAY + DAY)

    assert found.not_billed == ()
    assert not found.is_explained


def test_a_workbook_with_a_sheet_for_each_package_is_added_up(desk, sandbox, tmp_path):
    sandbox.vendor.script_faults(lost(4))
    desk.verify(rows(4))
    path = a_book(tmp_path / "usage.xlsx", [(spelled(MIDDAY), "", "3次")], [(spelled(MIDDAY), "", "1次")])

    found = reconciled(desk, path)

    assert (found.not_billed, len(found.billed)) == ((), 1)


@pytest.mark.parametrize(
    "line",
    [
        ("2027-03-01 12:00:01 - 2027-03-01 13:00:01", "API consumption", "1次"),
        ("2027-03-01 12:00", "小计", "1次"),
        ("03/01/2027 12:00", "total", "1次"),
    ],
)
def test_a_line_whose_time_is_not_understood_is_no_total(tmp_path, line):
    path = a_csv(tmp_path / "usage.csv", (spelled(MIDDAY), "", "3次"), line)

    with pytest.raises(InputError, match="has no 10-minute window"):
        read_usage(path, temporary=tmp_path)


def test_a_count_below_a_merged_time_is_no_total(tmp_path):
    """Two packages in one window, whose cell was merged over both lines."""
    lines = [(spelled(MIDDAY + LATER), "", "2次"), ("", "", "2次"), (spelled(MIDDAY), "", "4次")]

    with pytest.raises(InputError, match="has no 10-minute window"):
        read_usage(a_csv(tmp_path / "usage.csv", *lines), temporary=tmp_path)


def test_a_total_at_the_end_is_left_out(tmp_path):
    for number, last in enumerate([("", "", "5次"), ("合计", "", "5次"), ("Total", "", "5")]):
        remarks = [("", "", ""), ("Exported on 2027-03-02", "", "")]
        lines = [(spelled(MIDDAY + LATER), "", "2次"), (spelled(MIDDAY), "", "3次"), last, *remarks]
        path = a_csv(tmp_path / f"usage-{number}.csv", *lines)
        assert sum(line.asks for line in read_usage(path, temporary=tmp_path).lines) == 5


def test_sheets_beside_the_usage_that_hold_none_are_passed_over(tmp_path):
    path = a_book(tmp_path / "usage.xlsx", [(spelled(MIDDAY), "", "3次")])
    book = load_workbook(path)
    book.create_sheet("Sheet2")
    book.create_sheet("Sheet3").append(["说明"])
    book.save(path)

    assert [line.asks for line in read_usage(path, temporary=tmp_path).lines] == [3]


def test_a_line_that_is_on_two_sheets_is_not_counted_twice(tmp_path):
    book = Workbook()
    for sheet in (book.active, book.create_sheet("copy")):
        sheet.append(["流水编号", "处理时间", "消耗"])
        sheet.append(["20270301", spelled(MIDDAY), "3次"])
    book.save(tmp_path / "usage.xlsx")

    with pytest.raises(InputError, match="would be counted twice"):
        counts_of([read_usage(tmp_path / "usage.xlsx", temporary=tmp_path)])


def test_two_reconciliations_that_wait_for_a_yes_at_once_free_an_ask_once(desk, sandbox, tmp_path):
    sandbox.vendor.script_faults(lost(2, billed=False))
    first = desk.verify(rows(3))
    path = a_csv(tmp_path / "usage.csv", (spelled(MIDDAY), "", "2次"))

    def meanwhile(_):
        reconciled(desk, path)
        assert desk.resume(first.job).counts() == {"matched": 3}
        return True

    reconcile_exports([path], desk.session(), approve=meanwhile)

    assert desk.resume(first.job).counts() == {"matched": 3}
    assert sandbox.bill.billed() == 3


def test_a_doubt_that_is_asked_again_by_agreement_while_a_reconciliation_waits_stays_flagged(desk, sandbox, tmp_path):
    sandbox.vendor.script_faults(lost(2, billed=True))
    first = desk.verify(rows(3))
    path = a_csv(tmp_path / "usage.csv", (spelled(MIDDAY), "", "3次"))

    def meanwhile(_):
        desk.rerun(first.job, what=frozenset({"in_doubt"}))
        return True

    reconcile_exports([path], desk.session(), approve=meanwhile)
    drawn = desk.render(first.job)

    assert drawn.counts() == {"matched": 3}
    assert (drawn.json["asks"]["billed"], drawn.json["asks"]["in_doubt"]) == (4, 0)
    assert sandbox.bill.total() == 4


def test_an_ask_is_freed_together_with_what_freed_it_or_not_at_all(desk, sandbox, tmp_path):
    sandbox.vendor.script_faults(lost(2, billed=False))
    first = desk.verify(rows(3))
    path = a_csv(tmp_path / "usage.csv", (spelled(MIDDAY), "", "2次"))
    with closing(sqlite3.connect(desk.home / "sandbox" / "ledger.sqlite")) as con:
        con.execute("CREATE TRIGGER no_room BEFORE INSERT ON statement BEGIN SELECT RAISE(ABORT, 'the disk is full'); END")
    with pytest.raises(HomeError):
        reconciled(desk, path)
    assert desk.render(first.job).counts() == {"matched": 2, "in_doubt": 1}

    with closing(sqlite3.connect(desk.home / "sandbox" / "ledger.sqlite")) as con:
        con.execute("DROP TRIGGER no_room")
    reconciled(desk, path)
    assert desk.render(first.job).counts() == {"matched": 2, "failed": 1}


def test_one_package_exported_twice_over_overlapping_days_frees_nothing(desk, sandbox, tmp_path):
    sandbox.vendor.script_faults(lost(2, billed=True))
    desk.verify(rows(3))
    first = a_csv(tmp_path / "a.csv", (spelled(MIDDAY), "", "3次"))
    second = a_csv(tmp_path / "b.csv", (spelled(MIDDAY), "", "3次"), (spelled(MIDDAY - DAY), "", "1次"))

    found = reconciled(desk, first, second)

    assert (found.billed, found.not_billed, found.is_explained) == ((), (), False)


@guards("hostile-exports")
def test_the_clock_of_an_export_in_another_time_zone_frees_nothing(desk, sandbox, tmp_path):
    """A spreadsheet program that shows the windows in UTC: eight hours before ours."""
    sandbox.vendor.script_faults(lost(2, billed=True))
    desk.verify(rows(3))
    path = a_csv(tmp_path / "utc.csv", (spelled(MIDDAY - timedelta(hours=8)), "", "3次"))

    found = reconciled(desk, path, since=MIDDAY - DAY, until=MIDDAY + DAY)

    assert found.not_billed == ()
