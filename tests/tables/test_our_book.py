"""A workbook of our sheets: read back as it was drawn, also after another program has saved it again."""

from __future__ import annotations

import pytest
from openpyxl import load_workbook

from batchverify.errors import InputError
from batchverify.model import Sheet
from batchverify.tables.our_book import book_bytes, differing_cells, texts_of_book, texts_of_sheets

SHEETS = (
    Sheet(title="One", rows=(("One",), (), ("a", 7, "0.19"), (" b ", "=1+1", "_x0041_")), widths=(20, 10, 10), heading_rows=(2,)),
    Sheet(title="one", rows=(("Two",), ("<&>", "\x01")), widths=(20, 10)),
)
LIMIT = 1 << 20


@pytest.fixture
def book(tmp_path):
    path = tmp_path / "book.xlsx"
    path.write_bytes(book_bytes(SHEETS))
    return path


def test_it_reads_back_as_it_was_drawn(book, tmp_path):
    found = texts_of_book(book, temporary=tmp_path, max_size_bytes=LIMIT)

    assert found == texts_of_sheets(SHEETS)
    assert [title for title, _ in found] == ["One", "one (2)"]
    assert found[0][1][3, 1] == "7"
    assert found[1][1][2, 1] == "\x01"


def test_the_same_sheets_give_the_same_bytes(book):
    assert book_bytes(SHEETS) == book.read_bytes()


def test_another_program_may_save_it_again(book, tmp_path):
    load_workbook(book).save(tmp_path / "again.xlsx")

    found = texts_of_book(tmp_path / "again.xlsx", temporary=tmp_path, max_size_bytes=LIMIT)

    assert list(differing_cells(found, texts_of_sheets(SHEETS))) == []


def test_every_changed_cell_is_named(book, tmp_path):
    changed = load_workbook(book)
    changed["One"]["B3"] = 8
    changed["One"]["A9"] = "added"
    changed["one (2)"]["A2"] = None
    changed.save(book)

    found = texts_of_book(book, temporary=tmp_path, max_size_bytes=LIMIT)

    assert list(differing_cells(found, texts_of_sheets(SHEETS))) == ["One!B3", "One!A9", "one (2)!A2"]


def test_a_sheet_more_is_named(book, tmp_path):
    changed = load_workbook(book)
    changed.create_sheet("Another")
    changed.save(book)

    found = texts_of_book(book, temporary=tmp_path, max_size_bytes=LIMIT)

    assert list(differing_cells(found, texts_of_sheets(SHEETS))) == ["the sheets"]


def test_a_workbook_that_is_too_large_is_refused(book, tmp_path):
    with pytest.raises(InputError, match="the limit is"):
        texts_of_book(book, temporary=tmp_path, max_size_bytes=100)
