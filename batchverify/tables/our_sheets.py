"""Worksheets of ours: the frame around rows, sheets drawn from text (`Sheet`), and the two lists of rows to do again.

The one thing to know: To fix and To retry fill while the result streams by, in an unnamed temporary file, so memory does
not grow with the rows. Both carry the user's header and ours, so each can be edited and dropped in again as it is.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import IO

from batchverify.model import CellValue, Sheet
from batchverify.tables.cell_xml import Losses, cell_emitter, cell_xml, displayed_width
from batchverify.tables.outcome_cells import OUR_WIDTHS, SENTENCES
from batchverify.tables.sheet_xml import column_letters
from batchverify.tables.styles import MAIN_NAMESPACE, Look, Looks, look_of
from batchverify.words import recognise_status

_BUFFER_BYTES = 1 << 20
_TITLE_POINTS = 24
_LINE_POINTS = 16  # a line of Han is higher than one of letters
_WRAP_SLACK = 4  # a line breaks between words, not at the edge
_FIGURE = re.compile(r"\d+\.\d+%?")
_MAX_WIDTH = 40
_MIN_WIDTH = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What stands around the rows of a sheet of ours: column widths in characters, and the header's row (0 for none)."""

    widths: tuple[int, ...]
    header_row: int = 0
    one_page_wide: bool = False

    def head(self) -> str:
        """Give everything up to and including `<sheetData>`."""
        columns = "".join(
            f'<col min="{index}" max="{index}" width="{width}" customWidth="1"/>'
            for index, width in enumerate(self.widths, start=1)
        )
        fit = '<sheetPr><pageSetUpPr fitToPage="1"/></sheetPr>' if self.one_page_wide else ""
        view = '<sheetView showGridLines="0" workbookViewId="0"/>'
        if self.header_row:
            below = f"A{self.header_row + 1}"
            view = (
                f'<sheetView workbookViewId="0"><pane ySplit="{self.header_row}" topLeftCell="{below}" activePane="bottomLeft" '
                f'state="frozen"/><selection pane="bottomLeft" activeCell="{below}" sqref="{below}"/></sheetView>'
            )
        return (
            f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<worksheet xmlns="{MAIN_NAMESPACE}">{fit}'
            f'<sheetViews>{view}</sheetViews><sheetFormatPr defaultRowHeight="15"/><cols>{columns}</cols><sheetData>'
        )

    def tail(self, last_row: int) -> str:
        """Give `</sheetData>` and the rest: a filter over the rows, the page, no green corners on numbers kept as text."""
        filtered = f'<autoFilter ref="{self.area(last_row)}"/>' if self.header_row else ""
        everything = f"A1:{column_letters(len(self.widths) - 1)}{max(last_row, 1)}"
        fit = ' fitToWidth="1" fitToHeight="0"' if self.one_page_wide else ""
        return (
            f'</sheetData>{filtered}<pageMargins left="0.4" right="0.4" top="0.5" bottom="0.5" header="0.3" footer="0.3"/>'
            f'<pageSetup paperSize="9" orientation="landscape"{fit}/>'
            f'<ignoredErrors><ignoredError sqref="{everything}" numberStoredAsText="1"/></ignoredErrors></worksheet>'
        )

    def area(self, last_row: int) -> str:
        """Give the range of the header and its rows.

        >>> Frame(widths=(9, 9), header_row=2).area(7)
        'A2:B7'
        """
        return f"A{self.header_row}:{column_letters(len(self.widths) - 1)}{max(last_row, self.header_row)}"


def row_xml(number: int, cells: str, *, height_points: int = 0) -> str:
    """Give a `<row>` element around its cells.

    >>> row_xml(3, '<c r="A3"/>')
    '<row r="3"><c r="A3"/></row>'
    """
    height = f' ht="{height_points}" customHeight="1"' if height_points else ""
    return f'<row r="{number}"{height}>{cells}</row>'


def drawn(sheet: Sheet, looks: Looks, losses: Losses) -> Iterator[bytes]:
    """Give the worksheet part of a sheet. Its first row is the title, `heading_rows` are indexes into its rows.

    Figures and what stands over them go to the right, the word for a status gets the status' color, and the last column
    wraps. Other text runs on over the blank cells at its right.
    """
    frame = Frame(widths=sheet.widths, one_page_wide=True)
    yield frame.head().encode()
    for index, row in enumerate(sheet.rows):
        number = index + 1
        padded = row + ("",) * (len(sheet.widths) - len(row)) if index in sheet.heading_rows else row
        cells = "".join(
            cell_xml(f"{column_letters(column)}{number}", value, looks[_look(sheet, index, column)], losses)
            for column, value in enumerate(padded)
            if value != "" or index in sheet.heading_rows
        )
        yield row_xml(number, cells, height_points=_height(sheet, index)).encode()
    yield frame.tail(len(sheet.rows)).encode()


def _look(sheet: Sheet, index: int, column: int) -> Look:
    if index == 0:
        return Look.TITLE
    if index in sheet.heading_rows:
        return Look.FIGURE_HEADING if any(_is_figure(row, column) for row in _below(sheet, index)) else Look.HEADING
    value = sheet.rows[index][column]
    if isinstance(value, int):
        return Look.NUMBER
    if isinstance(value, Decimal):
        return Look.MONEY
    if _is_figure(sheet.rows[index], column):
        return Look.FIGURE
    if column == 0 and (status := recognise_status(value)):
        return look_of(status)
    return Look.WRAPPED if column == len(sheet.widths) - 1 else Look.TEXT


