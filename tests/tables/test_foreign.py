"""Old and foreign workbooks: read by a process of its own, each cell as the file has it, or refused with the way out."""

from __future__ import annotations

import datetime as dt
import os
import struct
import zipfile
from pathlib import Path

import pytest
import xlwt
from odf.opendocument import OpenDocumentSpreadsheet
from odf.table import Table as OdfTable
from odf.table import TableCell, TableRow
from odf.text import P

from batchverify.errors import InputError
from batchverify.job import Asking, Options
from batchverify.model import NumberCell, OddCell, Product
from batchverify.tables import foreign
from batchverify.tables.reader import SheetEntry, open_table

HEADER = ("姓名", "身份证号", "备注")
PERSON = ("测试甲", "110101199003071233", "NA")
DAMAGED = 110101199003071234


@pytest.fixture
def opened(tmp_path):
    tables = []

    def open_path(path, **options):
        tables.append(open_table(path, temporary=tmp_path, **options))
        return tables[-1]

    yield open_path
    for table in tables:
        table.close()


def an_xls(path: Path) -> Path:
    """Write an old workbook with a note, a list that begins at B2, and a hidden sheet."""
    book = xlwt.Workbook(encoding="utf-8")
    book.add_sheet("说明").write(0, 0, "请填写名单")
    sheet = book.add_sheet("名单")
    for row, cells in enumerate((HEADER, PERSON), 1):
        for column, cell in enumerate(cells, 1):
            sheet.write(row, column, cell)
    sheet.write(4, 2, DAMAGED)
    sheet.write(4, 3, True)
    sheet.write(5, 2, 13800138000)
    sheet.write(5, 3, dt.date(2026, 11, 24), xlwt.easyxf(num_format_str="YYYY-MM-DD"))
    hidden = book.add_sheet("旧")
    hidden.visibility = 1
    hidden.write(0, 0, "姓名")
    book.save(str(path))
    return path


def an_ods(path: Path) -> Path:
    """Write an OpenDocument spreadsheet with a list."""
    book = OpenDocumentSpreadsheet()
    sheet = OdfTable(name="名单")
    for cells in (HEADER, PERSON):
        row = TableRow()
        for cell in cells:
            written = TableCell(valuetype="string")
            written.addElement(P(text=cell))
            row.addElement(written)
        sheet.addElement(row)
    row = TableRow()
    row.addElement(TableCell())
    row.addElement(TableCell(valuetype="float", value=DAMAGED))
    sheet.addElement(row)
    book.spreadsheet.addElement(sheet)
    book.save(str(path))
    return path


def _record(kind: int, body: bytes) -> bytes:
    """Spell a record of a binary workbook: its kind and size in groups of seven bits, then its body (MS-XLSB 2.1.4)."""
    spelled = bytes([kind]) if kind < 128 else bytes([kind & 0x7F | 0x80, kind >> 7])
    size = len(body)
    while size > 127:
        spelled, size = spelled + bytes([size & 0x7F | 0x80]), size >> 7
    return spelled + bytes([size]) + body


def _text(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def an_xlsb(path: Path) -> Path:
    """Write a binary workbook of one sheet, record by record."""
    rows = b""
    for number, cells in enumerate((HEADER, PERSON)):
        rows += _record(0, struct.pack("<IIHHBI", number, 0, 300, 0, 0, 0))
        rows += b"".join(_record(6, struct.pack("<II", column, 0) + _text(cell)) for column, cell in enumerate(cells))
    rows += _record(0, struct.pack("<IIHHBI", 2, 0, 300, 0, 0, 0)) + _record(5, struct.pack("<IId", 1, 0, float(DAMAGED)))
    sheet = _record(129, b"") + _record(148, struct.pack("<IIII", 0, 2, 0, 2)) + _record(145, b"") + rows + _record(146, b"")
    bundle = _record(156, struct.pack("<II", 0, 1) + _text("rId1") + _text("名单"))
    parts = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="bin" ContentType="application/vnd.ms-excel.sheet.binary.macroEnabled.main"/></Types>',
        "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" '
        'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.bin"/>'
        "</Relationships>",
        "xl/_rels/workbook.bin.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" '
        'Target="worksheets/sheet1.bin"/></Relationships>',
        "xl/workbook.bin": _record(131, b"") + _record(143, b"") + bundle + _record(144, b"") + _record(132, b""),
        "xl/worksheets/sheet1.bin": sheet + _record(130, b""),
    }
    with zipfile.ZipFile(path, "w") as zipped:
        for name, content in parts.items():
            zipped.writestr(name, content)
    return path


WRITERS = {"xls": an_xls, "ods": an_ods, "xlsb": an_xlsb}


def test_an_old_workbook_keeps_places_types_and_digits(tmp_path, opened):
    table = opened(an_xls(tmp_path / "people.xls"))

    assert (table.kind, table.sheet, table.header_row, table.header[1:]) == ("xls", "名单", 2, HEADER)
    assert table.sheets == (
        SheetEntry(name="说明", hidden=False, rows=1),
        SheetEntry(name="名单", hidden=False, rows=6),
        SheetEntry(name="旧", hidden=True, rows=1),
    )
    expected = [
        (3, ("", *PERSON)),
        (5, ("", "", NumberCell(literal="110101199003071232"), OddCell(kind="boolean", text="TRUE"))),
        (6, ("", "", NumberCell(literal="13800138000"), OddCell(kind="date", text="2026-11-24"))),
    ]
    assert [(record.number, record.cells) for record in table.records()] == expected
    assert [(record.number, record.cells) for record in table.records()] == expected


