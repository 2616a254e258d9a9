"""The parts that tie a workbook together, ours and edited ones."""

from __future__ import annotations

import io
from zipfile import ZipFile

import openpyxl
import pytest

from batchverify.tables.sheet_xml import NotPlain
from batchverify.tables.workbook_xml import OurSheet, TheirWorkbook, extended_workbook, sheet_title

WORKBOOK = (
    b'<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="R"><bookViews><workbookView activeTab="3"/>'
    b'</bookViews><sheets><sheet name="To fix" sheetId="7" r:id="rId1"/><sheet name="A &amp; \'B\'" sheetId="2" r:id="rId2"/></sheets>'
    b"%b<calcPr/></workbook>"
)
NAMES = (
    b'<definedNames><definedName name="bv_sheet_1" hidden="1">\'To fix\'!$A$1</definedName>'
    b'<definedName name="_xlnm._FilterDatabase" localSheetId="0">X!$A$1</definedName>'
    b'<definedName name="_xlnm.Print_Area" localSheetId="1">Y!$A$1</definedName><definedName name="rate">3</definedName></definedNames>'
)
LINKS = (
    b'<Relationships><Relationship Id="rId1" Type="t/worksheet" Target="worksheets/sheet1.xml"/>'
    b'<Relationship Id="rId2" Type="t/worksheet" Target="/xl/worksheets/sheet2.xml"/>'
    b'<Relationship Id="rId3" Type="t/vbaProject" Target="vbaProject.bin"/><Relationship Id="rId4" Type="t/styles" Target="styles.xml"/></Relationships>'
)
TYPES = (
    b'<Types><Override PartName="/xl/workbook.xml" ContentType="application/vnd.ms-excel.sheet.macroEnabled.main+xml"/>'
    b'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="w"/><Override PartName="/xl/vbaProject.bin" ContentType="v"/></Types>'
)
ROOT = b'<Relationships><Relationship Id="rId1" Type="t/officeDocument" Target="xl/workbook.xml"/></Relationships>'
OURS = [OurSheet(title="It's", part="xl/worksheets/sheet9.xml", filtered="A1:C9")]


def a_package(**changes: bytes | None) -> ZipFile:
    parts = {
        "_rels/.rels": ROOT,
        "xl/workbook.xml": WORKBOOK % NAMES,
        "xl/_rels/workbook.xml.rels": LINKS,
        "[Content_Types].xml": TYPES,
    } | changes
    buffer = io.BytesIO()
    with ZipFile(buffer, "w") as archive:
        for name, content in parts.items():
            if content is not None:
                archive.writestr(name, content)
    return ZipFile(buffer)


def test_titles_are_what_excel_accepts():
    assert sheet_title("a[b]:c*d?e/f\\g", taken=()) == "a_b__c_d_e_f_g"
    assert sheet_title("x" * 40, taken=["X" * 31]) == "x" * 27 + " (2)"
    assert sheet_title("History", taken=()) == "History (2)"
    assert sheet_title("''", taken=()) == "Sheet1"
    assert sheet_title("a", taken=["A", "a (2)"]) == "a (3)"


def test_their_sheets_and_our_marks_are_found():
    theirs = TheirWorkbook.read(a_package())

    assert [(sheet.title, sheet.part, sheet.marked) for sheet in theirs.sheets] == [
        ("To fix", "xl/worksheets/sheet1.xml", True),
        ("A & 'B'", "xl/worksheets/sheet2.xml", False),
    ]
    assert theirs.styles_part == "xl/styles.xml"
    assert theirs.has_macros


def test_a_mark_is_found_as_libreoffice_spells_it():
    spelled = NAMES.replace(b"'To fix'", b"&apos;To fix&apos;")

    assert TheirWorkbook.read(a_package(**{"xl/workbook.xml": WORKBOOK % spelled})).sheets[0].marked


