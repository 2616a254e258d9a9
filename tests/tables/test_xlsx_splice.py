"""Rows of every spelling get our cells, and nothing else about them changes."""

from __future__ import annotations

import io
from zipfile import ZipFile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchverify.tables.cell_xml import Losses
from batchverify.tables.sheet_xml import NotPlain, RowXml, cells_of, column_letters
from batchverify.tables.xlsx_splice import OldCells, RowInserter, _blocks, _framed, measure, plan_splice, widened_head

NONE = OldCells(frozenset())


def into(xml: bytes, columns=(3, 4), texts=("one", "two"), old=NONE) -> bytes:
    inserter = RowInserter(list(columns), old, Losses())
    return inserter.into(RowXml(2, b"", xml, hidden=False), list(texts), [7] * len(texts))


def nothing(xml: bytes, old: OldCells) -> bytes:
    return RowInserter([3, 4], old, Losses()).nothing(RowXml(2, b"", xml, hidden=False))


def texts(xml: bytes) -> dict[int, str]:
    return {column: text for column, kind, _, text in cells_of(xml) if kind}


OURS = b'<c r="D2" s="7" t="inlineStr"><is><t>one</t></is></c><c r="E2" s="7" t="inlineStr"><is><t>two</t></is></c>'


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            b'<row r="2" spans="1:3" ht="20"><c r="A2"><v>1</v></c></row>',
            b'<row r="2" ht="20"><c r="A2"><v>1</v></c>' + OURS + b"</row>",
        ),
        (b'<row r="2" s="4" />', b'<row r="2" s="4">' + OURS + b"</row>"),
        (b'<row r="2"></row>', b'<row r="2">' + OURS + b"</row>"),
        # A cell of theirs that only carries a format gives way; one further right stays.
        (
            b'<row r="2"><c r="A2"/><c r="D2" s="9"/><c r="H2" s="9"/></row>',
            b'<row r="2"><c r="A2"/>' + OURS + b'<c r="H2" s="9"/></row>',
        ),
        (b"<row><c><v>1</v></c><c/></row>", b'<row><c r="A2"><v>1</v></c><c r="B2"/>' + OURS + b"</row>"),
        (
            b'<row r="2"><c r="D2" s="9"/><extLst><ext/></extLst></row>',
            b'<row r="2">' + OURS + b"<extLst><ext/></extLst></row>",
        ),
    ],
)
def test_a_row_gets_our_cells_in_their_places(row, expected):
    assert into(row) == expected


def test_blank_cells_of_ours_leave_their_formats_alone():
    assert into(b'<row r="2"><c r="D2" s="9"/></row>', texts=("", "two")) == (
        b'<row r="2"><c r="D2" s="9"/><c r="E2" s="7" t="inlineStr"><is><t>two</t></is></c></row>'
    )


@pytest.mark.parametrize("old", [frozenset({3, 4}), frozenset({3, 5})])
def test_an_earlier_result_is_taken_out(old):
    row = (
        b'<row r="2"><c r="A2"><v>1</v></c><c r="D2"><v>8</v></c><c r="%b2"><v>9</v></c></row>'
        % column_letters(max(old)).encode()
    )

    assert texts(nothing(row, OldCells(old))) == {0: "1"}
    assert texts(into(row, old=OldCells(old))) == {0: "1", 3: "one", 4: "two"}


@pytest.mark.parametrize("row", [b'<row r="2"><c r="A2"><v>1</v></c></row>', b'<row r="2" ht="3"/>'])
def test_a_row_without_an_earlier_result_stays_as_it_is(row):
    assert nothing(row, OldCells(frozenset({3, 4}))) == row
    assert nothing(row, NONE) == row


def test_columns_behind_an_earlier_result_stay():
    row = b'<row r="2"><c r="D2"><v>8</v></c><c r="E2"><v>9</v></c><c r="F2"><v>7</v></c></row>'

    assert texts(into(row, old=OldCells(frozenset({3, 4})))) == {3: "one", 4: "two", 5: "7"}


