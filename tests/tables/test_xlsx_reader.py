import datetime as dt
import io
import zipfile
from contextlib import closing

import openpyxl
import pandas as pd
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont

from batchverify.errors import InputError
from batchverify.model import NumberCell, OddCell
from batchverify.tables.reader import open_table
from batchverify.tables.snapshot import Snapshot
from batchverify.tables.workbook import Workbook, shows_date
from batchverify.tables.xlsx_reader import SheetSource, date_text

PEOPLE = [
    ("姓名", "身份证号", "银行卡号"),
    ("张三", "110101199003070011", "6217000000000000"),
    ("李四", "51112619910203002X", "6217000000000018"),
]


@pytest.fixture
def read(tmp_path):
    """Give the records of a sheet of a file."""

    def records(path, *, sheet=0, width=0):
        with (
            closing(Snapshot.take(path, temporary=tmp_path)) as snapshot,
            closing(Workbook(snapshot.open(), name=path.name)) as workbook,
        ):
            return list(SheetSource(snapshot, workbook, workbook.sheets[sheet]).records(width=width))

    return records


@pytest.fixture
def respell(tmp_path):
    """Write a workbook anew with its parts changed by a function of name and bytes."""

    def written(source, change):
        target = tmp_path / "respelled.xlsx"
        with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
            for name in old.namelist():
                new.writestr(name, change(name, old.read(name)))
        return target

    return written


def by_xlsxwriter(path, rows, **options):
    with xlsxwriter.Workbook(path, {"strings_to_formulas": False, "strings_to_urls": False, **options}) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
    return path


def by_openpyxl(path, rows, **options):
    book = openpyxl.Workbook(**options)
    sheet = book.create_sheet() if options else book.active
    for row in rows:
        sheet.append(row)
    book.save(path)
    return path


def by_pandas(path, rows):
    pd.DataFrame(rows[1:], columns=rows[0]).to_excel(path, index=False)
    return path


def prefixed(name, part):
    """Spell a worksheet with a namespace prefix, as Open XML SDK writers do: a real XML parser must read it."""
    if not name.startswith("xl/worksheets/"):
        return part
    return (
        part.replace(b"</", b"</x:")
        .replace(b"<", b"<x:")
        .replace(b"<x:/x:", b"</x:")
        .replace(b"<x:?", b"<?")
        .replace(b" xmlns=", b" xmlns:x=")
    )


WRITERS = [
    by_xlsxwriter,
    lambda path, rows: by_xlsxwriter(path, rows, constant_memory=True),
    by_openpyxl,
    lambda path, rows: by_openpyxl(path, rows, write_only=True),
    by_pandas,
]


@pytest.mark.parametrize("write", WRITERS)
def test_every_writer_is_read_alike(write, tmp_path, read):
    records = read(write(tmp_path / "people.xlsx", PEOPLE))

    assert [(record.number, record.cells) for record in records] == list(enumerate(PEOPLE, 1))


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12) | st.sampled_from(
    ["=1+1", "1E5", "00123", "NA", "a\nb", " 张 三 ", "_x0041_", "<&>", "'x", "\t"]
)
CELL = st.none() | TEXT | st.integers(-(10**9), 10**9)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.lists(CELL, min_size=1, max_size=6), min_size=1, max_size=12), in_constant_memory=st.booleans())
def test_what_was_written_is_what_is_read(rows, in_constant_memory, tmp_path, read):
    path = by_xlsxwriter(tmp_path / "any.xlsx", rows, constant_memory=in_constant_memory)

    found = {(record.number, column): cell for record in read(path) for column, cell in enumerate(record.cells) if cell != ""}

    assert found == {
        (number, column): NumberCell(literal=str(cell)) if isinstance(cell, int) else cell
        for number, row in enumerate(rows, 1)
        for column, cell in enumerate(row)
        if cell is not None
    }


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.lists(CELL.filter(lambda cell: not isinstance(cell, str) or "_x" not in cell), min_size=1, max_size=4),
        min_size=1,
        max_size=6,
    )
)
def test_the_other_way_in_gives_the_same_cells(rows, tmp_path, read, respell):
    path = by_xlsxwriter(tmp_path / "any.xlsx", [("姓名", "x"), *rows])

    plain = [record for record in read(path) if any(record.cells)]

    assert [record for record in read(respell(path, prefixed)) if any(record.cells)] == plain


def test_a_number_keeps_its_spelling_and_a_text_its_zeros(tmp_path, read, respell):
    path = by_openpyxl(tmp_path / "damaged.xlsx", [("a", "b", "c"), ("00123", 1, 2)])
    spelled = respell(
        path,
        lambda _, part: part.replace(b"<v>1</v>", b"<v>1.1010119900307E+17</v>").replace(
            b"<v>2</v>", b"<v>110101199003070011</v>"
        ),
    )

    assert read(spelled)[1].cells == (
        "00123",
        NumberCell(literal="1.1010119900307E+17"),
        NumberCell(literal="110101199003070011"),
    )