def test_a_dropped_sheet_goes_and_every_local_name_still_points_at_its_sheet():
    theirs = TheirWorkbook.read(a_package())

    parts = extended_workbook(theirs, OURS, dropped=[theirs.sheets[0]], keep_macros=False)

    workbook = parts["xl/workbook.xml"].decode()
    assert "To fix" not in workbook
    assert "activeTab" not in workbook
    assert (
        '<definedName name="_xlnm.Print_Area" localSheetId="0">Y!$A$1</definedName><definedName name="rate">3</definedName>'
        in workbook
    )
    assert "<definedName name=\"bv_sheet_1\" hidden=\"1\">'It''s'!$A$1</definedName>" in workbook
    assert '<definedName name="_xlnm._FilterDatabase" localSheetId="1" hidden="1">\'It\'\'s\'!$A$1:$C$9</definedName>' in workbook
    assert 'name="It\'s" sheetId="8" r:id="rIdBv1"/></sheets>' in workbook
    assert b"rId1" not in parts["xl/_rels/workbook.xml.rels"]
    assert b"vba" not in parts["xl/_rels/workbook.xml.rels"]
    assert b"sheet.main+xml" in parts["[Content_Types].xml"]
    assert b"sheet1.xml" not in parts["[Content_Types].xml"]
    assert b"vbaProject" not in parts["[Content_Types].xml"]


@pytest.mark.parametrize("names", [b"", b"<definedNames/>", b"<definedNames />", b"<definedNames></definedNames>"])
def test_without_names_a_list_of_them_is_put_where_the_schema_wants_it(names):
    """An empty list is what openpyxl writes, and a second one beside it would be a damaged workbook."""
    theirs = TheirWorkbook.read(a_package(**{"xl/workbook.xml": WORKBOOK % names}))

    workbook = extended_workbook(theirs, OURS, dropped=[], keep_macros=True)["xl/workbook.xml"]

    assert b"</sheets><definedNames><definedName" in workbook
    assert b"</definedNames><calcPr/>" in workbook
    assert workbook.count(b"<definedNames") == 1
    assert b'activeTab="3"' in workbook


def test_macros_stay_where_they_may():
    theirs = TheirWorkbook.read(a_package())

    parts = extended_workbook(theirs, OURS, dropped=[], keep_macros=True)

    assert b"macroEnabled" in parts["[Content_Types].xml"]
    assert b"vbaProject.bin" in parts["xl/_rels/workbook.xml.rels"]


def test_a_link_of_an_earlier_result_is_not_used_twice():
    linked = LINKS.replace(b"rId2", b"rIdBv1")
    workbook = (WORKBOOK % NAMES).replace(b"rId2", b"rIdBv1")
    theirs = TheirWorkbook.read(a_package(**{"xl/workbook.xml": workbook, "xl/_rels/workbook.xml.rels": linked}))

    assert b'Id="rIdBv2"' in extended_workbook(theirs, OURS, dropped=[], keep_macros=True)["xl/_rels/workbook.xml.rels"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"_xmlsignatures/sig1.xml": b""}, "The workbook is signed, and any change would break the signature."),
        ({"xl/workbook.xml": b'<workbook xmlns="http://purl.oclc.org/ooxml/spreadsheetml/main"/>'}, "dialect"),
        (
            {"xl/workbook.xml": (WORKBOOK % NAMES).replace(b"<sheets>", b"<x:sheets>")},
            "The workbook's list of sheets is not plainly written.",
        ),
        ({"[Content_Types].xml": None}, r"The workbook has no part '\[Content_Types\].xml'."),
        ({"_rels/.rels": b"<Relationships/>"}, "The workbook has no relationship of the kind 'officeDocument'."),
    ],
)
def test_what_cannot_be_added_to_is_left_alone(changes, message):
    with pytest.raises(NotPlain, match=message):
        TheirWorkbook.read(a_package(**changes))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("[Content_Types].xml", b"<Types/>", "The workbook's </Types> is not plainly written."),
        ("xl/workbook.xml", (WORKBOOK % b"").replace(b"<calcPr/></workbook>", b""), "The workbook part has no end."),
    ],
)
def test_a_part_without_an_end_is_left_alone(name, content, message):
    theirs = TheirWorkbook.read(a_package(**{name: content}))

    with pytest.raises(NotPlain, match=message):
        extended_workbook(theirs, OURS, dropped=[], keep_macros=True)


def test_the_edited_parts_open_in_openpyxl(tmp_path):
    book = openpyxl.Workbook()
    book.save(tmp_path / "a.xlsx")
    with ZipFile(tmp_path / "a.xlsx") as source, ZipFile(tmp_path / "b.xlsx", "w") as target:
        theirs = TheirWorkbook.read(source)
        parts = extended_workbook(theirs, OURS, dropped=[], keep_macros=True)
        parts[OURS[0].part] = source.read("xl/worksheets/sheet1.xml")
        for name in source.namelist():
            target.writestr(name, parts.pop(name, source.read(name)))
        for name, content in parts.items():
            target.writestr(name, content)

    assert openpyxl.load_workbook(tmp_path / "b.xlsx").sheetnames == ["Sheet", "It's"]