@pytest.mark.parametrize("kind", WRITERS)
def test_each_kind_is_known_by_its_content_and_a_number_keeps_its_type(kind, tmp_path, opened):
    table = opened(WRITERS[kind](tmp_path / "people.csv"))

    rows = [[cell for cell in record.cells if cell != ""] for record in table.records()]

    assert table.kind == kind
    assert rows[0] == list(PERSON)
    assert isinstance(rows[1][0], NumberCell)


@pytest.mark.parametrize("kind", WRITERS)
def test_a_damaged_number_of_each_kind_is_blocked_and_the_others_are_asked(kind, desk, sandbox):
    path = WRITERS[kind](desk.folder / f"people.{kind}")

    seen = desk.verify(path, options=Options(asking=Asking(product=Product.ID2)))

    assert sandbox.bill.total() == 1
    assert seen.counts() == {"matched": 1, "blocked": 2 if kind == "xls" else 1}
    assert seen.path.name == "people.verified.xlsx"


def test_the_named_sheet_is_read_and_a_wrong_name_is_answered_with_those_there_are(tmp_path, opened):
    path = an_xls(tmp_path / "people.xls")

    assert opened(path, sheet="旧").header == ("姓名",)
    with pytest.raises(InputError, match=r"^people\.xls has no sheet '名册'\. It has: 说明, 名单, 旧\.$"):
        opened(path, sheet="名册")


def test_hidden_rows_cannot_be_left_out_where_they_are_not_told(tmp_path, opened):
    with pytest.raises(InputError, match=r"^people\.ods does not show which rows are hidden\. Save it as \.xlsx, or leave out"):
        opened(an_ods(tmp_path / "people.ods"), skip_hidden=True)


def test_a_workbook_that_its_reader_breaks_down_on_ends_in_a_sentence(tmp_path, opened):
    """Two cells at the ends of a sheet make the reader want 17 thousand million cells."""
    rows = b"".join(
        _record(0, struct.pack("<IIHHBI", number, 0, 300, 0, 0, 0)) + _record(6, struct.pack("<II", column, 0) + _text("x"))
        for number, column in ((0, 0), (1_048_575, 16_383))
    )
    path = an_xlsb(tmp_path / "whole.xlsb")
    with zipfile.ZipFile(path) as whole, zipfile.ZipFile(tmp_path / "far.xlsb", "w") as far:
        for name in whole.namelist()[:-1]:
            far.writestr(name, whole.read(name))
        sheet = _record(129, b"") + _record(148, struct.pack("<IIII", 0, 1_048_575, 0, 16_383)) + _record(145, b"")
        far.writestr("xl/worksheets/sheet1.bin", sheet + rows + _record(146, b"") + _record(130, b""))
    with pytest.raises(InputError, match=r"^far\.xlsb (cannot be read|needs more memory).* save it as \.xlsx\.$"):
        opened(tmp_path / "far.xlsb")


def test_what_only_looks_like_an_old_workbook_is_refused(tmp_path, opened):
    (tmp_path / "people.xls").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600)

    with pytest.raises(
        InputError, match=r"^people\.xls is damaged, far too large or of an unknown kind\. Open it in Excel, WPS or"
    ):
        opened(tmp_path / "people.xls")


def test_a_workbook_that_takes_too_long_is_given_up(tmp_path, opened, monkeypatch):
    monkeypatch.setattr(foreign, "_PATIENCE_SECONDS", 0.001)

    with pytest.raises(InputError, match=r"^people\.xls takes longer to read than 0\.001 s\. Open it in Excel"):
        opened(an_xls(tmp_path / "people.xls"))


@pytest.mark.parametrize("columns", [30, 900])
@pytest.mark.skipif(os.name == "nt", reason="Windows has no such limits")
def test_the_reading_process_may_not_use_more_memory_than_it_was_given(tmp_path, opened, columns):
    """A spreadsheet of 3 kB whose one row is repeated a million times."""
    path = an_ods(tmp_path / "people.ods")
    with zipfile.ZipFile(path) as whole, zipfile.ZipFile(tmp_path / "bomb.ods", "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr(zipfile.ZipInfo("mimetype"), whole.read("mimetype"))
        content = whole.read("content.xml").decode()
        content = content.replace("<table:table-row>", '<table:table-row table:number-rows-repeated="1000000">')
        content = content.replace("<table:table-cell ", f'<table:table-cell table:number-columns-repeated="{columns}" ')
        bomb.writestr("content.xml", content)
        for name in ("styles.xml", "meta.xml", "META-INF/manifest.xml"):
            bomb.writestr(name, whole.read(name))

    with pytest.raises(InputError, match=r"^bomb\.ods (cannot be read|needs more memory|is damaged, far too large)"):
        opened(tmp_path / "bomb.ods")