def odd_workbook(path):
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        day, hour = book.add_format({"num_format": 14}), book.add_format({"num_format": "[h]:mm"})
        for number in range(3):
            sheet.write_datetime(number, 0, dt.datetime(2026, 11, 24, 8), day)
            sheet.write_number(number, 1, 0.5, hour)
            sheet.write_boolean(number, 2, number == 1)
            sheet.write_formula(number, 3, "=1/0", None, "#DIV/0!")
            sheet.write_formula(number, 4, '="a"&"b"', None, "ab")
            sheet.write_formula(number, 5, "=1+1", None, 2)
            sheet.write_formula(number, 6, "=1+1", None, "")
            sheet.write_number(number, 7, 45000)
    return path


ODD = (
    OddCell(kind="date", text="2026-11-24 08:00:00"),
    OddCell(kind="date", text="12:00:00"),
    OddCell(kind="boolean", text="FALSE"),
    OddCell(kind="error", text="#DIV/0!"),
    "ab",
    NumberCell(literal="2"),
    OddCell(kind="formula"),
    NumberCell(literal="45000"),
)


def test_dates_booleans_errors_and_formulas_are_told_apart(tmp_path, read, respell):
    path = respell(odd_workbook(tmp_path / "odd.xlsx"), lambda _, part: part.replace(b' t="str"><f>1+1</f>', b"><f>1+1</f>"))

    first, second, third = (record.cells for record in read(path))

    assert first == third == ODD
    assert second == (*ODD[:2], OddCell(kind="boolean", text="TRUE"), *ODD[3:])


def test_the_other_way_in_tells_them_apart_too(tmp_path, read, respell):
    path = respell(odd_workbook(tmp_path / "odd.xlsx"), lambda _, part: part.replace(b' t="str"><f>1+1</f>', b"><f>1+1</f>"))

    first = read(respell_again(path, tmp_path))[0].cells

    assert first[2:] == ODD[2:]
    assert [cell.kind for cell in first[:2]] == ["date", "date"]


def respell_again(path, folder):
    target = folder / "again.xlsx"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, prefixed(name, old.read(name)))
    return target


def test_a_sheet_that_stops_being_plain_goes_on_the_other_way(tmp_path, read, respell):
    rows = [("姓名", "备注"), *((f"张三{'甲乙丙丁'[n % 4]}", f"备注 {n}") for n in range(20_000))]
    path = by_xlsxwriter(tmp_path / "long.xlsx", rows, constant_memory=True)
    spelled = respell(path, lambda _, part: part.replace(b'<row r="19000"', b'<!-- half way --><row r="19000"'))

    assert read(spelled) == read(path)


def test_rich_text_is_joined(tmp_path, read):
    book = openpyxl.Workbook()
    book.active["A1"] = CellRichText("张", TextBlock(InlineFont(b=True), "三 "), "甲")
    book.save(tmp_path / "rich.xlsx")

    assert read(tmp_path / "rich.xlsx")[0].cells == ("张三 甲",)


def test_wps_dimension_is_not_believed(tmp_path, read, respell):
    path = respell(by_xlsxwriter(tmp_path / "wps.xlsx", PEOPLE), lambda _, part: part.replace(b'ref="A1:C3"', b'ref="A1"'))

    assert len(read(path)) == len(read(respell_again(path, tmp_path))) == 3


def test_a_sparse_sheet_costs_two_rows(tmp_path, read):
    with xlsxwriter.Workbook(tmp_path / "sparse.xlsx") as book:
        sheet = book.add_worksheet()
        sheet.write("A1", "姓名")
        sheet.write("XFD1048576", "张三")

    first, last = read(tmp_path / "sparse.xlsx")

    assert (first.number, first.cells) == (1, ("姓名",))
    assert (last.number, len(last.cells), last.cells[-1]) == (1_048_576, 16_384, "张三")


def test_hidden_rows_are_marked_and_given(tmp_path, read):
    with xlsxwriter.Workbook(tmp_path / "hidden.xlsx") as book:
        sheet = book.add_worksheet()
        for number in range(4):
            sheet.write_row(number, 0, ("张三", "x"))
        sheet.set_row(2, None, None, {"hidden": True})

    assert [record.hidden for record in read(tmp_path / "hidden.xlsx")] == [False, False, True, False]


def test_rows_are_filled_up_to_the_width_and_formats_beyond_it_are_nothing(tmp_path, read):
    with xlsxwriter.Workbook(tmp_path / "formats.xlsx") as book:
        sheet, bold = book.add_worksheet(), book.add_format({"bold": True})
        sheet.write_row(0, 0, ("姓名", "a", "b"))
        sheet.write_row(1, 0, ("张三", "", "", "", ""), bold)
        sheet.write_row(2, 0, ("", "", "", "x"), bold)

    assert [record.cells for record in read(tmp_path / "formats.xlsx", width=3)] == [
        ("姓名", "a", "b"),
        ("张三", "", ""),
        ("", "", "", "x"),
    ]


