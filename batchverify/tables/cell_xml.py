"""Cells and rows of ours as worksheet XML: the one emitter for every sheet that we write or append to.

The one thing to know: text is always an inline string with the format "@", so nothing in it is ever a formula or a number,
and a number that is edited in Excel stays text. What XML cannot hold is spelled `_x0001_`, as Excel itself does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from batchverify.model import CellValue, NumberCell, OddCell
from batchverify.tables.sheet_xml import column_letters

#: What Excel lets a cell hold, in UTF-16 units. A workbook with more is "repaired" on opening, which loses the text.
MAX_CELL_UNITS = 32_767

# Anything that needs a second look: markup, what XML 1.0 forbids, a carriage return (XML readers turn it into a line feed),
# white space at an end (dropped without xml:space), and what reads like the escape itself.
_DELICATE = re.compile("[&<>\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]|_x[0-9A-Fa-f]{4}_|^\\s|\\s$")
_UNSPEAKABLE = re.compile("[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_MARKUP = re.compile("[&<>]")
# xsd:double as a workbook may spell it; anything else is written as text instead of making the sheet unreadable.
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


@dataclass(slots=True)
class Losses:
    """How many cells could not be written whole. Shown to the user, so that nothing is cut in silence."""

    cut: int = 0

    def note(self) -> str:
        """Say it in a sentence, or nothing."""
        if not self.cut:
            return ""
        cells = "1 cell is" if self.cut == 1 else f"{self.cut} cells are"
        return f"{cells} longer than the {MAX_CELL_UNITS:,} characters that Excel allows, and cut there. Write .csv to keep all of it."


def text_element(text: str, losses: Losses) -> str:
    r"""Give the `<t>` element of a text.

    >>> text_element("a & b", Losses()), text_element(" \x01", Losses())
    ('<t>a &amp; b</t>', '<t xml:space="preserve"> _x0001_</t>')
    """
    if len(text) > MAX_CELL_UNITS // 2:
        text = _cut(text, losses)
    if not _DELICATE.search(text):
        return f"<t>{text}</t>"
    space = ' xml:space="preserve"' if text[:1].isspace() or text[-1:].isspace() else ""
    text = _UNSPEAKABLE.sub(lambda found: f"_x{ord(found[0]):04X}_", text)
    text = _MARKUP.sub(lambda found: _ENTITIES[found[0]], text)
    return f"<t{space}>{text}</t>"


def _cut(text: str, losses: Losses) -> str:
    units = text.encode("utf-16-le", "surrogatepass")
    if len(units) <= MAX_CELL_UNITS * 2:
        return text
    losses.cut += 1
    return units[: MAX_CELL_UNITS * 2].decode("utf-16-le", "ignore")


def cell_xml(reference: str, value: CellValue | int | Decimal, style: int, losses: Losses) -> str:
    """Give one `<c>` element. A number of the user's keeps its type and spelling: only the type tells that it was damaged.

    >>> cell_xml("B2", NumberCell(literal="6.2E+17"), 1, Losses())
    '<c r="B2" s="1"><v>6.2E+17</v></c>'
    """
    if isinstance(value, int | Decimal):
        value = NumberCell(literal=f"{value:f}" if isinstance(value, Decimal) else str(value))
    if isinstance(value, NumberCell) and _NUMBER.fullmatch(value.literal):
        return f'<c r="{reference}" s="{style}"><v>{value.literal}</v></c>'
    value = plain_text(value)
    if not value:
        return f'<c r="{reference}" s="{style}"/>'
    return f'<c r="{reference}" s="{style}" t="inlineStr"><is>{text_element(value, losses)}</is></c>'


def cell_emitter(
    columns: Sequence[int], losses: Losses
) -> Callable[[int, Sequence[CellValue], Sequence[int], Sequence[bool]], str]:
    """Give a quick emitter for fixed columns: `(row number, values, styles, kept when blank) -> XML of the cells`.

    All of a large result goes through here: a cell costs one search and one f-string.
    """
    openings = [f'<c r="{column_letters(column)}' for column in columns]
    delicate = _DELICATE.search

    def emit(number: int, values: Sequence[CellValue], styles: Sequence[int], kept: Sequence[bool]) -> str:
        pieces = []
        for opening, value, style, keep in zip(openings, values, styles, kept, strict=True):
            if not isinstance(value, str):
                pieces.append(cell_xml(f"{opening[6:]}{number}", value, style, losses))
            elif not value:
                if keep:
                    pieces.append(f'{opening}{number}" s="{style}"/>')
            elif len(value) > MAX_CELL_UNITS // 2 or delicate(value):
                pieces.append(f'{opening}{number}" s="{style}" t="inlineStr"><is>{text_element(value, losses)}</is></c>')
            else:
                pieces.append(f'{opening}{number}" s="{style}" t="inlineStr"><is><t>{value}</t></is></c>')
        return "".join(pieces)

    return emit


def plain_text(value: CellValue) -> str:
    """Give a cell's text for csv, where every cell is text. A number keeps the spelling of the file.

    >>> plain_text(NumberCell(literal="6.2E+17")), plain_text("00123")
    ('6.2E+17', '00123')
    """
    match value:
        case NumberCell():
            return value.literal
        case OddCell():
            return value.text
        case _:
            return value


def displayed_width(text: str) -> int:
    """Give the width of a text in characters of a spreadsheet column: Han and full-width marks take two.

    >>> displayed_width("张三 a")
    6
    """
    return max((sum(2 if ord(char) >= 0x1100 else 1 for char in line) for line in text.split("\n")), default=0)  # noqa: PLR2004
