"""The blank workbook: what is filled in is read as it was typed, the example is never asked, what cannot be right is red."""

from __future__ import annotations

import openpyxl
import pytest

from batchverify.errors import InputError
from batchverify.job import Options
from batchverify.tables.reader import open_table
from batchverify.tables.template import HEADER_ROW, ROWS, write_template
from batchverify.words import Lang
from tests.builders import a_row


def filled(path, lang):
    write_template(path, lang=lang)
    book = openpyxl.load_workbook(path)
    for row, person in enumerate((a_row(1), a_row(2)), HEADER_ROW + 1):
        for column, cell in enumerate(person.values(), 1):
            book.worksheets[0].cell(row, column).value = cell
    book.save(path)
    return path


@pytest.mark.parametrize("lang", Lang)
def test_a_filled_template_is_verified_and_its_example_is_not(lang, desk, sandbox):
    seen = desk.verify(filled(desk.folder / "people.xlsx", lang), options=Options())

    assert seen.counts() == {"matched": 2}
    assert sandbox.bill.total() == 2


@pytest.mark.parametrize("lang", Lang)
def test_every_cell_to_fill_in_is_text_and_every_number_is_checked(lang, tmp_path):
    write_template(tmp_path / "blank.xlsx", lang=lang)

    sheet = openpyxl.load_workbook(tmp_path / "blank.xlsx").worksheets[0]
    below = sheet.iter_rows(min_row=HEADER_ROW + 1)
    assert {cell.number_format for row in below for cell in row} == {"@"}
    assert sheet.max_row == HEADER_ROW + ROWS
    area = [f"{column}{HEADER_ROW + 1}:{column}{HEADER_ROW + ROWS}" for column in "BCD"]
    assert [str(one.sqref) for one in sheet.data_validations.dataValidation] == area
    assert [str(one.sqref) for one in sheet.conditional_formatting] == area
    with open_table(tmp_path / "blank.xlsx", temporary=tmp_path) as table:
        assert table.header_row == HEADER_ROW


def test_a_file_that_is_there_is_never_written_over(tmp_path):
    write_template(tmp_path / "blank.xlsx", lang=Lang.EN)

    with pytest.raises(InputError, match=r"blank\.xlsx' already, and it may be filled in\. Name another with -o\.$"):
        write_template(tmp_path / "blank.xlsx", lang=Lang.EN)
    with pytest.raises(
        InputError, match=r"^A template is a workbook, and 'blank\.csv' does not end in \.xlsx\. Name it so with -o\.$"
    ):
        write_template(tmp_path / "blank.csv", lang=Lang.EN)
