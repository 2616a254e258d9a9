"""Our usage as a file with the console's columns, so that it can be laid beside the vendor's own export.

The one thing to know: no cell becomes a formula, in either kind of file, whatever a file or a job is called.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from openpyxl import Workbook
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from batchverify.errors import InputError
from batchverify.tables.cell_xml import displayed_width
from batchverify.tables.csv_writer import guarded
from batchverify.tables.placing import Placed, place

_WIDEST = 60


def write_usage(target: Path, header: Sequence[str], rows: Sequence[Sequence[str | int]], *, title: str) -> Placed:
    """Write the rows as csv (UTF-8 with a BOM) or xlsx, by the suffix of the target; an older file there is replaced.

    Raises:
        InputError: The target is of another kind, or its folder cannot be written.
    """
    match target.suffix.lower():
        case ".csv":
            return place(target, lambda out: _write_csv(out, header, rows))
        case ".xlsx":
            return place(target, lambda out: _write_xlsx(out, header, rows, title=title))
        case _:
            raise InputError(f"Usage cannot be written to {target.name!r}. Name a file that ends in .csv or .xlsx.")


def _write_csv(out: BinaryIO, header: Sequence[str], rows: Sequence[Sequence[str | int]]) -> None:
    text = io.TextIOWrapper(out, encoding="utf-8-sig", newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([guarded(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    text.flush()
    text.detach()


def _write_xlsx(out: BinaryIO, header: Sequence[str], rows: Sequence[Sequence[str | int]], *, title: str) -> None:
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = title
    for number, row in enumerate([header, *rows], 1):
        for column, value in enumerate(row, 1):
            cell = sheet.cell(number, column, value)
            if isinstance(value, str):
                cell.data_type = "s"  # else openpyxl takes "=…" for a formula
            if number == 1:
                cell.font = Font(bold=True)
    for column, word in enumerate(header, 1):
        widest = max(displayed_width(str(row[column - 1])) for row in [header, *rows])
        sheet.column_dimensions[get_column_letter(column)].width = min(max(widest, displayed_width(word)) + 2, _WIDEST)
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(header))}{len(rows) + 1}"
    book.save(out)
