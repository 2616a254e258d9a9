"""A workbook with everything that offices put in: after a run all of it is there, byte for byte, but for what we had to touch."""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile
from xml.etree.ElementTree import canonicalize

import openpyxl
import pytest

from batchverify.job import Options
from batchverify.tables.reader import open_table
from tests.builders import a_card
from tests.rich_workbook import LIST_PART, PIVOT_PARTS, PIVOT_SHEET_PART, rich_workbook
from tests.validity import faults, new_faults

#: The parts that have to change: the annotated sheet, and those that list what is in the workbook. Cell formats are added.
TOUCHED = {"[Content_Types].xml", "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/styles.xml", LIST_PART}
#: What is ours in those, to be taken out again: the rest must be the user's own bytes.
_OURS = {
    "[Content_Types].xml": [rb'<Override PartName="/xl/worksheets/sheet(?:\d\d+)\.xml"[^>]*/>'],
    "xl/_rels/workbook.xml.rels": [rb'<Relationship Id="[^"]*" Type="[^"]*/worksheet" Target="/[^"]*"/>'],
    "xl/workbook.xml": [
        rb'<sheet xmlns:r="[^"]*" name="[^"]*" sheetId="\d+" r:id="[^"]*"/>',
        rb'<definedName name="bv_sheet_\d+"[^>]*>[^<]*</definedName>',
        rb'<definedName name="_xlnm._FilterDatabase" localSheetId="[6-9]"[^>]*>[^<]*</definedName>',
    ],
}


@pytest.fixture
def verified(desk, tmp_path):
    source = rich_workbook(desk.folder / "people.xlsx", temporary=tmp_path)
    return source, desk.verify(source, options=Options()).path


@pytest.fixture
def parts(verified):
    """Give the parts of the input and of the result."""

    def read(path):
        with zipfile.ZipFile(path) as opened:
            assert opened.testzip() is None
            return {name: opened.read(name) for name in opened.namelist()}

    return tuple(map(read, verified))


def test_every_part_that_is_not_ours_to_change_is_the_same_byte_for_byte(parts):
    before, after = parts

    assert {name for name, content in before.items() if after.get(name) != content} == TOUCHED
    for name in (*PIVOT_PARTS, PIVOT_SHEET_PART):
        assert after[name] == before[name]
    for kind in (
        "comments1",
        "vmlDrawing1",
        "drawing2",
        "chart1",
        "image1",
        "table1",
        "sheet3",
        "sheet4",
        "theme1",
        "sharedStrings",
    ):
        (name,) = (name for name in before if re.search(rf"/{kind}\.\w+$", name))
        assert after[name] == before[name]


def test_of_the_parts_that_list_what_is_in_the_workbook_only_our_own_lines_are_new(parts):
    before, after = parts

    for name, ours in _OURS.items():
        left = after[name]
        for pattern in ours:
            left, count = re.subn(pattern, b"", left)
            assert count > 0, (name, pattern)
        assert left == before[name], name


def test_formats_of_the_user_keep_their_places(parts):
    before, after = (opened["xl/styles.xml"].decode() for opened in parts)

    for each in ("fonts", "fills", "cellXfs"):
        old, new = (re.search(rf"<{each}[^>]*>(.*?)</{each}>", styles, re.DOTALL) for styles in (before, after))
        assert new[1].startswith(old[1])
        assert len(new[1]) > len(old[1])
        before, after = before.replace(old[0], ""), after.replace(new[0], "")
    assert before == after


def test_of_the_annotated_sheet_only_rows_grow_and_all_that_stands_around_them_is_the_same(parts):
    before, after = (opened[LIST_PART] for opened in parts)

    (old_head, old_rows, old_tail), (new_head, new_rows, new_tail) = (
        re.fullmatch(rb"(.*<sheetData>)(.*)(</sheetData>.*)", sheet, re.DOTALL).groups() for sheet in (before, after)
    )
    assert new_tail == old_tail
    kept = "autoFilter conditionalFormatting dataValidation hyperlink headerFooter colBreaks drawing legacyDrawing x14:sparkline"
    assert [word for word in kept.split() if f"<{word}".encode() not in new_tail] == []
    without = [re.sub(rb"<dimension[^>]*/>|<cols>.*</cols>", b"", head) for head in (old_head, new_head)]
    assert without[0] == without[1]
    assert b'<col min="1" max="1" width="30.7109375"' in new_head
    for old, new in zip(*(rows.split(b"</row>") for rows in (old_rows, new_rows)), strict=True):
        assert new.startswith(re.sub(rb' spans="[^"]*"', b"", old))


def test_the_result_has_no_fault_that_its_input_had_not(verified):
    source, result = verified

    assert faults(source) == []
    assert new_faults(result, source) == []


def test_a_result_that_is_verified_again_has_its_old_sheets_replaced_and_all_else_as_before(verified, desk, parts):
    source, result = verified
    again = desk.rerun(result).path

    with zipfile.ZipFile(again) as opened:
        after = {name: opened.read(name) for name in opened.namelist()}

    assert {name for name, content in parts[0].items() if after.get(name) != content} == TOUCHED
    assert len(after) == len(parts[1])
    assert canonicalize(after["xl/styles.xml"]) == canonicalize(parts[1]["xl/styles.xml"])
    assert new_faults(again, source) == []


def test_the_rows_of_the_result_are_those_of_the_input(verified, tmp_path):
    source, result = verified
    with open_table(source, temporary=tmp_path) as before, open_table(result, temporary=tmp_path) as after:
        old = [record.cells[:5] for record in before.records()]
        assert [record.cells[:5] for record in after.records()][: len(old)] == old
        assert [entry.name for entry in after.sheets][:6] == [entry.name for entry in before.sheets]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*extension is not supported:UserWarning")  # openpyxl, of which nothing is kept here
@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not on this machine")
def test_what_libreoffice_saves_is_bought_no_second_time_all_of_theirs_is_as_it_was_and_an_edited_row_is_found(
    verified, desk, sandbox
):
    source, result = verified
    asked = sandbox.bill.total()
    saved = desk.folder / "saved"
    command = ["soffice", "--headless", "--convert-to", "xlsx", "--outdir", str(saved), str(result)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    with zipfile.ZipFile(saved / result.name) as opened:
        kinds = {name.split("/")[1].rstrip("0123456789.xml") for name in opened.namelist() if name.startswith("xl/")}
    assert {"pivotTables", "pivotCache", "charts", "comments", "media", "tables"} <= kinds

    again = desk.rerun(saved / result.name)

    assert sandbox.bill.total() == asked
    assert again.counts() == {"matched": 8}
    theirs = [[cell.value for cell in row[:5]] for row in openpyxl.load_workbook(source)["名单"].iter_rows(max_row=9)]
    assert [[cell.value for cell in row[:5]] for row in openpyxl.load_workbook(again.path)["名单"].iter_rows(max_row=9)] == theirs

    book = openpyxl.load_workbook(saved / result.name)
    book["名单"]["C3"] = a_card(77)
    book.save(saved / "edited.xlsx")

    edited = desk.rerun(saved / "edited.xlsx")

    assert sandbox.bill.total() == asked + 1
    assert edited.counts() == {"matched": 8}
