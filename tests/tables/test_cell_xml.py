"""What is written as XML is read back equal by a real XML parser, and by our own reader."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchverify.model import NumberCell, OddCell
from batchverify.tables.cell_xml import Losses, cell_emitter, cell_xml, displayed_width, text_element
from batchverify.tables.sheet_xml import cells_of


def parsed(element: str) -> str:
    """Read a `<t>` element as Excel does: an XML parser, then `_xHHHH_`."""
    text = ET.fromstring(element).text or ""
    return re.sub("_x([0-9A-Fa-f]{4})_", lambda found: chr(int(found[1], 16)), text)


@settings(max_examples=300)
@given(st.text(st.characters(exclude_categories=[]), min_size=1, max_size=40))
def test_any_text_comes_back_as_it_was(text):
    assert parsed(text_element(text, Losses())) == text


@settings(max_examples=100)
@given(st.text(max_size=20))
def test_the_quick_emitter_and_the_plain_one_write_the_same(text):
    expected = cell_xml("C7", text, 3, Losses()) if text else ""

    assert cell_emitter([2], Losses())(7, [text], [3], [False]) == expected


@pytest.mark.parametrize("text", ["_x000D_", "a_x0041_b", "a\rb", "\x01", "\ud800", "￿", " a", "a\n", "<b>&amp;</b>"])
def test_delicate_texts_come_back_through_our_own_reader(text):
    row = f'<row r="1">{cell_xml("A1", text, 0, Losses())}</row>'.encode()

    # A lone surrogate is no character; every reader makes a replacement mark of it.
    assert cells_of(row)[0][3] == text.replace("\ud800", "�")


def test_a_number_keeps_its_type_and_its_spelling():
    assert cell_xml("A1", NumberCell(literal="6.2E+17"), 1, Losses()) == '<c r="A1" s="1"><v>6.2E+17</v></c>'


def test_a_number_that_is_none_becomes_text_instead_of_a_damaged_sheet():
    assert cell_xml("A1", NumberCell(literal="nan"), 1, Losses()) == '<c r="A1" s="1" t="inlineStr"><is><t>nan</t></is></c>'


def test_an_odd_cell_is_written_as_its_text():
    assert "<t>2026-01-02</t>" in cell_xml("A1", OddCell(kind="date", text="2026-01-02"), 1, Losses())


def test_a_blank_cell_is_written_only_where_its_format_matters():
    emit = cell_emitter([0, 1], Losses())

    assert emit(2, ["", ""], [5, 5], [True, False]) == '<c r="A2" s="5"/>'


@pytest.mark.parametrize(
    ("text", "kept", "cut"),
    [("y" * 32_767, 32_767, 0), ("y" * 32_768, 32_767, 1), ("𠮷" * 16_383, 16_383, 0), ("𠮷" * 16_384, 16_383, 1)],
)
def test_a_text_is_cut_where_excel_ends_and_never_inside_a_character(text, kept, cut):
    losses = Losses()

    row = f'<row r="1">{cell_emitter([0], losses)(1, [text], [0], [False])}</row>'.encode()

    assert cells_of(row)[0][3] == text[:kept]
    assert losses.cut == cut


def test_what_was_cut_is_said():
    assert Losses().note() == ""
    assert Losses(cut=1).note() == (
        "1 cell is longer than the 32,767 characters that Excel allows, and cut there. Write .csv to keep all of it."
    )
    assert Losses(cut=2).note().startswith("2 cells are longer")


def test_width_counts_the_longest_line_and_han_twice():
    assert displayed_width("abc\n张三") == 4
    assert displayed_width("") == 0
