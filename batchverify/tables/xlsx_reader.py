"""The rows of an xlsx sheet as records, with the type that each cell has in the file.

The one thing to know: a number keeps the digits that the file spells, because only they and the cell's type show whether
Excel has already cut an 18-digit number down to 15. Plainly written sheets go through `sheet_xml`; any other sheet goes
through openpyxl, which gives the same cells, ten times slower.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from functools import lru_cache
from typing import Any

from batchverify.errors import InputError
from batchverify.model import CellValue, NumberCell, OddCell, Record
from batchverify.tables.row_shape import RowShape
from batchverify.tables.sheet_xml import Cell, NotPlain, SheetScan, cells_of, is_hidden, whole_number
from batchverify.tables.snapshot import Snapshot
from batchverify.tables.workbook import ZIP_ERRORS, SheetPart, Workbook

_DIMENSION = re.compile(rb'<dimension ref="[A-Z]+\d+:[A-Z]+(\d{1,7})"')
_ONE_DAY_SECONDS = 86_400


class SheetSource:
    """One sheet of a workbook, read again from its first row for every pass."""

    def __init__(self, snapshot: Snapshot, workbook: Workbook, sheet: SheetPart, *, must_tell_hidden: bool = False) -> None:
        self.workbook = workbook
        self.sheet = sheet
        self._snapshot = snapshot
        self._must_tell_hidden = must_tell_hidden
        self._strings: list[str] | None = None
        self._date_styles = workbook.date_styles()

    def records(self, *, width: int = 0) -> Iterator[Record]:
        """Give every row element of the sheet, from row 1, in order, each with at least `width` cells.

        A row that the file leaves out is left out here. Blanks at the end of a row, beyond `width`, are left off.
        """
        reached = 0
        try:
            for record in self._plain_records(width):
                reached = record.number
                yield record
        except NotPlain:
            if self._must_tell_hidden:  # openpyxl does not tell, and a hidden person must not be asked about
                raise InputError(
                    f"{self.workbook.name} does not show which rows are hidden. Save it again in Excel, or leave out --skip-hidden."
                ) from None
            # The rows given so far were understood whole, so the other way in goes on behind them.
            yield from (record for record in self._openpyxl_records(width) if record.number > reached)

    def row_count(self) -> int | None:
        """Give the last row by the sheet's own account, or None where it gives none: WPS writes A1 there."""
        try:
            with self.workbook.open(self.sheet.part) as part:
                found = _DIMENSION.search(SheetScan(part, name=self.sheet.name).head)
        except NotPlain:
            return None
        return int(found[1]) if found else None

    def _plain_records(self, width: int) -> Iterator[Record]:
        if self._strings is None:
            self._strings = self.workbook.shared_strings()
        shape = RowShape(self._strings, date_styles=self._date_styles, as_date=self._date)
        with self.workbook.open(self.sheet.part) as part:
            scan = SheetScan(part, name=f"Sheet {self.sheet.name!r}")
            for block in scan.blocks():
                position = 0
                while position < len(block):
                    if hit := shape.match(block, position):
                        number, attributes, cells, position = hit
                        scan.advance_to(number)
                        yield Record(number=number, cells=_fitted(cells, width), hidden=is_hidden(attributes))
                        continue
                    end = block.find(b"</row>", position) + len(b"</row>")
                    start, position = position, end if end > position else len(block)
                    for row in scan.rows_in(block[start:position]):
                        found = cells_of(row.xml)
                        shape.learn(found)
                        yield Record(number=row.number, cells=_fitted(self._values_of(found), width), hidden=row.hidden)

    def _values_of(self, cells: list[Cell]) -> list[CellValue]:
        values: list[CellValue] = [""] * (cells[-1][0] + 1 if cells else 0)
        for column, kind, style, text in cells:
            values[column] = self._value(kind, style, text)
        return values

    def _value(self, kind: str, style: str, text: str) -> CellValue:
        match kind:
            case "str" | "inlineStr" | "":
                return text
            case "s":
                return self._shared(text)
            case "n" if style in self._date_styles:
                return self._date(text)
            case "n":
                return NumberCell(literal=text)
            case "b":
                return OddCell(kind="boolean", text="FALSE" if text == "0" else "TRUE")
            case "d":
                return OddCell(kind="date", text=text)
            case "f":
                return OddCell(kind="formula")
            case "e":
                return OddCell(kind="error", text=text)
            case _:
                raise InputError(
                    f"{self.workbook.name} has a cell of the unknown type {kind!r}: it is damaged. Save it again in Excel."
                )

    def _shared(self, index: str) -> str:
        strings = self._strings or []
        place = whole_number(index)
        if not 0 <= place < len(strings):
            raise InputError(
                f"{self.workbook.name} is damaged: a cell points to a text that is not there. Save it again in Excel."
            )
        return strings[place]

    def _date(self, serial: str) -> CellValue:
        return OddCell(kind="date", text=date_text(serial, uses_1904_dates=self.workbook.uses_1904_dates))

    def _openpyxl_records(self, width: int) -> Iterator[Record]:
        # Imported here: most workbooks never need it, and it takes a fifth of a second.
        from openpyxl import load_workbook  # noqa: PLC0415

        # Two passes side by side: the values, and the formulas, without which a formula that has no value looks like a blank.
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # openpyxl warns of styles and extensions that it does not keep; none is needed
                books = [load_workbook(self._snapshot.open(), read_only=True, data_only=data_only) for data_only in (True, False)]
                sheets = [book[self.sheet.name] for book in books]
                for sheet in sheets:
                    sheet.reset_dimensions()  # WPS writes A1, and openpyxl would stop there
                for number, rows in enumerate(zip(*(sheet.iter_rows() for sheet in sheets), strict=True), start=1):
                    values, formulas = rows
                    if values:
                        cells = [_openpyxl_value(value, formula) for value, formula in zip(values, formulas, strict=True)]
                        yield Record(number=number, cells=_fitted(cells, width))
        except (LookupError, TypeError, AttributeError, SyntaxError, OverflowError, *ZIP_ERRORS) as error:
            raise InputError(
                f"{self.workbook.name} cannot be read ({type(error).__name__}). Open it in Excel and save it as .xlsx."
            ) from None


