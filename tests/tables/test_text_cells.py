"""Blank cells beside people are text cells in every workbook that comes back, and nothing of what is filled changes."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from zipfile import ZipFile

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.styles import Alignment, Border, Font, PatternFill, Protection, Side

from batchverify.model import Field, Outcome, Record, RowSource, RowStatus, Sheet
from batchverify.tables.columns import choose_columns
from batchverify.tables.reader import open_table
from batchverify.tables.sheet_xml import RowXml, spans_of
from batchverify.tables.text_cells import TextCells, TextLooks
from batchverify.tables.writer import write_result
from batchverify.words import Lang
from tests.builders import a_row, a_sheet

HEADER = ["姓名", "身份证号", "银行卡号", "手机号", "备注"]
FIELDS = (Field.NAME, Field.ID_CARD, Field.ACCOUNT_NO, Field.MOBILE)
YELLOW = PatternFill("solid", fgColor="FFFFFF00")


def verified(source: Path, target: Path, *, status: RowStatus = RowStatus.BLOCKED) -> Path:
    with open_table(source, temporary=source.parent) as table:
        columns = choose_columns(table, wanted=FIELDS)
        outcome = Outcome(
            status=status, code="missing_field", source=RowSource.LOCAL, asked_at=datetime(2026, 11, 24, tzinfo=UTC)
        )
        annotated = ((record, outcome if record.cells[0] not in ("", "合计") else None) for record in table.records())
        sheets = [Sheet(title="Summary", rows=(("Summary",),), widths=(20,))]
        return write_result(table, annotated, target, lang=Lang.EN, simulated=True, sheets=lambda: sheets, columns=columns).path


def people() -> list[list[str]]:
    whole = [a_row(person, mobile="13800138000") for person in range(1, 5)]
    table = [[row["name"], row["idCard"], row["accountNo"], row["mobile"], "x"] for row in whole]
    table[1][2] = ""
    table[2][1] = table[2][3] = ""
    return table


def an_openpyxl_book(path: Path) -> Path:
    """Make a workbook in which one blank cell is painted, one is not there, and one stands in a formatted column."""
    book = openpyxl.Workbook()
    sheet = book.active
    for line in [HEADER, *people()]:
        sheet.append([cell or None for cell in line])
    painted = sheet["C3"]
    painted.fill, painted.font, painted.alignment = YELLOW, Font(bold=True), Alignment(horizontal="center")
    painted.border, painted.protection = Border(left=Side("thin")), Protection(locked=False)
    painted.number_format = "0.00"
    sheet["E4"].fill = YELLOW
    sheet.append(["合计", None, None, None, 3])
    book.save(path)
    return path


def cells_of_part(path: Path, part: str = "xl/worksheets/sheet1.xml") -> dict[tuple[int, int], bytes]:
    """Give the bytes of every cell, by row and column."""
    with ZipFile(path) as archive:
        rows = archive.read(part).split(b"<row ")[1:]
    found = {}
    for xml in rows:
        number = int(xml.split(b'"')[1])
        row = b"<row " + xml.split(b"</row>")[0] + b"</row>"
        found |= {(number, column): row[start:end] for column, start, end in spans_of(row)}
    return found


def test_blank_cells_of_numbers_become_text_in_the_users_own_workbook_and_keep_their_look(tmp_path):
    source = an_openpyxl_book(tmp_path / "a.xlsx")

    result = verified(source, tmp_path / "out.xlsx")

    sheet = openpyxl.load_workbook(result).worksheets[0]
    assert [sheet[place].number_format for place in ("C3", "B4", "D4")] == ["@"] * 3
    assert [sheet[place].value for place in ("C3", "B4", "D4")] == [None] * 3
    painted, before = sheet["C3"], openpyxl.load_workbook(source).worksheets[0]["C3"]
    for look in ("fill", "font", "alignment", "border", "protection"):
        assert repr(getattr(painted, look)) == repr(getattr(before, look)), look


def test_whatever_is_filled_and_whatever_is_no_number_keeps_its_bytes(tmp_path):
    source = an_openpyxl_book(tmp_path / "a.xlsx")

    result = verified(source, tmp_path / "out.xlsx")

    before, after = cells_of_part(source), cells_of_part(result)
    blank = {(3, 2), (4, 1), (4, 3)}
    assert {place: after[place] for place in before if place not in blank} == {
        place: cell for place, cell in before.items() if place not in blank
    }
    assert {place for place in after if place[1] < len(HEADER)} == set(before) | blank
    # The sum has no person, so its blank cells are nobody's to fill in.
    assert (6, 1) not in after


def test_a_blank_cell_that_is_not_there_takes_the_format_of_its_row_or_column(tmp_path):
    import xlsxwriter

    path = tmp_path / "a.xlsx"
    book = xlsxwriter.Workbook(path)
    sheet = book.add_worksheet("名单")
    red, text = book.add_format({"bg_color": "#FF0000"}), book.add_format({"num_format": "@"})
    sheet.set_column(1, 1, 20, red)
    sheet.set_column(3, 3, 20, text)
    for number, line in enumerate([HEADER, *people()]):
        for column, cell in enumerate(line):
            if cell:
                sheet.write_string(number, column, cell)
    book.close()

    result = verified(path, tmp_path / "out.xlsx")

    read = openpyxl.load_workbook(result).worksheets[0]
    assert (read["B4"].number_format, read["B4"].fill.fgColor.rgb) == ("@", "FFFF0000")
    assert read["C3"].number_format == "@"
    # Its column is text already, so what is typed there is: nothing is written.
    assert (4, 3) not in cells_of_part(result)


def test_a_result_that_comes_back_does_not_grow(tmp_path):
    first = verified(an_openpyxl_book(tmp_path / "a.xlsx"), tmp_path / "one.xlsx")

    second = verified(first, tmp_path / "two.xlsx")

    with ZipFile(first) as one, ZipFile(second) as two:
        assert one.read("xl/styles.xml") == two.read("xl/styles.xml")
    assert cells_of_part(first) == cells_of_part(second)


@pytest.mark.parametrize("kind", ["xlsx", "csv"])
def test_blank_cells_of_our_own_sheets_are_text_too(tmp_path, kind):
    table = [dict(zip(("name", "idCard", "accountNo", "mobile", "备注"), line, strict=True)) for line in people()]
    source = a_sheet(tmp_path, table, name=f"people.{kind}")

    book = openpyxl.load_workbook(verified(source, tmp_path / "out.xlsx"))

    assert [sheet.title for sheet in book][-2:] == ["To fix", "To retry"]
    for sheet in (book.worksheets[0], book["To fix"]):
        assert [(sheet[place].value, sheet[place].number_format) for place in ("C3", "B4", "D4")] == [(None, "@")] * 3


def test_the_list_to_retry_has_text_cells_too(tmp_path):
    result = verified(an_openpyxl_book(tmp_path / "a.xlsx"), tmp_path / "out.xlsx", status=RowStatus.FAILED)

    sheet = openpyxl.load_workbook(result)["To retry"]

    assert [(sheet[place].value, sheet[place].number_format) for place in ("C3", "B4", "D4")] == [(None, "@")] * 3


STYLES = b'<styleSheet><cellXfs count="2"><xf numFmtId="0" fontId="1"/><xf numFmtId="49" fontId="2"><protection/></xf></cellXfs></styleSheet>'


@pytest.mark.parametrize(
    ("xml", "expected"),
    [
        (b'<row r="2"/>', b'<row r="2"><c r="B2" s="2"/></row>'),
        (b'<row r="2"></row>', b'<row r="2"><c r="B2" s="2"/></row>'),
        (b'<row r="2"><c r="A2"/></row>', b'<row r="2"><c r="A2"/><c r="B2" s="2"/></row>'),
        (b'<row r="2"><c r="C2"/></row>', b'<row r="2"><c r="B2" s="2"/><c r="C2"/></row>'),
        (b'<row r="2"><c r="B2"/></row>', b'<row r="2"><c r="B2" s="2"/></row>'),
        (b'<row r="2"><c r="B2" t="n"></c></row>', b'<row r="2"><c r="B2" s="2"/></row>'),
        (b'<row r="2"><c/><c/><c/></row>', b'<row r="2"><c/><c s="2"/><c/></row>'),
        (b'<row r="2"><c r="B2" s="1"/></row>', b'<row r="2"><c r="B2" s="1"/></row>'),
        (b'<row r="2"><c r="B2" s="9"/></row>', b'<row r="2"><c r="B2" s="9"/></row>'),
        (b'<row r="2" s="1" customFormat="1"></row>', b'<row r="2" s="1" customFormat="1"></row>'),
        (b'<row r="2" s="1"></row>', b'<row r="2" s="1"><c r="B2" s="2"/></row>'),
        (b'<row r="2"><c r="B2" t="str"><f>""</f><v></v></c></row>', b'<row r="2"><c r="B2" t="str"><f>""</f><v></v></c></row>'),
        (b'<row r="2"><c r="A2"/><extLst/></row>', b'<row r="2"><c r="A2"/><c r="B2" s="2"/><extLst/></row>'),
    ],
)
def test_each_spelling_of_a_row_gets_its_text_cell(xml, expected):
    looks = TextLooks(STYLES)
    cells = TextCells([1], looks, head=b"<worksheet><sheetData>")

    row = cells.applied(RowXml(2, b"", xml, False), Record(number=2, cells=("x", "", "")))

    assert row.xml == expected
    added = b'<xf numFmtId="49" applyNumberFormat="1" fontId="1"/>'
    assert looks.part() == (
        STYLES.replace(b'count="2"', b'count="3"').replace(b"</cellXfs>", added + b"</cellXfs>") if row.xml != xml else STYLES
    )


@pytest.mark.parametrize(
    ("xml", "expected"),
    [
        (b'<row r="2"/>', b'<row r="2">B2C2D2</row>'),
        (b'<row r="2"></row>', b'<row r="2">B2C2D2</row>'),
        (b'<row r="2"><c r="A2"/></row>', b'<row r="2"><c r="A2"/>B2C2D2</row>'),
        (b'<row r="2"><c r="C2" s="1"/></row>', b'<row r="2">B2<c r="C2" s="1"/>D2</row>'),
        (b'<row r="2"><c r="C2"/><c r="F2"/></row>', b'<row r="2">B2C2D2<c r="F2"/></row>'),
    ],
)
def test_several_text_cells_of_a_row_stand_in_their_order(xml, expected):
    """Out of order they would be a workbook that Excel wants to repair, and that is refused here."""
    cells = TextCells([1, 2, 3], TextLooks(STYLES), head=b"<worksheet><sheetData>")

    row = cells.applied(RowXml(2, b"", xml, False), Record(number=2, cells=("x", "", "", "")))

    assert re.sub(rb'<c r="([BCD]2)" s="2"/>', rb"\1", row.xml) == expected


def test_a_row_without_blanks_is_the_same_row():
    row = RowXml(2, b"", b'<row r="2"><c r="B2"><v>1</v></c></row>', False)

    assert TextCells([1], TextLooks(STYLES), head=b"").applied(row, Record(number=2, cells=("x", "1"))) is row


def test_a_sheet_that_was_painted_cell_by_cell_gets_no_more_than_32_formats():
    formats = b"".join(b'<xf numFmtId="0" fontId="%d"/>' % font for font in range(100))
    looks = TextLooks(b"<styleSheet><cellXfs>" + formats + b"</cellXfs></styleSheet>")

    numbers = [looks.as_text(style) for style in range(100)]

    assert numbers == [*range(100, 132), *range(32, 100)]
    assert looks.part().count(b'numFmtId="49"') == 32


@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"", b' applyNumberFormat="0"', b' quotePrefix="1"']),
            st.sampled_from([0, 2, 49, 164]),
            st.booleans(),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_a_format_as_text_differs_from_its_own_in_nothing_else(formats):
    spelled = [
        b'<xf numFmtId="%d" fontId="%d"%b%b' % (number, place, extra, b"><alignment/></xf>" if has_child else b"/>")
        for place, (extra, number, has_child) in enumerate(formats)
    ]
    looks = TextLooks(b'<styleSheet><cellXfs count="9">' + b"".join(spelled) + b"</cellXfs></styleSheet>")

    numbers = [looks.as_text(style) for style in range(len(spelled))]

    part = looks.part()
    listed = part[part.index(b">", part.index(b"<cellXfs")) + 1 : part.index(b"</cellXfs>")]
    assert listed.startswith(b"".join(spelled))
    after = [b"<xf" + one for one in listed.split(b"<xf")[1:]]
    for place, number in enumerate(numbers):
        assert b'numFmtId="49"' in after[number]
        assert b'fontId="%d"' % place in after[number]
        assert (b"quotePrefix" in after[number], b"<alignment/>" in after[number]) == (
            b"quotePrefix" in spelled[place],
            b"<alignment/>" in spelled[place],
        )
    assert looks.part() == part
