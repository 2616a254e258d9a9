"""The result as csv: the user's rows with ours to the right, UTF-8 with a BOM so that Excel reads Chinese, the input's own dialect.

The one thing to know is who is guarded. A text that starts like a formula is one to Excel when it opens a csv. What the
user's own csv says comes out exactly as it went in: it was theirs before, and `=1+1` in it may be meant. What comes from us
or the vendor is guarded with a leading `'`, and so is a workbook's text when it becomes csv, for in the workbook it was no
formula. How many cells got a guard is counted; the reader takes it off again when such a result is dropped in.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from batchverify.model import CellValue, NumberCell, Outcome, Record
from batchverify.tables.cell_xml import plain_text
from batchverify.tables.layout import Layout, RowsAbove
from batchverify.tables.outcome_cells import OUR_WIDTHS, cells_of_outcome

_FORMULA_STARTS = frozenset("=+-@\t\r＝＋－＠")
# "-5", "+8613800000000", "-1.2e3" and a lone "-" are what they look like, and a guard would make text of a number.
_NUMERIC = re.compile(r"[+-](?:[\d.][\d ,.]*(?:[eE][+-]?\d+)?)?")

#: A whole number of more than the 15 digits that a spreadsheet keeps.
_LONG = re.compile(r"([+-]?)(\d)(\d{15,})(?:\.0*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvDialect:
    """How the lines are written. `quote_all` where the input quoted every field."""

    delimiter: str = ","
    line_ending: str = "\r\n"
    quote_all: bool = False


def guarded(text: str) -> str:
    """Give a text that no spreadsheet program takes for a formula.

    >>> guarded("=1+1"), guarded("-5"), guarded("－1")
    ("'=1+1", '-5', "'－1")
    """
    if text[:1] in _FORMULA_STARTS and text and not _NUMERIC.fullmatch(text):
        return "'" + text
    return text


def spelled(cell: CellValue) -> str:
    """Give a cell's text. A number that has lost digits is written so that nobody takes it for a whole one, and loses no more.

    A csv has no types. Read again as a text of 18 digits, one in ten that a spreadsheet has damaged would pass its check.

    >>> spelled(NumberCell(literal="110101199003191008")), spelled(NumberCell(literal="13800138000")), spelled("6217000000000000000")
    ('1.10101199003191008E+17', '13800138000', '6217000000000000000')
    """
    text = plain_text(cell)
    if isinstance(cell, NumberCell) and (found := _LONG.fullmatch(text)):
        sign, first, rest = found.groups()
        return f"{sign}{first}.{rest}E+{len(rest)}"
    return text


def write_csv(
    out: BinaryIO,
    *,
    dialect: CsvDialect,
    rows_above: RowsAbove,
    header_row: int,
    layout: Layout,
    annotated: Iterable[tuple[Record, Outcome | None]],
    guard_theirs: bool,
) -> int:
    """Write the whole result to `out` in one pass. Gives the number of cells that got a guard."""
    guards = Guards()
    text = io.TextIOWrapper(out, encoding="utf-8-sig", errors="backslashreplace", newline="", write_through=False)
    writer = csv.writer(
        text,
        delimiter=dialect.delimiter,
        lineterminator=dialect.line_ending,
        quoting=csv.QUOTE_ALL if dialect.quote_all else csv.QUOTE_MINIMAL,
    )
    theirs = guards.on_cells if guard_theirs else _as_they_came
    reached = 0
    for number, cells in rows_above:
        writer.writerows([""] for _ in range(number - reached - 1))
        writer.writerow(theirs(cells))
        reached = number
    writer.writerows([""] for _ in range(header_row - reached - 1))
    writer.writerow([*theirs(layout.header), *layout.our_labels])
    writer.writerows(_rows(layout, annotated, theirs, guards, after=header_row))
    text.flush()
    text.detach()
    return guards.count


class Guards:
    """Guards texts and counts how many needed it."""

    def __init__(self) -> None:
        self.count = 0

    def on_texts(self, texts: Sequence[str]) -> list[str]:
        return [self._guard(text) if text[:1] in _FORMULA_STARTS else text for text in texts]

    def on_cells(self, cells: Sequence[CellValue]) -> list[str]:
        # A number is no text: its sign is a sign.
        return [self._guard(cell) if isinstance(cell, str) else spelled(cell) for cell in cells]

    def _guard(self, text: str) -> str:
        safe = guarded(text)
        self.count += safe is not text
        return safe


def _as_they_came(cells: Sequence[CellValue]) -> list[str]:
    return [spelled(cell) for cell in cells]


def _rows(
    layout: Layout,
    annotated: Iterable[tuple[Record, Outcome | None]],
    theirs: Callable[[Sequence[CellValue]], list[str]],
    guards: Guards,
    *,
    after: int,
) -> Iterator[list[str]]:
    blanks = [""] * len(OUR_WIDTHS)
    for record, outcome in annotated:
        # A workbook leaves blank rows out; here they are written, so that every row keeps its number.
        yield from ([""] for _ in range(record.number - after - 1))
        after = record.number
        ours = (
            blanks
            if outcome is None
            else guards.on_texts(cells_of_outcome(outcome, lang=layout.lang, simulated=layout.simulated))
        )
        yield [*theirs(layout.cells(record)), *ours]
