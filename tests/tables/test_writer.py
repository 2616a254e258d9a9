"""The result as a whole: what comes back beside the user's rows, for every kind of input and target."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zipfile import ZipFile

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl.chart import BarChart, Reference
from openpyxl.comments import Comment
from openpyxl.formatting.rule import CellIsRule
from openpyxl.styles import PatternFill
from openpyxl.worksheet.datavalidation import DataValidation

from batchverify.errors import InputError
from batchverify.model import Billed, Field, Outcome, Record, RowSource, RowStatus, Sheet
from batchverify.tables.columns import choose_columns
from batchverify.tables.reader import Table, open_table
from batchverify.tables.writer import Written, write_result
from batchverify.words import RESULT_COLUMNS, Lang
from tests.threats import guards

HEADER = ["序号", "姓名", "身份证号", "银行卡号", "备注"]
KEYS = [key for key, _ in RESULT_COLUMNS]
ODD = ["NA", "00123", "=1+1", "1E5", " x ", "", "a\nb", 'say "hi"', "_x0041_"]
STATUSES = list(RowStatus)


def rows(count: int = 10) -> list[list[str]]:
    """Made-up people with odd remarks."""
    return [[f"{n:05d}", "张三", f"11010119900101{n:03d}X", f"62170000000000{n:05d}", ODD[n % len(ODD)]] for n in range(count)]


def an_outcome(number: int) -> Outcome:
    return Outcome(
        status=STATUSES[number % len(STATUSES)],
        code="01",
        source=RowSource.ASKED,
        billed=Billed.YES,
        details={"bank": "测试银行"},
        asked_at=datetime(2026, 11, 24, tzinfo=UTC),
        row_tag=f"{number:08x}",
    )


def annotate(table: Table) -> Iterator[tuple[Record, Outcome | None]]:
    for record in table.records():
        asked = any(cell != "" for cell in record.cells) and record.cells[0] != "合计"
        yield record, an_outcome(record.number - table.header_row - 1) if asked else None


def our_sheets() -> list[Sheet]:
    return [
        Sheet(
            title="Summary", rows=(("Summary",), (), ("Rows", "Count"), ("matched", 4)), widths=(20, 10, 10), heading_rows=(2,)
        ),
        Sheet(title="Quota", rows=(("Quota",), ("x", "y", "long " * 10)), widths=(20, 10, 10)),
        Sheet(title="Legend", rows=(("Legend",),), widths=(20,)),
    ]


def write(
    source: Path, target: Path, *, lang: Lang = Lang.EN, sheet: str | None = None, mask: bool = False, sheets=our_sheets
) -> Written:
    with open_table(source, temporary=source.parent, sheet=sheet) as table:
        columns = choose_columns(table, wanted=[Field.NAME, Field.ID_CARD, Field.ACCOUNT_NO])
        return write_result(table, annotate(table), target, lang=lang, simulated=True, sheets=sheets, columns=columns, mask=mask)


def a_csv(
    path: Path, lines: list[list[str]], *, encoding: str = "utf-8", delimiter: str = ",", quoting: int = csv.QUOTE_MINIMAL
) -> Path:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, quoting=quoting).writerows(lines)
    path.write_bytes(text.getvalue().encode(encoding))
    return path


def a_workbook(path: Path, *, title_row: bool = True, extras: bool = False) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "名单"
    if title_row:
        sheet.append(["付款名单"])
        sheet.merge_cells("A1:E1")
    for line in [HEADER, *rows()]:
        sheet.append(line)
        for cell in sheet[sheet.max_row]:
            cell.data_type = "s"
    sheet.append([])
    sheet.append(["合计", None, None, None, 10])
    sheet.column_dimensions["B"].width = 33
    if extras:
        _add_extras(book)
    book.save(path)
    return path


def _add_extras(book: openpyxl.Workbook) -> None:
    sheet = book.active
    sheet.freeze_panes = "A3"
    sheet.auto_filter.ref = "A2:E12"
    sheet.conditional_formatting.add(
        "E3:E9", CellIsRule(operator="equal", formula=['"NA"'], fill=PatternFill("solid", bgColor="FF0000"))
    )
    validation = DataValidation(type="list", formula1='"a,b"')
    validation.add("E3:E9")
    sheet.add_data_validation(validation)
    sheet["B3"].comment = Comment("测试", "测试")
    sheet["H4"].fill = PatternFill("solid", fgColor="FFFF00")  # a format beyond the last column, in our way
    other = book.create_sheet("Summary")
    other["A1"] = "=SUM('名单'!A3:A9)"
    chart = BarChart()
    chart.add_data(Reference(sheet, min_col=1, min_row=3, max_row=9))
    other.add_chart(chart, "D4")
    hidden = book.create_sheet("密")
    hidden.sheet_state = "hidden"
    book.defined_names["names"] = openpyxl.workbook.defined_name.DefinedName("names", attr_text="'名单'!$B$3:$B$9")


def values(path: Path, sheet: int | str = 0) -> list[list[object]]:
    book = openpyxl.load_workbook(path)
    chosen = book[sheet] if isinstance(sheet, str) else book.worksheets[sheet]
    return [["" if cell.value is None else cell.value for cell in row] for row in chosen.iter_rows()]


def read_csv(path: Path, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline=""), delimiter=delimiter))


def test_csv_comes_back_with_every_cell_of_theirs_as_it_was(tmp_path):
    source = a_csv(tmp_path / "名单.csv", [["付款名单"], HEADER, *rows(), ["合计", "", "", "", "10"]], encoding="gb18030")

    written = write(source, tmp_path / "out.csv")

    lines = read_csv(written.path)
    assert written.kind == "csv"
    assert written.note == ""
    assert written.path.read_bytes().startswith(b"\xef\xbb\xbf")
    assert lines[0] == ["付款名单"]
    assert lines[1] == [*HEADER, *KEYS]
    assert [line[:5] for line in lines[2:12]] == rows()
    assert [line[5] for line in lines[2:12]] == [status.value for status in STATUSES]
    assert lines[12] == ["合计", "", "", "", "10", *[""] * 23]


@pytest.mark.parametrize(
    ("delimiter", "quoting", "encoding"), [(";", csv.QUOTE_ALL, "utf-16"), ("\t", csv.QUOTE_MINIMAL, "utf-8-sig")]
)
def test_csv_keeps_its_delimiter_its_quotes_and_its_line_ends(tmp_path, delimiter, quoting, encoding):
    source = a_csv(tmp_path / "a.csv", [HEADER, *rows()], delimiter=delimiter, quoting=quoting, encoding=encoding)

    written = write(source, tmp_path / "out.csv", lang=Lang.ZH)

    text = written.path.read_bytes().decode("utf-8-sig")
    assert [line[:5] for line in read_csv(written.path, delimiter)] == [HEADER, *rows()]
    assert text.startswith('"序号";"姓名"' if quoting == csv.QUOTE_ALL else "序号\t姓名")
    assert text.count("\r\n") == 11


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12), min_size=1, max_size=6))
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_whatever_stands_in_a_foreign_cell_comes_back_equal(tmp_path, kind, remarks):
    lines = [[str(n), "张三", f"11010119900101{n:03d}X", f"62170000000000{n:05d}", remark] for n, remark in enumerate(remarks)]
    source = a_csv(tmp_path / "a.csv", [HEADER, *lines])

    written = write(source, tmp_path / f"out.{kind}")

    with open_table(written.path, temporary=tmp_path) as table:
        assert [record.cells[4] for record in table.records()] == [
            # The reader takes our guard off a csv of ours; none of these was put there by us.
            remark[1:] if kind == "csv" and remark[:1] == "'" and record_guarded(remark) else remark
            for remark in remarks
        ]


def record_guarded(remark: str) -> bool:
    from batchverify.tables.csv_writer import guarded

    return guarded(remark[1:]) == remark


def test_a_workbook_of_ours_keeps_row_numbers_and_makes_all_text(tmp_path):
    source = a_csv(tmp_path / "名单.csv", [["付款名单"], HEADER, *rows(), ["合计", "", "", "", "10"]])

    written = write(source, tmp_path / "out.xlsx")

    book = openpyxl.load_workbook(written.path)
    assert written.kind == "xlsx"
    assert written.note == ""
    assert book.sheetnames == ["名单", "Summary", "To fix", "To retry", "Quota", "Legend"]
    sheet = book.worksheets[0]
    assert sheet["A1"].value == "付款名单"
    assert {cell.data_type for row in sheet.iter_rows(min_row=3) for cell in row} <= {"s", "n", "inlineStr"}
    assert sheet["C3"].number_format == sheet["C13"].number_format == "@"
    assert sheet.freeze_panes == "A3"
    assert sheet.auto_filter.ref == "A2:AB13"
    with open_table(written.path, temporary=tmp_path) as table:
        assert [list(record.cells[:5]) for record in table.records()][:10] == rows()
    assert sheet["F3"].fill.fgColor.rgb != sheet["F4"].fill.fgColor.rgb


@guards("formulas")
def test_no_cell_of_a_workbook_is_ever_a_formula(tmp_path):
    payloads = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "＝1+1", "－1", '=HYPERLINK("http://x")']
    lines = [[str(n), "张三", f"11010119900101{n:03d}X", f"62170000000000{n:05d}", text] for n, text in enumerate(payloads)]

    written = write(a_csv(tmp_path / "a.csv", [HEADER, *lines]), tmp_path / "out.xlsx")

    with ZipFile(written.path) as archive:
        assert all(b"<f" not in archive.read(name) for name in archive.namelist() if "worksheets" in name)
    with open_table(written.path, temporary=tmp_path) as table:
        assert [record.cells[4] for record in table.records()] == payloads


def test_the_lists_take_the_rows_that_need_somebody(tmp_path):
    written = write(a_csv(tmp_path / "a.csv", [HEADER, *rows()]), tmp_path / "out.xlsx")

    to_fix, to_retry = values(written.path, "To fix"), values(written.path, "To retry")
    assert [line[5] for line in to_fix[1:]] == ["invalid", "blocked"]
    assert [line[5] for line in to_retry[1:]] == ["locked", "failed", "in_doubt", "not_run"]
    assert to_fix[0] == to_retry[0] == [*HEADER, *KEYS]


def test_a_list_can_be_edited_and_dropped_in_again(tmp_path):
    first = write(a_workbook(tmp_path / "a.xlsx"), tmp_path / "out.xlsx")

    again = write(first.path, tmp_path / "again.xlsx", sheet="To retry")

    book = openpyxl.load_workbook(again.path)
    assert book.sheetnames == ["名单", "To retry", "Summary", "To fix", "To retry (2)", "Quota", "Legend"]
    assert [cell.value for cell in book["To retry"][1]] == [*HEADER, *KEYS]
    assert [row[5].value for row in book["To retry"].iter_rows(min_row=2)] == [status.value for status in STATUSES[:4]]


@pytest.mark.parametrize("title_row", [True, False])
def test_their_workbook_gets_our_columns_and_sheets(tmp_path, title_row):
    source = a_workbook(tmp_path / "a.xlsx", title_row=title_row)
    before = values(source)

    written = write(source, tmp_path / "out.xlsx", lang=Lang.ZH)

    after = values(written.path)
    assert written.note == ""
    assert [line[:5] for line in after] == before
    assert after[title_row][5:] == [label for _, label in RESULT_COLUMNS]
    assert [line[5] for line in after[title_row + 1 : title_row + 4]] == ["一致", "不一致", "卡状态异常"]
    assert after[-1][5:] == [""] * 23
    assert openpyxl.load_workbook(written.path).sheetnames == ["名单", "Summary", "待修正", "待重试", "Quota", "Legend"]


def test_every_other_part_of_their_workbook_is_theirs_byte_for_byte(tmp_path):
    source = a_workbook(tmp_path / "a.xlsx", extras=True)

    written = write(source, tmp_path / "out.xlsx")

    touched = {
        "xl/workbook.xml",
        "xl/_rels/workbook.xml.rels",
        "[Content_Types].xml",
        "xl/styles.xml",
        "xl/worksheets/sheet1.xml",
    }
    with ZipFile(source) as before, ZipFile(written.path) as after:
        assert after.testzip() is None
        for name in set(before.namelist()) - touched:
            assert after.read(name) == before.read(name), name
        for kept in (
            b"<conditionalFormatting",
            b"<dataValidation ",
            b'<autoFilter ref="A2:E12"',
            b"<legacyDrawing",
            b'<mergeCell ref="A1:E1"',
        ):
            assert kept in after.read("xl/worksheets/sheet1.xml")
    book = openpyxl.load_workbook(written.path)
    assert book.sheetnames == ["名单", "Summary", "密", "Summary (2)", "To fix", "To retry", "Quota", "Legend"]
    assert book["密"].sheet_state == "hidden"
    assert "names" in book.defined_names
    assert book["名单"].column_dimensions["B"].width == 33
    assert book["名单"]["B3"].comment.text == "测试"


def test_our_own_result_gets_its_columns_and_sheets_replaced(tmp_path):
    source = a_workbook(tmp_path / "a.xlsx", extras=True)
    first = write(source, tmp_path / "one.xlsx", lang=Lang.ZH)

    second = write(first.path, tmp_path / "two.xlsx", lang=Lang.ZH)
    straight = write(source, tmp_path / "three.xlsx", lang=Lang.ZH)

    assert openpyxl.load_workbook(second.path).sheetnames == openpyxl.load_workbook(straight.path).sheetnames
    assert values(second.path) == values(straight.path)


def test_a_column_that_was_added_behind_ours_stays(tmp_path):
    first = write(a_workbook(tmp_path / "a.xlsx"), tmp_path / "one.xlsx")
    book = openpyxl.load_workbook(first.path)
    book["名单"].cell(row=2, column=29, value="我的备注")
    book["名单"].cell(row=3, column=29, value="看过")
    book.save(tmp_path / "edited.xlsx")

    second = write(tmp_path / "edited.xlsx", tmp_path / "two.xlsx", lang=Lang.ZH)

    assert values(second.path)[1] == [*HEADER, *[label for _, label in RESULT_COLUMNS], "我的备注"]
    assert values(second.path)[2][-1] == "看过"
    assert values(second.path)[2][5] == "一致"


def test_what_is_left_of_our_columns_is_taken_out(tmp_path):
    first = write(a_workbook(tmp_path / "a.xlsx"), tmp_path / "one.xlsx")
    book = openpyxl.load_workbook(first.path)
    book["名单"].delete_cols(7, 3)
    book.save(tmp_path / "edited.xlsx")

    second = write(tmp_path / "edited.xlsx", tmp_path / "two.xlsx")

    assert values(second.path)[1] == [*HEADER, *KEYS]
    assert values(second.path)[-1] == ["合计", "", "", "", 10, *[""] * 23]


def test_a_csv_result_gets_its_columns_replaced(tmp_path):
    first = write(a_csv(tmp_path / "a.csv", [HEADER, *rows()]), tmp_path / "one.csv")

    second = write(first.path, tmp_path / "two.csv")

    assert second.sha256 == first.sha256


def test_the_same_job_gives_the_same_bytes(tmp_path):
    csv_source, book_source = a_csv(tmp_path / "a.csv", [HEADER, *rows()]), a_workbook(tmp_path / "b.xlsx")

    for source in (csv_source, book_source):
        assert write(source, tmp_path / "one.xlsx").sha256 == write(source, tmp_path / "two.xlsx").sha256


def test_a_workbook_becomes_csv_with_its_texts_guarded_and_its_rows_numbered(tmp_path):
    source = a_workbook(tmp_path / "a.xlsx")

    written = write(source, tmp_path / "out.csv")

    lines = read_csv(written.path)
    assert lines[4][4] == "'=1+1"
    assert lines[12] == [""]
    assert lines[13][0] == "合计"
    assert written.note == (
        "1 cell starts like a formula and got a ' in front, so that no spreadsheet program runs it. "
        "It goes away when the file is read here again."
    )


@guards("masks")
def test_a_masked_result_shows_no_whole_number(tmp_path):
    source = a_workbook(tmp_path / "a.xlsx")

    written = write(source, tmp_path / "out.xlsx", mask=True)

    assert values(written.path)[2][:5] == ["00000", "张*", "110***********000X", "621700*********0000", "NA"]
    assert written.note == (
        "Your workbook could not be kept whole, so this is a new file with its rows only. "
        "Its other sheets and columns would show what the mask hides."
    )
    with ZipFile(written.path) as archive:
        assert all(b"11010119900101" not in archive.read(name) for name in archive.namelist())


def test_too_many_rows_for_a_workbook_become_csv(tmp_path, monkeypatch):
    monkeypatch.setattr("batchverify.tables.writer.MAX_WORKBOOK_ROWS", 9)

    written = write(a_csv(tmp_path / "a.csv", [HEADER, *rows()]), tmp_path / "out.xlsx")

    assert (written.path, written.kind) == (tmp_path / "out.csv", "csv")
    assert written.note == "10 rows are more than a workbook should hold, so the result is a csv file."


def test_a_text_that_excel_cannot_hold_is_cut_and_counted(tmp_path):
    long = "x" * 40_000
    source = a_csv(tmp_path / "a.csv", [HEADER, ["1", "张三", "11010119900101001X", "6217000000000000001", long]])

    assert "1 cell is longer than the 32,767 characters" in write(source, tmp_path / "out.xlsx").note
    assert read_csv(write(source, tmp_path / "out.csv").path)[1][4] == long


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("out.pdf", r"'out.pdf' ends in '.pdf', and a result is .xlsx or .csv. Name it so with --output."),
        ("out.xlsm", r"'out.xlsm' would be a workbook with macros, and a.xlsx has none. Name it .xlsx."),
        ("a.xlsx", r"is the input itself, and the input is never written to."),
    ],
)
def test_a_target_that_cannot_be_is_refused_before_anything_is_written(tmp_path, target, message):
    source = a_workbook(tmp_path / "a.xlsx")
    before = source.read_bytes()

    with pytest.raises(InputError, match=message):
        write(source, tmp_path / target)
    assert [path.name for path in tmp_path.iterdir()] == ["a.xlsx"]
    assert source.read_bytes() == before


def test_a_csv_cannot_become_a_workbook_with_macros(tmp_path):
    with pytest.raises(InputError, match=r"'out.xlsm' ends in '.xlsm'"):
        write(a_csv(tmp_path / "a.csv", [HEADER, *rows()]), tmp_path / "out.xlsm")


def test_a_fault_in_the_middle_leaves_nothing_behind(tmp_path):
    source = a_csv(tmp_path / "a.csv", [HEADER, *rows()])

    def fail() -> list[Sheet]:
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write(source, tmp_path / "out.xlsx", sheets=fail)
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def with_macros(plain: Path, target: Path) -> Path:
    """Make a workbook with macros of a plain one, as Excel would write it."""
    with ZipFile(plain) as source, ZipFile(target, "w") as out:
        for name in source.namelist():
            content = source.read(name)
            if name == "[Content_Types].xml":
                content = content.replace(
                    b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml",
                    b"application/vnd.ms-excel.sheet.macroEnabled.main+xml",
                )
            if name == "xl/_rels/workbook.xml.rels":
                link = b'<Relationship Id="rIdV" Type="http://schemas.microsoft.com/office/2006/relationships/vbaProject" Target="vbaProject.bin"/>'
                content = content.replace(b"</Relationships>", link + b"</Relationships>")
            out.writestr(name, content)
        out.writestr("xl/vbaProject.bin", b"macros")
    return target


def test_macros_stay_in_xlsm_and_are_left_out_of_xlsx(tmp_path):
    source = with_macros(a_workbook(tmp_path / "a.xlsx"), tmp_path / "b.xlsm")

    kept = write(source, tmp_path / "out.xlsm")
    left_out = write(source, tmp_path / "out.xlsx")

    assert kept.note == ""
    assert left_out.note == "The macros were left out, since an .xlsx file has none. Name the result .xlsm to keep them."
    with ZipFile(kept.path) as with_them, ZipFile(left_out.path) as without:
        assert with_them.read("xl/vbaProject.bin") == b"macros"
        assert "xl/vbaProject.bin" not in without.namelist()
        assert b"macro" not in without.read("[Content_Types].xml")
    assert openpyxl.load_workbook(left_out.path).sheetnames[0] == "名单"
    with pytest.raises(InputError, match=r"'m.xlsm' would be a workbook with macros, and the result has none. Name it .xlsx."):
        write(source, tmp_path / "m.xlsm", mask=True)


def changed(plain: Path, target: Path, part: str, old: bytes, new: bytes) -> Path:
    with ZipFile(plain) as source, ZipFile(target, "w") as out:
        for name in source.namelist():
            content = source.read(name)
            out.writestr(name, content.replace(old, new) if name == part else content)
    return target


def test_a_workbook_that_is_not_plainly_written_gets_one_of_ours_with_its_types(tmp_path):
    plain = a_workbook(tmp_path / "a.xlsx")
    source = changed(plain, tmp_path / "b.xlsx", "xl/styles.xml", b"<fonts", b"<!-- odd --><fonts")

    written = write(source, tmp_path / "out.xlsx")

    assert written.note == (
        "Your workbook could not be kept whole, so this is a new file with its rows only. "
        "The workbook's styles are not plainly written: there is no list of 'fonts' to append to."
    )
    with open_table(plain, temporary=tmp_path) as before, open_table(written.path, temporary=tmp_path) as after:
        records = [(record.number, record.cells[:5]) for record in before.records()]
        assert [(record.number, record.cells[:5]) for record in after.records()] == records
    assert values(written.path)[-1][:5] == ["合计", "", "", "", 10]


def test_a_sheet_without_room_at_its_right_becomes_csv(tmp_path):
    book = openpyxl.load_workbook(a_workbook(tmp_path / "a.xlsx"))
    book.active.cell(row=2, column=16_370, value="far")
    book.save(tmp_path / "wide.xlsx")

    written = write(tmp_path / "wide.xlsx", tmp_path / "out.xlsx")

    assert read_csv(written.path)[1][16_369:16_371] == ["far", "bv_status"]
    assert "The sheet '名单' has no room for 23 columns at its right." in written.note
    assert "16,393 columns are more than a workbook should hold, so the result is a csv file." in written.note


@pytest.mark.parametrize("blank", [b"/>", b" />", b"></c>", b' t="n"> </c>'])
def test_formats_to_the_end_of_the_sheet_take_no_room(tmp_path, blank):
    book = openpyxl.load_workbook(a_workbook(tmp_path / "a.xlsx"))
    book.active.cell(row=3, column=16_384).fill = PatternFill("solid", fgColor="FFFF00")
    book.save(tmp_path / "as_saved.xlsx")
    with ZipFile(tmp_path / "as_saved.xlsx") as saved, ZipFile(tmp_path / "b.xlsx", "w") as spelled:
        for part in saved.namelist():
            cell = re.compile(rb'(<c r="XFD3" s="\d+")[^<>]*?(?:/>|></c>)')
            spelled.writestr(part, cell.sub(rb"\1" + blank, saved.read(part)))

    written = write(tmp_path / "b.xlsx", tmp_path / "out.xlsx")

    assert written.note == ""
    assert values(written.path)[1][:28] == [*HEADER, *KEYS]
    assert values(written.path, "To fix")[0] == [*HEADER, *KEYS]
    assert read_csv(write(tmp_path / "b.xlsx", tmp_path / "out.csv").path)[1] == [*HEADER, *KEYS]
