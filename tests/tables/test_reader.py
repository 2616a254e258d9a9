import pytest
import xlsxwriter

from batchverify.errors import InputError
from batchverify.model import NumberCell
from batchverify.tables.reader import SheetEntry, open_table

HEADER = ("姓名", "身份证号")
PERSON = ("张三", "110101199003070011")


def workbook(path, sheets, *, hidden=()):
    with xlsxwriter.Workbook(path) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            if name in hidden:
                sheet.hide()
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
    return path


@pytest.fixture
def opened(tmp_path):
    tables = []

    def open_path(path, **options):
        tables.append(open_table(path, temporary=tmp_path, **options))
        return tables[-1]

    yield open_path
    for table in tables:
        table.close()


def test_a_workbook_is_known_by_its_content(tmp_path, opened):
    table = opened(workbook(tmp_path / "people.csv", {"名单": [("2026年", ""), HEADER, PERSON, ("", "x")]}))

    assert (table.kind, table.name, table.sheet, table.header_row, table.header) == ("xlsx", "people.csv", "名单", 2, HEADER)
    assert [(record.number, record.cells) for record in table.records()] == [(3, PERSON), (4, ("", "x"))]
    assert (table.encoding, table.delimiter, table.line_ending, table.has_bom, table.quote_all) == ("", "", "", False, False)
    assert table.sheet_part == "xl/worksheets/sheet1.xml"
    assert table.size_bytes == (tmp_path / "people.csv").stat().st_size
    assert len(table.sha256) == 64


def test_a_text_is_known_by_its_content_too(tmp_path, opened):
    (tmp_path / "people.xlsx").write_text("姓名\t身份证号\n张三\t1\n", encoding="utf-8")

    assert opened(tmp_path / "people.xlsx").kind == "tsv"


def test_the_sheet_that_is_understood_best_is_taken(tmp_path, opened):
    sheets = {
        "说明": [("请填写",)],
        "旧名单": [HEADER, PERSON],
        "名单": [(*HEADER, "卡号"), PERSON],
        "隐藏": [(*HEADER, "卡号", "手机号"), PERSON],
    }
    table = opened(workbook(tmp_path / "many.xlsx", sheets, hidden=["隐藏"]))

    assert table.sheet == "名单"
    assert table.sheets == (
        SheetEntry(name="说明", hidden=False, rows=None),
        SheetEntry(name="旧名单", hidden=False, rows=2),
        SheetEntry(name="名单", hidden=False, rows=2),
        SheetEntry(name="隐藏", hidden=True, rows=2),
    )


def test_the_users_sheet_is_taken(tmp_path, opened):
    path = workbook(tmp_path / "many.xlsx", {"一": [HEADER, PERSON], "二": [HEADER, PERSON]})

    assert opened(path, sheet="二").sheet == "二"
    with pytest.raises(InputError, match=r"^many\.xlsx has no sheet '三'\. It has: 一, 二\.$"):
        opened(path, sheet="三")


def test_the_users_header_row_is_taken(tmp_path, opened):
    path = workbook(tmp_path / "people.xlsx", {"一": [HEADER, ("甲", "乙"), PERSON]})

    assert opened(path, header_row=2).header == ("甲", "乙")
    for row in (9, 0):
        with pytest.raises(
            InputError, match=rf"^Sheet '一' of people\.xlsx has no row {row} to be the header\. Look at --header-row\.$"
        ):
            opened(path, header_row=row)


def test_empty_sheets_are_told(tmp_path, opened):
    with pytest.raises(InputError, match=r"^Sheet '一' of empty\.xlsx has no rows\.$"):
        opened(workbook(tmp_path / "empty.xlsx", {"一": []}))
    with pytest.raises(InputError, match=r"^empty\.xlsx has no rows in any of its sheets\.$"):
        opened(workbook(tmp_path / "empty.xlsx", {"一": [], "二": []}))
    (tmp_path / "blank.csv").write_bytes(b"\n\n")
    with pytest.raises(InputError, match=r"^blank\.csv has no rows\.$"):
        opened(tmp_path / "blank.csv")


def test_a_text_has_no_sheets(tmp_path, opened):
    (tmp_path / "people.csv").write_text("姓名\n")

    with pytest.raises(InputError, match=r"^people\.csv is a text file and has no sheets\. Leave out --sheet\.$"):
        opened(tmp_path / "people.csv", sheet="一")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"%PDF-1.7 ...", "is a PDF. Export the table from the program that made it, as .xlsx or .csv."),
        (b"\x89PNG\r\n", "is a picture. Type the table, or export it from where it came."),
        (b"Rar!\x1a", "is an archive. Unpack it and name the spreadsheet in it."),
        (b"\xef\xbb\xbf <HTML><table>", "is a web page or XML, whatever its suffix says. Open it in Excel and save it as .xlsx."),
        (
            b"<?xml version='1.0'?><Workbook/>",
            "is a web page or XML, whatever its suffix says. Open it in Excel and save it as .xlsx.",
        ),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600,
            "is damaged, far too large or of an unknown kind. Open it in Excel, WPS or LibreOffice and save it as .xlsx.",
        ),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le"),
            "is damaged, or protected in an unknown way. Open it in Excel, remove the password and save it again. Nothing was sent.",
        ),
        (b"\x00\x01\x02\x03junk", "has NUL characters, so it is no text. Open it in Excel and save it as .xlsx."),
        (b"PK\x03\x04junk", "is cut off or damaged: its zip directory cannot be read. Fetch or save it again."),
    ],
)
def test_what_is_no_table_is_refused_with_the_way_out(content, message, tmp_path, opened):
    (tmp_path / "people.xls").write_bytes(content)

    with pytest.raises(InputError) as caught:
        opened(tmp_path / "people.xls")

    assert str(caught.value) == f"people.xls {message}"


def test_hidden_rows_are_counted_and_kept(tmp_path, opened):
    path = tmp_path / "hidden.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate([HEADER, PERSON, PERSON, (*PERSON, "x")]):
            sheet.write_row(number, 0, row)
        sheet.set_row(2, None, None, {"hidden": True})

    table = opened(path, skip_hidden=True)

    assert table.skip_hidden
    assert table.hidden_rows == 1
    assert (table.extent().rows, table.extent().width) == (3, 3)
    assert [record.hidden for record in table.records()] == [False, True, False]


def test_an_edit_of_the_file_changes_no_later_pass(tmp_path, opened):
    path = workbook(tmp_path / "people.xlsx", {"一": [HEADER, PERSON, ("李四", 7)]})
    table = opened(path)
    before = list(table.records())
    workbook(path, {"一": [HEADER]})

    assert list(table.records()) == before
    assert [record.cells for record in before] == [PERSON, ("李四", NumberCell(literal="7"))]


def test_a_table_lets_its_copy_go(tmp_path):
    (tmp_path / "people.csv").write_text("姓名\n张三\n", encoding="utf-8")

    with open_table(tmp_path / "people.csv", temporary=tmp_path) as table:
        assert [record.cells for record in table.preamble()] == [("姓名",)]
    with pytest.raises(ValueError, match="closed"):
        list(table.records())