@lru_cache(maxsize=4096)  # a column of dates repeats its days, and spelling one costs as much as reading a row
def date_text(serial: str, *, uses_1904_dates: bool) -> str:
    """Spell a date as people do; a serial that is no date stays as it is.

    >>> date_text("45292", uses_1904_dates=False), date_text("45292.75", uses_1904_dates=False), date_text("0.5", uses_1904_dates=False)
    ('2024-01-01', '2024-01-01 18:00:00', '12:00:00')
    """
    # Excel's 1900 was a leap year, so its days from 1900-03-01 count from 1899-12-30, and those before from a day later.
    try:
        days = float(serial)
        epoch = datetime(1904, 1, 1) if uses_1904_dates else datetime(1899, 12, 30 if days >= 60 else 31)  # noqa: DTZ001, PLR2004
        moment = epoch + timedelta(seconds=round(days * _ONE_DAY_SECONDS))
    except (ValueError, OverflowError):
        return serial
    if 0 <= days < 1:
        return moment.time().isoformat()
    return _moment_text(moment)


def _moment_text(moment: datetime) -> str:
    return moment.date().isoformat() if moment.time() == time() else moment.isoformat(sep=" ", timespec="seconds")


def _openpyxl_value(cell: Any, formula: Any) -> CellValue:
    match cell.value:
        case None:
            return OddCell(kind="formula") if formula.data_type == "f" else ""
        case bool(value):
            return OddCell(kind="boolean", text=str(value).upper())
        case str(value):
            return OddCell(kind="error", text=value) if cell.data_type == "e" else value
        case int() | float() as value:
            return NumberCell(literal=repr(value))
        case datetime() as value:
            return OddCell(kind="date", text=_moment_text(value))
        case value:
            return OddCell(kind="date", text=str(value))


def _fitted(cells: list[CellValue], width: int) -> tuple[CellValue, ...]:
    """Bring a row to its width. Whether the file spells blanks beyond it depends on formats, not on content: they go."""
    while len(cells) > width and cells[-1] == "":
        cells.pop()
    if len(cells) < width:
        cells += [""] * (width - len(cells))
    return tuple(cells)