def _below(sheet: Sheet, heading: int) -> Iterator[Sequence[str | int | Decimal]]:
    """Give the rows of a heading's block: up to the next heading or blank row."""
    for index in range(heading + 1, len(sheet.rows)):
        if index in sheet.heading_rows or not any(value != "" for value in sheet.rows[index]):
            return
        yield sheet.rows[index]


def _is_figure(row: Sequence[str | int | Decimal], column: int) -> bool:
    return 0 < column < len(row) and (isinstance(row[column], int | Decimal) or _FIGURE.fullmatch(str(row[column])) is not None)


def _height(sheet: Sheet, index: int) -> int:
    """Give a row's height, 0 for the usual one. Programs differ in whether they fit wrapped rows on opening, so we say it."""
    if index == 0:
        return _TITLE_POINTS
    if index in sheet.heading_rows:  # headings run on and do not wrap
        return 0
    row = sheet.rows[index]
    return _wrapped_height(str(row[-1]), sheet.widths[-1]) if len(row) == len(sheet.widths) else 0


@lru_cache(maxsize=1024)
def _wrapped_height(text: str, width: int) -> int:
    """Give the height of a wrapped sentence of ours, 0 for one line. There are few sentences, and no person is in them."""
    lines = -(-displayed_width(text) // (width - _WRAP_SLACK))
    return lines * _LINE_POINTS if lines > 1 else 0


def sentences_height(our_texts: Sequence[str]) -> int:
    """Give the height of a row in points that shows all of our sentences wrapped, 0 where each fits into one line."""
    return max(_wrapped_height(our_texts[index], OUR_WIDTHS[index]) for index in SENTENCES)


class RowList:
    """A sheet of rows to do again: To fix or To retry. Rows are kept in an unnamed file in `folder` until it is drawn.

    `theirs` are the user's headers and their widths; ours follow.
    """

    def __init__(
        self, theirs: Sequence[str], widths: tuple[int, ...], labels: Sequence[str], looks: Looks, losses: Losses, *, folder: Path
    ) -> None:
        self._frame = Frame(widths=(*widths, *OUR_WIDTHS), header_row=1)
        self._emit = cell_emitter(range(len(theirs) + len(labels)), losses)
        self._wrapped = looks[Look.WRAPPED]
        self._last_row = 1
        self._text = [looks[Look.TEXT]] * len(theirs)
        # Blank cells of the user's are text cells too: what is typed into them keeps all its digits.
        self._kept = [True] * len(theirs) + [False] * len(labels)
        self._spool = tempfile.SpooledTemporaryFile(max_size=_BUFFER_BYTES, dir=str(folder))  # noqa: SIM115  (closed by close)
        styles = [looks[Look.HEADER]] * len(theirs) + [looks[Look.OUR_HEADER]] * len(labels)
        header = self._emit(1, [*theirs, *labels], styles, self._kept)
        self._spool.write((self._frame.head() + row_xml(1, header, height_points=header_height(theirs))).encode())

    def add(self, cells: Sequence[CellValue], our_texts: Sequence[str], our_styles: Sequence[int]) -> None:
        """Append a row: the user's cells, then ours, with the sentences wrapped so that all of them can be read."""
        self._last_row += 1
        styles = [*self._text, *our_styles]
        for index in SENTENCES:
            styles[len(self._text) + index] = self._wrapped
        height = sentences_height(our_texts)
        emitted = self._emit(self._last_row, [*cells, *our_texts], styles, self._kept)
        self._spool.write(row_xml(self._last_row, emitted, height_points=height).encode())

    @property
    def area(self) -> str:
        """The filtered range."""
        return self._frame.area(self._last_row)

    @property
    def size_bytes(self) -> int:
        return self._spool.tell()

    def write_to(self, part: IO[bytes]) -> None:
        """Write the worksheet part. No row can be added after it."""
        self._spool.write(self._frame.tail(self._last_row).encode())
        self._spool.seek(0)
        shutil.copyfileobj(self._spool, part, _BUFFER_BYTES)

    def close(self) -> None:
        self._spool.close()


def header_height(header: Sequence[str]) -> int:
    r"""Give the height of a header row in points, 0 for one line: headers of the user's may be broken into several.

    >>> header_height(["姓名", "卡号\n（文本）"]), header_height(["姓名"])
    (32, 0)
    """
    lines = 1 + max((text.count("\n") for text in header), default=0)
    return lines * _LINE_POINTS if lines > 1 else 0


def fitting_widths(header: Sequence[str], rows: Iterable[Sequence[CellValue]]) -> tuple[int, ...]:
    """Give column widths that fit the header and a sample of rows, within bounds.

    >>> fitting_widths(["姓名", "备注"], [["王小明", "x" * 90]])
    (8, 40)
    """
    widths = [displayed_width(text) + 4 for text in header]  # room for the filter's arrow
    for row in rows:
        for column, value in enumerate(row[: len(widths)]):
            if isinstance(value, str):
                widths[column] = max(widths[column], displayed_width(value) + 2)
    return tuple(min(max(width, _MIN_WIDTH), _MAX_WIDTH) for width in widths)
