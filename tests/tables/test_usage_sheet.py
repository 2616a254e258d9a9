"""Our usage as a file: for reading beside the vendor's, never for running."""

from __future__ import annotations

import csv

import openpyxl
import pytest

from batchverify.errors import InputError
from batchverify.tables.usage_sheet import write_usage

HEADER = ["任务", "文件", "消耗"]
ROWS = [["s-1", "=1+1.csv", 7], ["s-2", "@名单.csv", "2次"]]


def test_a_csv_has_a_bom_and_no_formula(tmp_path):
    placed = write_usage(tmp_path / "usage.csv", HEADER, ROWS, title="使用明细")

    with placed.path.open(encoding="utf-8-sig", newline="") as file:
        assert list(csv.reader(file)) == [HEADER, ["s-1", "'=1+1.csv", "7"], ["s-2", "'@名单.csv", "2次"]]
    assert placed.path.read_bytes().startswith(b"\xef\xbb\xbf")


def test_a_workbook_has_text_where_a_formula_could_be(tmp_path):
    write_usage(tmp_path / "usage.xlsx", HEADER, ROWS, title="使用明细")

    sheet = openpyxl.load_workbook(tmp_path / "usage.xlsx")["使用明细"]
    assert [[cell.value for cell in row] for row in sheet] == [HEADER, *ROWS]
    assert {cell.data_type for row in sheet for cell in row} == {"s", "n"}
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", "A1:C3")


def test_a_sheet_without_lines_has_its_header(tmp_path):
    write_usage(tmp_path / "usage.xlsx", HEADER, [], title="使用明细")

    assert [cell.value for cell in openpyxl.load_workbook(tmp_path / "usage.xlsx").active[1]] == HEADER


def test_another_kind_of_file_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"Usage cannot be written to 'usage\.pdf'"):
        write_usage(tmp_path / "usage.pdf", HEADER, ROWS, title="使用明细")
