"""Sheets of ours as they are drawn."""

from __future__ import annotations

import re
from pathlib import Path

from batchverify.model import NumberCell, Sheet
from batchverify.tables.cell_xml import Losses
from batchverify.tables.our_sheets import Frame, RowList, drawn, fitting_widths
from batchverify.tables.outcome_cells import OUR_WIDTHS
from batchverify.tables.styles import Look, own_styles

_, LOOKS = own_styles()
SHEET = Sheet(
    title="T",
    rows=(
        ("Title",),
        ("Status", "Rows", "Meaning"),
        ("matched", 3, "long " * 20),
        ("Total", "0.57"),
        (),
        ("Next", "Word", "", ""),
        ("word", "word"),
        ("End", "Rows"),
    ),
    widths=(10, 10, 40),
    heading_rows=(1, 5, 7),
)


def looks_of(xml: str) -> dict[str, Look]:
    names = {index: look for look, index in LOOKS.items()}
    return {reference: names[int(style)] for reference, style in re.findall(r'<c r="(\w+)" s="(\d+)"', xml)}


def test_each_cell_looks_like_what_it_is():
    looks = looks_of(b"".join(drawn(SHEET, LOOKS, Losses())).decode())

    assert looks["A1"] is Look.TITLE
    assert (looks["A2"], looks["B2"], looks["C2"]) == (Look.HEADING, Look.FIGURE_HEADING, Look.HEADING)
    assert (looks["A3"], looks["B3"], looks["C3"]) == (Look.MATCHED, Look.NUMBER, Look.WRAPPED)
    assert (looks["A4"], looks["B4"]) == (Look.TEXT, Look.FIGURE)
    assert looks["B6"] is Look.HEADING
    assert looks["B8"] is Look.HEADING


def test_a_wrapped_sentence_makes_its_row_higher():
    xml = b"".join(drawn(SHEET, LOOKS, Losses())).decode()

    assert '<row r="3" ht="48" customHeight="1">' in xml
    assert '<row r="4">' in xml


def test_a_list_keeps_damaged_numbers_as_numbers_so_that_they_stay_blocked(tmp_path: Path):
    texts = [""] * len(OUR_WIDTHS)
    texts[2] = "x" * 100
    rows = RowList(["号码", "备注"], (12, 8), ["bv"] * len(OUR_WIDTHS), LOOKS, Losses(), folder=tmp_path)
    rows.add([NumberCell(literal="110101199001010000"), ""], texts, [LOOKS[Look.TEXT]] * len(texts))
    target = tmp_path / "part.xml"

    with target.open("wb") as part:
        rows.write_to(part)
    rows.close()

    xml = target.read_text(encoding="utf-8")
    text = LOOKS[Look.TEXT]
    assert f'<row r="2" ht="32" customHeight="1"><c r="A2" s="{text}"><v>110101199001010000</v></c><c r="B2" s="{text}"/>' in xml
    assert rows.area == "A1:Y2"
    assert [path.name for path in tmp_path.iterdir()] == ["part.xml"]


def test_only_sheets_with_a_header_row_are_frozen_and_filtered():
    plain, framed = Frame(widths=(9,), one_page_wide=True), Frame(widths=(9, 9), header_row=2)

    assert "pane" not in plain.head()
    assert "autoFilter" not in plain.tail(3)
    assert 'ySplit="2"' in framed.head()
    assert '<autoFilter ref="A2:B9"/>' in framed.tail(9)
    assert 'fitToWidth="1"' in plain.tail(3)
    assert "fitToWidth" not in framed.tail(9)


def test_widths_fit_what_is_there_within_bounds():
    assert fitting_widths(["a", "b" * 50, "c"], [["x" * 12, "", NumberCell(literal="1" * 30), "beyond"]]) == (14, 40, 8)
