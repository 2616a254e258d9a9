"""A statement as a file: a workbook with one sheet of ours, or a plain csv for other programs.

The one thing to know: no cell becomes a formula in either, whatever an order or a product is called.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

from batchverify.errors import InputError
from batchverify.model import Sheet
from batchverify.tables.csv_writer import guarded
from batchverify.tables.our_book import book_bytes
from batchverify.tables.placing import Placed, place


def write_statement(target: Path, *, sheet: Sheet, rows: Iterable[Sequence[str]]) -> Placed:
    """Write `sheet` where the target is .xlsx and `rows` where it is .csv; an older file there is replaced.

    Raises:
        InputError: The target is of another kind, or its folder cannot be written.
    """
    match target.suffix.lower():
        case ".xlsx":
            content = book_bytes([sheet])
        case ".csv":
            content = _csv_bytes(rows)
        case _:
            raise InputError(f"A statement cannot be written to {target.name!r}. Name a file that ends in .xlsx or .csv.")

    def write(out: BinaryIO) -> None:
        out.write(content)

    return place(target, write)


def _csv_bytes(rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([guarded(cell) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")
