"""The fast way through a sheet: one regular expression that takes a whole row whose cells look like those of rows before.

The one thing to know: the shape is learned from rows that `sheet_xml.cells_of` has read, and only ever agrees with it. A row
that differs in any way does not match and goes the general way, so a shape costs time when it is wrong, never a cell. Most
sheets have one shape, and their rows are then read in a third of the time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence

from batchverify.model import CellValue, NumberCell
from batchverify.tables.sheet_xml import Cell, column_letters

#: Beyond this many columns the expression would cost more than it saves.
_MAX_COLUMNS = 128

# What follows the reference of a cell, by the type that `cells_of` gives it. One group each: content that needs no unescaping.
_STYLE = r'(?: s="\d+")?+'
_FORMULA = r"(?:<f[^<>]*(?:/>|>[^<]*</f>))?+"
_NUMBER = rf'(?: t="n")?>{_FORMULA}<v>([^<&\s]+)</v></c>'
_CONTENTS = {
    "s": rf'{_STYLE} t="s"><v>(\d{{1,9}})</v></c>',
    "inlineStr": rf'{_STYLE} t="inlineStr"><is><t(?: xml:space="preserve")?>([^<&_\r]*)</t></is></c>',
    "str": rf'{_STYLE} t="str">{_FORMULA}<v>([^<&_\r]*)</v></c>',
}


class RowShape:
    """What the rows of one sheet have looked like so far."""

    def __init__(self, strings: Sequence[str], *, date_styles: Collection[str], as_date: Callable[[str], CellValue]) -> None:
        self._strings = strings
        self._date_styles = date_styles
        self._as_date = as_date
        # A number in a date's style is a date: the two must never be taken for each other.
        dates = "|".join(sorted(date_styles)) or "-"
        self._contents = _CONTENTS | {
            "n": rf'(?: s="(?!(?:{dates})")\d+")?+{_NUMBER}',
            "date": rf' s="(?:{dates})"{_NUMBER}',
        }
        self._kinds: dict[int, list[str]] = {}
        self._plan: list[tuple[int, str]] = []
        self._width = 0
        self._pattern = re.compile(rb"(?!)")

    def match(self, block: bytes, position: int) -> tuple[int, bytes, list[CellValue], int] | None:
        """Give number, attributes, cells and end of the row at that position, or None where it must be read the general way."""
        found = self._pattern.match(block, position)
        if not found:
            return None
        number, attributes, *contents = found.groups()
        cells: list[CellValue] = [""] * self._width
        strings = self._strings
        try:
            for (column, kind), content in zip(self._plan, contents, strict=True):
                if content is not None:
                    if kind == "s":
                        cells[column] = strings[int(content)]
                    elif kind == "n":
                        cells[column] = NumberCell(literal=content.decode())
                    elif kind == "date":
                        cells[column] = self._as_date(content.decode())
                    else:
                        cells[column] = content.decode()
        except (IndexError, UnicodeDecodeError):
            return None  # damaged: the general way says how
        return int(number), attributes, cells, found.end()

    def learn(self, cells: Sequence[Cell]) -> None:
        """Widen the shape by what a row had that did not match."""
        kinds = {(column, "date" if kind == "n" and style in self._date_styles else kind) for column, kind, style, _ in cells}
        news = [
            (column, kind)
            for column, kind in sorted(kinds)
            if column < _MAX_COLUMNS and kind in self._contents and kind not in self._kinds.get(column, ())
        ]
        if not news:
            return
        for column, kind in news:
            self._kinds.setdefault(column, []).append(kind)
        self._plan = [(column, kind) for column in sorted(self._kinds) for kind in self._kinds[column]]
        self._width = self._plan[-1][0] + 1
        columns = "".join(self._column(column) for column in sorted(self._kinds))
        self._pattern = re.compile(rf'\s*<row r="(\d{{1,7}})"([^<>]*)>{columns}</row>'.encode())

    def _column(self, column: int) -> str:
        # Possessive: a row that does not match must fail at once, not after trying every subset of its columns.
        contents = "|".join(self._contents[kind] for kind in self._kinds[column])
        return rf'(?:<c r="{column_letters(column)}\d+"(?:{_STYLE}/>|{contents}))?+'