def test_dates_of_1904_are_four_years_later(tmp_path, read):
    with xlsxwriter.Workbook(tmp_path / "mac.xlsx", {"date_1904": True, "default_date_format": "yyyy-mm-dd"}) as book:
        book.add_worksheet().write_datetime(0, 0, dt.datetime(2026, 11, 24))

    assert read(tmp_path / "mac.xlsx")[0].cells == (OddCell(kind="date", text="2026-11-24"),)


@pytest.mark.parametrize("shared", [b"<v>9</v>", b"<v>x</v>", b"<v>-1</v>"])
def test_a_text_that_is_not_there_is_damage(shared, tmp_path, read, respell):
    path = respell(by_xlsxwriter(tmp_path / "people.xlsx", PEOPLE), lambda _, part: part.replace(b"<v>4</v>", shared))

    with pytest.raises(
        InputError, match=r"^respelled\.xlsx is damaged: a cell points to a text that is not there\. Save it again in Excel\.$"
    ):
        read(path)


def test_a_type_that_nobody_knows_is_damage(tmp_path, read, respell):
    path = respell(by_xlsxwriter(tmp_path / "people.xlsx", PEOPLE), lambda _, part: part.replace(b't="s"><v>4', b't="zz"><v>4'))

    with pytest.raises(InputError, match=r"^respelled\.xlsx has a cell of the unknown type 'zz': it is damaged\."):
        read(path)


def test_what_openpyxl_cannot_read_either_is_named(tmp_path, read, respell):
    path = respell(by_xlsxwriter(tmp_path / "people.xlsx", PEOPLE), prefixed)
    broken = tmp_path / "broken.xlsx"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(broken, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b"</x:row>", b"</x:cow>", 1))

    with pytest.raises(
        InputError, match=r"^broken\.xlsx cannot be read \(ParseError\)\. Open it in Excel and save it as \.xlsx\.$"
    ):
        read(broken)


def test_a_hostile_sheet_in_utf_16_is_refused_the_other_way_too(tmp_path, read, respell):
    def hostile(name, part):
        if not name.startswith("xl/worksheets/"):
            return part
        text = part.decode().replace('encoding="UTF-8"', 'encoding="UTF-16"')
        return (
            text.replace("<worksheet", '<!DOCTYPE x [<!ENTITY a "aaaa">]><worksheet', 1)
            .replace("<v>4</v>", "<v>&a;</v>")
            .encode("utf-16")
        )

    path = respell(by_xlsxwriter(tmp_path / "people.xlsx", PEOPLE), hostile)

    with pytest.raises(
        InputError,
        match=r"^respelled\.xlsx cannot be read \(\w+\)\. Open it in Excel and save it as \.xlsx\.$",
    ):
        read(path)


def test_hidden_rows_that_cannot_be_told_are_not_asked_about(tmp_path, respell):
    path = respell(by_xlsxwriter(tmp_path / "people.xlsx", PEOPLE), prefixed)

    with pytest.raises(InputError) as caught:
        open_table(path, temporary=tmp_path, skip_hidden=True)

    assert (
        str(caught.value)
        == "respelled.xlsx does not show which rows are hidden. Save it again in Excel, or leave out --skip-hidden."
    )


def test_serials_become_the_dates_that_excel_shows():
    assert date_text("1", uses_1904_dates=False) == "1900-01-01"
    assert date_text("59", uses_1904_dates=False) == "1900-02-28"
    assert date_text("61", uses_1904_dates=False) == "1900-03-01"
    assert date_text("45292.999999", uses_1904_dates=False) == "2024-01-02"
    assert date_text("1E300", uses_1904_dates=False) == "1E300"
    assert date_text("x", uses_1904_dates=True) == "x"


@pytest.mark.parametrize("code", ["m/d/yy", 'yyyy"年"m"月"', "[$-804]yyyy-mm-dd", "mm:ss.0", "[ss]"])
def test_formats_of_dates_are_known(code):
    assert shows_date(code)


@pytest.mark.parametrize("code", ["0", "@", "General", "#,##0.00_);[Red]", '"day" 0', r"\d0", "[Magenta]0", "G/通用格式"])
def test_formats_of_numbers_are_no_dates(code):
    assert not shows_date(code)


def test_snapshots_are_read_by_a_workbook_without_a_name(tmp_path):
    buffer = io.BytesIO()
    by_xlsxwriter(buffer, PEOPLE)
    buffer.seek(0)

    assert [sheet.name for sheet in Workbook(buffer, name="memory").sheets] == ["Sheet1"]