@settings(max_examples=150)
@given(st.dictionaries(st.integers(0, 8), st.sampled_from(["", "1", "2"])), st.booleans())
def test_any_row_keeps_what_is_left_of_ours(cells, referenced):
    columns = sorted(cells) if referenced else range(len(cells))
    spelled = [
        f"<c{f' r={chr(34)}{column_letters(column)}2{chr(34)}' if referenced else ''}"
        + (f"><v>{value}</v></c>" if value else "/>")
        for column, value in zip(columns, [cells[key] for key in sorted(cells)], strict=True)
    ]
    row = f"<row{' r=' + chr(34) + '2' + chr(34) if referenced else ''}>{''.join(spelled)}</row>".encode()

    assert texts(into(row, columns=(9, 10))) == texts(row) | {9: "one", 10: "two"}


def test_a_row_that_is_not_plain_is_left_alone():
    with pytest.raises(NotPlain, match="A row of the workbook is not plainly written"):
        _framed(b"<x:row/>", b"")


def a_part(rows: bytes, tail: bytes = b"") -> io.BytesIO:
    return io.BytesIO(b"<worksheet><sheetData>" + rows + b"</sheetData>" + tail + b"</worksheet>")


@pytest.mark.parametrize(
    ("rows", "tail", "last"),
    [
        (b'<row r="2"><c r="C2"><v>1</v></c></row>', b"", 2),
        (b'<row r="2"><c r="A2"><v>1</v></c><c r="C2" s="1"/></row>', b"", 0),
        (b'<row r="2"><c r="A2"><v>1</v></c><c><v>2</v></c></row>', b"", 1),
        (b'<row r="2"/>', b"", -1),
        # A title above the header may be as wide as it likes.
        (b'<row r="1"><c r="Z1"><v>1</v></c></row><row r="2"><c r="B2"><v>1</v></c></row>', b"", 1),
        (
            b'<row r="2"><c r="A2"><v>1</v></c></row>',
            b'<mergeCells><mergeCell ref="A1:Z1"/><mergeCell ref="A2:C3"/></mergeCells>',
            2,
        ),
    ],
)
def test_their_last_column_is_the_last_with_content_from_the_header_down(rows, tail, last):
    assert measure(a_part(rows, tail), name="a", header_row=2, old=NONE).last_column == last


def test_the_columns_of_an_earlier_result_do_not_count():
    rows = b'<row r="2"><c r="A2"><v>1</v></c><c r="B2"><v>1</v></c></row><row r="5"><c r="B5"><v>1</v></c></row>'

    extent = measure(a_part(rows), name="a", header_row=1, old=OldCells(frozenset({1})))

    assert (extent.last_column, extent.last_row, extent.rows) == (0, 5, 2)


def test_widths_of_theirs_stay_beside_ours():
    head = b'<worksheet><dimension ref="A1"/><cols><col min="1" max="2" width="9"/><col min="3" max="16384" width="5" style="2"/></cols><sheetData>'

    assert widened_head(head, [3, 5], last_row=7) == (
        b'<worksheet><dimension ref="A1:F7"/><cols><col min="1" max="2" width="9"/><col min="3" max="3" width="5" style="2"/>'
        b'<col min="4" max="4" width="22" customWidth="1"/><col min="5" max="5" width="5" style="2"/>'
        b'<col min="6" max="6" width="16" customWidth="1"/><col min="7" max="16384" width="5" style="2"/></cols><sheetData>'
    )


def test_a_head_without_widths_gets_ours():
    assert widened_head(b"<worksheet><sheetData>", [0], last_row=1) == (
        b'<worksheet><cols><col min="1" max="1" width="22" customWidth="1"/></cols><sheetData>'
    )


def test_a_sheet_that_cannot_be_found_again_is_left_alone(tmp_path):
    import openpyxl

    openpyxl.Workbook().save(tmp_path / "a.xlsx")

    with (
        ZipFile(tmp_path / "a.xlsx") as source,
        pytest.raises(NotPlain, match="The workbook's sheet in 'elsewhere' could not be found again"),
    ):
        plan_splice(source, sheet_part="elsewhere", header_row=1, ours={}, keys=["bv_status"])


def test_a_long_sheet_is_written_in_blocks():
    pieces = [b"x" * 1000] * 1000

    assert b"".join(_blocks(pieces)) == b"x" * 1_000_000
    assert max(map(len, _blocks(pieces))) < 300_000
