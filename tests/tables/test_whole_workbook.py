"""A workbook with everything that offices put in: after a run all of it is there, byte for byte, but for what we had to touch."""

from __future__ import annotations

import shutil
import struct
import subprocess
import zipfile
import zlib

import pytest
import xlsxwriter

from batchverify.job import Options
from batchverify.tables.reader import open_table
from tests.builders import a_row

#: The parts that have to change: the annotated sheet, and those that list what is in the workbook. Cell formats are added.
TOUCHED = {"[Content_Types].xml", "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/styles.xml", "xl/worksheets/sheet2.xml"}


def _picture() -> bytes:
    """Spell a PNG of one red dot."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0\xff\0\0")) + chunk(b"IEND", b"")


def rich_workbook(path, picture):
    """Write a list of people among charts, pictures, comments, checks, formats, names, protected and hidden sheets."""
    picture.write_bytes(_picture())
    with xlsxwriter.Workbook(path) as book:
        bold, money, text = (book.add_format(one) for one in ({"bold": True}, {"num_format": "#,##0.00"}, {"num_format": "@"}))
        figures = book.add_worksheet("统计")
        figures.write_column(0, 0, [3, 1, 2], money)
        figures.write_formula("B1", "=SUM(A1:A3)", money, 6)
        chart = book.add_chart({"type": "column"})
        chart.add_series({"values": "=统计!$A$1:$A$3"})
        figures.insert_chart("D2", chart)
        figures.insert_image("D20", str(picture))
        people = book.add_worksheet("名单")
        people.write_row(0, 0, ["姓名", "身份证号", "银行卡号", "金额", "链接"], bold)
        for number in range(1, 9):
            people.write_row(number, 0, list(a_row(number).values())[:3], text)
            people.write_number(number, 3, number * 1.5, money)
        people.write_url("E2", "https://example.com/a", string="说明")
        people.write_comment("A2", "测试批注")
        people.conditional_format("D2:D9", {"type": "data_bar"})
        people.data_validation("E3:E9", {"validate": "list", "source": ["是", "否"]})
        people.set_column("A:A", 30)
        people.set_row(4, 40)
        people.freeze_panes(1, 1)
        people.autofilter("A1:E9")
        people.insert_image("H3", str(picture))
        locked = book.add_worksheet("密")
        locked.protect("x")
        locked.write(0, 0, "受保护", bold)
        hidden = book.add_worksheet("藏")
        hidden.hide()
        hidden.write(0, 0, "隐藏")
        table = book.add_worksheet("表")
        table.add_table("A1:B3", {"data": [["甲", 1], ["乙", 2]], "columns": [{"header": "部门"}, {"header": "人数"}]})
        book.define_name("合计", "=统计!$B$1")
        book.set_properties({"title": "核验名单", "author": "测试"})
    return path


@pytest.fixture
def verified(desk, tmp_path):
    source = rich_workbook(desk.folder / "people.xlsx", tmp_path / "dot.png")
    return source, desk.verify(source, options=Options()).path


def test_every_part_that_is_not_ours_to_change_is_the_same_byte_for_byte(verified):
    source, result = verified
    with zipfile.ZipFile(source) as before, zipfile.ZipFile(result) as after:
        theirs = set(before.namelist())
        assert len(theirs) > 20
        assert theirs <= set(after.namelist())
        assert {name for name in theirs if before.read(name) != after.read(name)} == TOUCHED
        assert after.testzip() is None


def test_the_annotated_sheet_keeps_all_that_stands_around_and_in_its_rows(verified):
    source, result = verified
    with zipfile.ZipFile(source) as before, zipfile.ZipFile(result) as after:
        old, new = (opened.read("xl/worksheets/sheet2.xml").decode() for opened in (before, after))

    for kept in ("<conditionalFormatting", "<dataValidation ", "<drawing ", "<legacyDrawing ", "<hyperlink ", "customHeight"):
        assert old.count(kept) == new.count(kept) > 0
    for cell in ("A2", "C5", "D9", "E2"):
        spelled = old[old.index(f'<c r="{cell}"') :].partition("</c>")[0]
        assert spelled in new


def test_the_rows_of_the_result_are_those_of_the_input(verified, tmp_path):
    source, result = verified
    with open_table(source, temporary=tmp_path) as before, open_table(result, temporary=tmp_path) as after:
        old = [record.cells[:5] for record in before.records()]
        assert [record.cells[:5] for record in after.records()][: len(old)] == old
        assert [entry.name for entry in after.sheets][:5] == [entry.name for entry in before.sheets]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not on this machine")
def test_libreoffice_opens_the_result_and_what_it_saves_is_bought_no_second_time(verified, desk, sandbox):
    _, result = verified
    asked = sandbox.bill.total()
    saved = desk.folder / "saved"
    command = ["soffice", "--headless", "--convert-to", "xlsx", "--outdir", str(saved), str(result)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)

    again = desk.rerun(saved / result.name)

    assert sandbox.bill.total() == asked
    assert again.counts() == {"matched": 8}
