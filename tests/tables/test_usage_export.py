"""The vendor's usage as exported: whatever it looks like, every count is read or the file is refused."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone

import pytest
from openpyxl import Workbook

from batchverify.errors import InputError
from batchverify.rules.windows import Window, window_of
from batchverify.tables.usage_export import counts_of, read_usage, window_in

BEIJING = timezone(timedelta(hours=8))
HEADER = ["流水编号", "处理时间", "备注", "消耗"]
LINES = [
    ["0002", "2018-03-19 11:00:01 - 2018-03-19 11:10:01", "套餐包消耗", "7次"],
    ["0001", "2018-03-19 10:50:01 - 2018-03-19 11:00:01", "套餐包消耗", "12次"],
]
COUNTS = {"11:00:01": 7, "10:50:01": 12}


def a_csv(folder, rows, *, encoding="utf-8", name="usage.csv", delimiter=","):
    path = folder / name
    path.write_bytes("".join(delimiter.join(row) + "\r\n" for row in rows).encode(encoding))
    return path


def a_book(folder, *sheets, name="usage.xlsx"):
    book = Workbook()
    book.remove(book.active)
    for number, rows in enumerate(sheets):
        sheet = book.create_sheet(f"Sheet{number}")
        for row in rows:
            sheet.append(row)
    book.save(folder / name)
    return folder / name


def read(path, tmp_path):
    return {f"{line.window.start:%H:%M:%S}": line.asks for line in read_usage(path, temporary=tmp_path).lines}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_csv_is_read_in_each_encoding_and_dialect(tmp_path, encoding, delimiter):
    path = a_csv(tmp_path, [HEADER, *LINES], encoding=encoding, delimiter=delimiter)

    export = read_usage(path, temporary=tmp_path)

    assert {f"{line.window.start:%H:%M:%S}": line.asks for line in export.lines} == COUNTS
    assert [(line.serial, line.row) for line in export.lines] == [("0002", 2), ("0001", 3)]
    assert len(export.sha256) == 64


def test_a_file_tells_when_it_was_saved(tmp_path):
    path = a_csv(tmp_path, [HEADER, *LINES])
    os.utime(path, (1_521_428_400, 1_521_428_400))

    assert read_usage(path, temporary=tmp_path).saved_at == datetime(2018, 3, 19, 11, tzinfo=BEIJING)


def test_a_workbook_is_read_with_numbers_as_numbers(tmp_path):
    path = a_book(tmp_path, [HEADER, [2, LINES[0][1], "套餐包消耗", 7], [1, LINES[1][1], "套餐包消耗", 12.0]])

    assert read(path, tmp_path) == COUNTS


def test_the_sheet_with_the_columns_is_found(tmp_path):
    path = a_book(tmp_path, [["说明"], ["导出自控制台"]], [HEADER, *LINES])

    assert read(path, tmp_path) == COUNTS


def test_columns_are_known_by_name_in_any_order_below_any_title(tmp_path):
    rows = [["使用明细"], ["套餐包ID", "C-1", "", ""], [], ["消耗（次）", "备注", "处理时间"]]

    path = a_csv(tmp_path, [*rows, *([line[3], line[2], line[1]] for line in LINES)])

    assert read(path, tmp_path) == COUNTS
    assert {line.serial for line in read_usage(path, temporary=tmp_path).lines} == {""}


@pytest.mark.parametrize(
    "spelled",
    [
        "2018-03-19 10:50:01 - 2018-03-19 11:00:01",
        "2018-03-19 10:50:01-2018-03-19 11:00:01",
        "2018-03-19 10:50:01 - 11:00:01",
        "2018-03-19 10:50:01 ~ 2018-03-19 11:00:01",
        "2018-03-19 10:50:01至2018-03-19 11:00:01",
        "2018/3/19 10:50 - 2018/3/19 11:00",
        "2018-03-19T10:50:01 to 2018-03-19T11:00:01",
        "2018年3月19日 10:50:01 到 2018年3月19日 11:00:01",
        "２０１８－０３－１９　１０：５０：０１ — ２０１８－０３－１９　１１：００：０１",
        "2018-03-19 10:50:00 - 2018-03-19 11:00:00",
    ],
)
def test_windows_are_understood_as_people_and_programs_spell_them(spelled):
    at = datetime(2018, 3, 19, 10, 55, tzinfo=BEIJING)

    assert window_in(spelled) == window_of(at)


def test_the_last_window_of_a_day_ends_on_the_next():
    expected = Window(start=datetime(2018, 3, 19, 23, 50, 1, tzinfo=BEIJING), end=datetime(2018, 3, 20, 0, 0, 1, tzinfo=BEIJING))

    assert window_in("2018-03-19 23:50:01 - 00:00:01") == expected
    assert window_in("2018-03-19 23:50:01 - 2018-03-20 00:00:01") == expected


@pytest.mark.parametrize(
    "spelled",
    [
        "",
        "2018-03-19",
        "2018-03-19 10:50:01 - 2018-03-19 11:10:01",
        "2018-03-19 10:55:01 - 2018-03-19 11:05:01",
        "2018-02-30 10:50:01 - 2018-02-30 11:00:01",
        "2018-03-19 10:50:07 - 2018-03-19 11:00:07",
        "2018-03-19 25:50:01 - 2018-03-19 26:00:01",
    ],
)
def test_what_is_no_window_is_none(spelled):
    assert window_in(spelled) is None


@pytest.mark.parametrize(
    ("count", "asks"), [("7次", 7), ("7", 7), ("7 次", 7), ("７次", 7), ("1,234次", 1234), ('"1,234"', 1234), ("0次", 0)]
)
def test_counts_are_understood(tmp_path, count, asks):
    row = ["1", LINES[0][1], "套餐包消耗", f'"{count.strip(chr(34))}"']

    assert read(a_csv(tmp_path, [HEADER, row]), tmp_path) == {"11:00:01": asks}


@pytest.mark.parametrize(
    "below",
    [
        [["合计", "", "", "19次"]],
        [["", "", "", "19次"]],
        [["", "Total", "", "19"]],
        [[], ["导出时间：2018-03-20"], ["共 2 条"]],
    ],
)
def test_sums_blank_rows_and_remarks_are_no_lines(tmp_path, below):
    assert read(a_csv(tmp_path, [HEADER, *LINES, *below]), tmp_path) == COUNTS


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (["3", "2018-03-19", "套餐包消耗", "7次"], "Row 4 of usage.csv has no 10-minute window such as"),
        (["3", "", "套餐包消耗", "7次"], "Row 4 of usage.csv has no 10-minute window such as"),
        (["", "", "", "8次"], "Row 4 of usage.csv has no 10-minute window such as"),
        (["3", "2018-03-19 11:10:01 - 2018-03-19 11:20:01", "", "many"], "Row 4 of usage.csv has no number of asks"),
        (["3", "2018-03-19 11:10:01 - 2018-03-19 11:20:01", "", ""], "Row 4 of usage.csv has no number of asks"),
        (["3", "2018-03-19 11:10:01 - 2018-03-19 11:20:01", "", "-7次"], "Row 4 of usage.csv has no number of asks"),
        (["3", "2018-03-19 11:10:01 - 2018-03-19 11:20:01"], "Row 4 of usage.csv has no number of asks"),
    ],
)
def test_a_line_that_is_not_understood_is_refused_by_its_row(tmp_path, row, message):
    with pytest.raises(InputError, match=message):
        read(a_csv(tmp_path, [HEADER, *LINES, row]), tmp_path)


@pytest.mark.parametrize("rows", [[["姓名", "身份证号"]], [["处理时间", "备注"]], [["x"]] * 60 + [HEADER]])
def test_another_file_is_refused(tmp_path, rows):
    with pytest.raises(InputError, match=r"usage\.csv has no columns 处理时间 and 消耗 within its first 50 rows"):
        read(a_csv(tmp_path, rows), tmp_path)
    with pytest.raises(InputError, match=r"There is no file|gone\.csv"):
        read(tmp_path / "gone.csv", tmp_path)


@pytest.mark.parametrize("doubt", ["存疑", "存疑 In doubt"])
def test_our_own_count_is_refused_for_it_would_free_everything_in_doubt(tmp_path, doubt):
    path = a_csv(tmp_path, [[*HEADER, doubt], [*LINES[0], "1次"]])

    with pytest.raises(InputError, match=r"usage\.csv is our own count, written by `batchverify quota usage`"):
        read(path, tmp_path)


def test_lines_of_one_window_and_exports_of_several_packages_add_up(tmp_path):
    """The window in which one package ran out and the next began stands in the details of both."""
    one = a_csv(tmp_path, [HEADER, *LINES], name="one.csv")
    two = a_csv(tmp_path, [HEADER, ["0003", LINES[0][1], "", "3次"], ["0004", LINES[0][1], "", "1次"]], name="two.csv")

    counts = counts_of([read_usage(path, temporary=tmp_path) for path in (one, two)])

    assert {f"{window.start:%H:%M:%S}": asks for window, asks in counts.items()} == {"11:00:01": 11, "10:50:01": 12}


def test_nothing_is_counted_twice(tmp_path):
    one = read_usage(a_csv(tmp_path, [HEADER, *LINES], name="one.csv"), temporary=tmp_path)
    same = read_usage(a_csv(tmp_path, [HEADER, *LINES], name="copy.csv"), temporary=tmp_path)
    overlapping = read_usage(a_csv(tmp_path, [HEADER, LINES[1]], name="march.csv"), temporary=tmp_path)
    pasted = read_usage(a_csv(tmp_path, [HEADER, LINES[1], LINES[1]], name="pasted.csv"), temporary=tmp_path)

    with pytest.raises(InputError, match=r"one\.csv and copy\.csv are the same file"):
        counts_of([one, same])
    with pytest.raises(InputError, match=r"Row 2 of march\.csv has the 流水编号 of row 3 of one\.csv"):
        counts_of([one, overlapping])
    with pytest.raises(InputError, match=r"Row 3 of pasted\.csv has the 流水编号 of row 2 of pasted\.csv"):
        counts_of([pasted])
