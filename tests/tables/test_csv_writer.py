"""Who gets a guard in a csv, and who does not."""

from __future__ import annotations

import io

import pytest

from batchverify.model import Field, NumberCell, OddCell, Outcome, Record, RowSource, RowStatus
from batchverify.tables.csv_writer import CsvDialect, guarded, write_csv
from batchverify.tables.layout import Layout
from batchverify.words import Lang

LAYOUT = Layout.of(["姓名", "=备注"], width=2, ours={}, fields={Field.NAME: 0}, lang=Lang.EN, simulated=False)


def written(cells, *, guard_theirs, details=None):
    out = io.BytesIO()
    outcome = Outcome(status=RowStatus.MATCHED, code="01", source=RowSource.ASKED, details=details or {})
    count = write_csv(
        out,
        dialect=CsvDialect(),
        rows_above=[(2, ["=title"])],
        header_row=4,
        layout=LAYOUT,
        annotated=[(Record(number=5, cells=cells), outcome), (Record(number=7, cells=("", "")), None)],
        guard_theirs=guard_theirs,
    )
    return out.getvalue().decode("utf-8-sig").split("\r\n"), count


@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd", "-x", "@SUM(A1)", "\t=1", "\r=1", "＝1", "＋1", "－1", "＠a", "-1+1", "-1-2", "--1"]
)
def test_what_a_spreadsheet_runs_is_guarded(text):
    assert guarded(text) == f"'{text}"


@pytest.mark.parametrize(
    "text", ["", "a=1", "-5", "+8613800000000", "-1.2e3", "+86 138 0000 0000", "-", "-1,000.50", "1-2", "-.5"]
)
def test_numbers_and_plain_text_are_left_alone(text):
    assert guarded(text) is text


def test_their_own_csv_cells_come_out_as_they_went_in():
    lines, count = written(("=1+1", "@a"), guard_theirs=False)

    assert count == 0
    assert lines[1] == "=title"
    assert lines[3].startswith("姓名,=备注,bv_status")
    assert lines[4].startswith("=1+1,@a,matched,01,")


def test_a_workbooks_texts_are_guarded_and_its_numbers_are_not():
    lines, count = written(("=1+1", NumberCell(literal="-5")), guard_theirs=True)

    assert count == 3
    assert lines[1] == "'=title"
    assert lines[3].startswith("姓名,'=备注,bv_status")
    assert lines[4].startswith("'=1+1,-5,matched")


def test_what_the_vendor_says_is_always_guarded():
    lines, count = written(("张三", OddCell(kind="date", text="2026-01-01")), guard_theirs=False, details={"bank": "=evil()"})

    assert count == 1
    assert "'=evil()" in lines[4]
    assert lines[4].startswith("张三,2026-01-01,")


def test_rows_that_are_not_there_keep_their_place():
    lines, _ = written(("a", "b"), guard_theirs=False)

    assert [lines[0], lines[2], lines[5]] == ['""', '""', '""']
    assert lines[6] == "," * 24
