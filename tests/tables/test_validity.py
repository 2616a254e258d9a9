"""Results of every kind are valid by the standard, and whoever judges that sees what is not."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from itertools import cycle
from zipfile import ZIP_DEFLATED, ZipFile

import openpyxl
import pytest
import xlsxwriter

from batchverify.model import Billed, Field, Outcome, RowSource, RowStatus, Sheet
from batchverify.tables.columns import choose_columns
from batchverify.tables.our_book import book_bytes
from batchverify.tables.reader import open_table
from batchverify.tables.writer import write_result
from batchverify.words import Lang
from tests.campaigns.corpus import sheet_of
from tests.campaigns.people import card_number, id_number
from tests.campaigns.writers import CSV_FORMS, WRITERS, write_csv
from tests.validity import faults, new_faults

SHEETS = [
    Sheet(title="Summary", rows=(("Summary",), (), ("Rows", "Count"), ("matched", 4)), widths=(20, 10), heading_rows=(2,)),
    Sheet(title="Legend", rows=(("Legend",), ("matched", "long " * 30)), widths=(20, 60)),
]


def result_of(source, folder, *, lang=Lang.EN, name="result.xlsx"):
    """Write the result of a file with an outcome of every status, without asking anybody."""
    statuses = cycle(RowStatus)
    with open_table(source, temporary=folder) as table:
        columns = choose_columns(table, wanted=[Field.NAME, Field.ID_CARD, Field.ACCOUNT_NO])
        annotated = (
            (record, Outcome(status=next(statuses), code="01", source=RowSource.ASKED, billed=Billed.YES, row_tag="s-a/1/x"))
            for record in table.records()
        )
        target = folder / name
        return write_result(table, annotated, target, lang=lang, simulated=True, sheets=lambda: SHEETS, columns=columns).path


@pytest.mark.parametrize(
    "kind", [kind for kind in WRITERS if not WRITERS[kind].suffix.startswith("xls")] + ["xls by xlwt", "csv gb18030"]
)
def test_a_workbook_of_ours_has_no_fault(kind, tmp_path):
    lines, _ = sheet_of(random.Random(3), typed=False, rare=True)
    if kind in CSV_FORMS:
        source = write_csv(tmp_path / "people.csv", lines, CSV_FORMS[kind])
    else:
        source = tmp_path / f"people.{WRITERS[kind].suffix}"
        WRITERS[kind].write(source, lines)

    result = result_of(source, tmp_path)

    assert faults(result) == []


@pytest.mark.parametrize("kind", ["openpyxl, rows as they come", "pandas by xlsxwriter"])
def test_a_result_in_the_users_workbook_has_no_fault_that_the_workbook_had_not(kind, tmp_path):
    """Also where the result is the input of the next one, in another language."""
    lines, _ = sheet_of(random.Random(4), typed=True, rare=True)
    source = tmp_path / f"people.{WRITERS[kind].suffix}"
    WRITERS[kind].write(source, lines)

    first = result_of(source, tmp_path)
    second = result_of(first, tmp_path, lang=Lang.ZH, name="second.xlsx")

    assert new_faults(first, source) == []
    assert new_faults(second, first) == []


def test_a_result_that_another_program_has_saved_has_no_new_fault_as_the_input_of_the_next(tmp_path):
    lines, _ = sheet_of(random.Random(4), typed=True, rare=True)
    WRITERS["xlsxwriter"].write(tmp_path / "people.xlsx", lines)
    edited = tmp_path / "edited.xlsx"
    openpyxl.load_workbook(result_of(tmp_path / "people.xlsx", tmp_path)).save(edited)

    assert new_faults(result_of(edited, tmp_path, name="next.xlsx"), edited) == []


def test_rows_have_room_for_long_sentences_where_nobody_has_chosen_their_height(tmp_path):
    """In a row with a height of its own all but the first line would be hidden: there a sentence runs on as far as its column goes."""
    source = tmp_path / "people.xlsx"
    with xlsxwriter.Workbook(source) as book:
        sheet = book.add_worksheet("名单")
        for number, line in enumerate([("姓名", "身份证号", "银行卡号"), *[("张三", id_number(1), card_number(1))] * 4]):
            sheet.write_row(number, 0, line)
        sheet.set_row(3, 36)
    code = Outcome(status=RowStatus.BLOCKED, code="precision_lost", source=RowSource.LOCAL, row_tag="s-a/1/x")
    matched = replace(code, status=RowStatus.MATCHED, code="01")
    outcomes = [code, matched, code, code]
    with open_table(source, temporary=tmp_path) as table:
        columns = choose_columns(table, wanted=[Field.NAME, Field.ID_CARD])
        for name in ("kept.xlsx", "own.xlsx"):
            annotated = zip(table.records(), outcomes, strict=True)
            write_result(
                table,
                annotated,
                tmp_path / name,
                lang=Lang.EN,
                simulated=True,
                sheets=tuple,
                columns=columns,
                mask=name == "own.xlsx",
            )

    kept, own = (openpyxl.load_workbook(tmp_path / name).worksheets[0] for name in ("kept.xlsx", "own.xlsx"))
    message = [cell.value for cell in kept[1]].index("bv_message")
    assert [bool(kept[row][message].alignment.wrap_text) for row in (2, 3, 4, 5)] == [True, False, False, True]
    assert [bool(own[row][message].alignment.wrap_text) for row in (2, 3, 4, 5)] == [True, False, True, True]
    assert [own.row_dimensions[row].height for row in (2, 3, 4, 5)] == [32, None, 32, 32]
    assert [kept.row_dimensions[row].height for row in (2, 3, 4, 5)] == [32, None, 36, 32]


def test_a_book_of_nothing_but_our_sheets_has_no_fault(tmp_path):
    path = tmp_path / "book.xlsx"
    path.write_bytes(book_bytes([replace(sheet, title="同") for sheet in SHEETS]))

    assert faults(path) == []


_SHEET, _STYLES, _BOOK = "xl/worksheets/sheet1.xml", "xl/styles.xml", "xl/workbook.xml"
_LINKS, _TYPES = "xl/_rels/workbook.xml.rels", "[Content_Types].xml"
#: What is done to which part, as pattern and replacement.
DISORDER = {
    "widths behind the rows": (_SHEET, rb"(<cols>.*</cols>)(.*</sheetData>)", rb"\2\1"),
    "a filter before the rows": (_SHEET, rb"(<sheetData>.*</sheetData>)(<autoFilter[^>]*/>)", rb"\2\1"),
    "rows in disorder": (_SHEET, rb'(<row r="4".*?</row>)(<row r="5".*?</row>)', rb"\2\1"),
    "cells in disorder": (_SHEET, rb'(<c r="A4".*?</c>)(<c r="B4".*?</c>)', rb"\2\1"),
    "a cell twice": (_SHEET, rb'(<c r="A4".*?</c>)', rb"\1\1"),
    "a cell of another row": (_SHEET, rb'<c r="A4"', rb'<c r="A5"'),
    "a type that nobody knows": (_SHEET, rb't="inlineStr"', rb't="inlinestring"'),
    "an attribute that nobody knows": (_SHEET, rb"<row ", rb'<row nr="1" '),
    "an element where none belongs": (_SHEET, rb"<is><t>([^<]*)</t></is>", rb"<is><v>\1</v></is>"),
    "a format that is not there": (_SHEET, rb's="\d+"', rb's="999"'),
    "a text that is not there": (_SHEET, rb't="inlineStr"><is>.*?</is>', rb't="s"><v>0</v>'),
    "a number that is none": (_SHEET, rb' t="inlineStr"><is>.*?</is>', rb"><v>1,5</v>"),
    "two widths of a column": (_SHEET, rb"(<col [^>]*/>)", rb"\1\1"),
    "no XML": (_SHEET, rb"</worksheet>", rb"</worksheets>"),
    "fills before fonts": (_STYLES, rb"(<fonts.*</fonts>)(<fills.*</fills>)", rb"\2\1"),
    "a wrong count": (_STYLES, rb'<fonts count="\d+"', rb'<fonts count="1"'),
    "a font that is not there": (_STYLES, rb'(<cellXfs.*?fontId=")\d+', rb"\g<1>99"),
    "a number format that is not there": (_STYLES, rb'(<cellXfs.*?numFmtId=")\d+', rb"\g<1>199"),
    "names before sheets": (_BOOK, rb"(<sheets>.*</sheets>)(<definedNames>.*</definedNames>)", rb"\2\1"),
    "two sheets of one title": (_BOOK, rb'name="To fix"', b'name="To retry"'),
    "two sheets of one number": (_BOOK, rb'sheetId="2"', rb'sheetId="1"'),
    "a name twice": (_BOOK, rb"(<definedName .*?</definedName>)", rb"\1\1"),
    "a name of no sheet": (_BOOK, rb'localSheetId="\d"', rb'localSheetId="9"'),
    "a title of too many letters": (_BOOK, rb'name="To fix"', b'name="' + b"x" * 32 + b'"'),
    "a sheet without a link": (_LINKS, rb"<Relationship [^>]*worksheet[^>]*/>", rb""),
    "a link to nothing": (_LINKS, rb"/xl/worksheets/sheet2.xml", rb"/xl/worksheets/sheet22.xml"),
    "a part without a type": (_TYPES, rb'<Override PartName="/xl/worksheets/sheet2[^>]*/>', rb""),
    "a type twice": (_TYPES, rb"(<Override [^>]*/>)", rb"\1\1"),
    "a type of no part": (_TYPES, rb"/xl/worksheets/sheet2.xml", rb"/xl/worksheets/sheet22.xml"),
}


def test_whoever_judges_sees_every_disorder_that_is_planted(tmp_path):
    lines = [("姓名", "身份证号", "银行卡号"), *[("张三", id_number(1), card_number(1))] * 5]
    source = write_csv(tmp_path / "people.csv", lines, CSV_FORMS["csv utf-8"])
    with ZipFile(result_of(source, tmp_path)) as result:
        parts = {name: result.read(name) for name in result.namelist()}
    unseen = []
    for disorder, (part, pattern, planted) in DISORDER.items():
        changed, count = re.subn(pattern, planted, parts[part], count=1, flags=re.DOTALL)
        assert count == 1, disorder
        path = tmp_path / "disorder.xlsx"
        with ZipFile(path, "w", ZIP_DEFLATED) as target:
            for name, content in (parts | {part: changed}).items():
                target.writestr(name, content)
        if not faults(path):
            unseen.append(disorder)

    assert unseen == []
