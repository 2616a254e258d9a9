"""Old and foreign files (xls, et, xlsb, ods, parquet): read once, in a process of their own, into a private copy of their cells.

The one thing to know: what parses the file is never this process. A workbook that crashes its reader, fills its memory or
never ends costs a child process and ends in a sentence that names the way out.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, BinaryIO

from batchverify.errors import InputError
from batchverify.model import CellValue, NumberCell, OddCell, Record
from batchverify.tables.child import run_child
from batchverify.tables.foreign_child import IS_PROTECTED, MAX_CPU_SECONDS, TOO_LARGE, UNREADABLE
from batchverify.tables.snapshot import Snapshot, unnamed_file

#: Longer than the child's own bound of processor time, which is what ends it on a busy machine.
_PATIENCE_SECONDS = 2 * MAX_CPU_SECONDS
_REMEDY = "Open it in Excel, WPS or LibreOffice and save it as .xlsx."
_PARQUET_REMEDY = "Write it again, or as .csv, with every long number as text."
_NOT_UNDERSTOOD = f"The workbook cannot be read: what reads such a file broke down on it. {_REMEDY}"
_ROW = re.compile(rb"\[(\d{1,10}),")
#: A row of as many cells as there can be, with a hundred bytes each; longer ones would be held whole.
_MAX_LINE_BYTES = 64 << 20


class ProtectedError(InputError):
    """An old or foreign workbook needs a password before it can be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignSheet:
    """A sheet that was read: its name, whether it is hidden, where its rows begin in the copy, the number of the last one."""

    name: str
    hidden: bool
    offset: int
    rows: int


class ForeignSource:
    """The rows of one sheet, from the copy of its cells, anew with every call."""

    def __init__(self, cells: Snapshot, sheet: ForeignSheet) -> None:
        self.sheet = sheet
        self._cells = cells

    def records(self, *, width: int = 0) -> Iterator[Record]:
        """Give every row that holds anything, from the first, each with at least `width` cells."""
        with self._cells.open() as opened:
            opened.seek(self.sheet.offset)
            for line in _lines(opened):
                if line.startswith(b"{"):
                    return
                number, values = _row(line)
                yield Record(number=number, cells=values + ("",) * (width - len(values)))


def read_foreign(snapshot: Snapshot, *, name: str, temporary: Path) -> tuple[Snapshot, tuple[ForeignSheet, ...]]:
    """Read all sheets of a workbook; returns the private copy of their cells, to be closed by the caller, and the sheets.

    Raises:
        ProtectedError: It is protected with a password.
        InputError: It cannot be read, or is more than a bounded process can hold. Nothing was sent.
        HomeError: The copy cannot be written.
    """
    return _read(snapshot, name=name, temporary=temporary, child="foreign_child", remedy=_REMEDY)


def read_parquet(snapshot: Snapshot, *, name: str, temporary: Path) -> tuple[Snapshot, ForeignSheet]:
    """Read a parquet file as the one sheet that it is. Returns and raises as `read_foreign` does."""
    if find_spec("pyarrow") is None:
        raise InputError(
            f"{name} needs the extra 'parquet', for it is a parquet file. Install it with `pip install 'batchverify[parquet]'`. "
            "Nothing was sent."
        )
    cells, (sheet,) = _read(snapshot, name=name, temporary=temporary, child="parquet_child", remedy=_PARQUET_REMEDY)
    return cells, sheet


def _read(
    snapshot: Snapshot, *, name: str, temporary: Path, child: str, remedy: str
) -> tuple[Snapshot, tuple[ForeignSheet, ...]]:
    copy = unnamed_file(temporary)
    try:
        _run_child(snapshot, copy, name=name, child=child, remedy=remedy)
        size_bytes = os.fstat(copy.fileno()).st_size
        cells = Snapshot(copy, sha256=snapshot.sha256, size_bytes=size_bytes)
        return cells, tuple(_sheets(cells))
    except BaseException:
        copy.close()
        raise


def _run_child(snapshot: Snapshot, copy: IO[bytes], *, name: str, child: str, remedy: str) -> None:
    with snapshot.open() as content:
        code = run_child(f"batchverify.tables.{child}", content=content, out=copy, patience_seconds=_PATIENCE_SECONDS)
    match code:
        case 0:
            return
        case None:
            raise InputError(f"{name} takes longer to read than {_PATIENCE_SECONDS} s. {remedy}")
        case code if code == IS_PROTECTED:
            raise ProtectedError(
                f"{name} is protected with a password. Open it in the program that made it, remove the password and save it again."
            )
        case code if code == UNREADABLE:
            raise InputError(f"{name} is damaged, far too large or of an unknown kind. {remedy}")
        case code if code == TOO_LARGE:
            raise InputError(f"{name} needs more memory than a file of its kind should. {remedy}")
        case _:
            raise InputError(f"{name} cannot be read: whatever reads such a file breaks down on it. {remedy}")


def _sheets(cells: Snapshot) -> Iterator[ForeignSheet]:
    with cells.open() as opened:
        head: tuple[str, bool] | None = None
        offset = number = 0
        position = 0
        for line in _lines(opened):
            position += len(line)
            if line.startswith(b"{"):
                if head is not None:
                    yield ForeignSheet(name=head[0], hidden=head[1], offset=offset, rows=number)
                head, offset, number = _head(line), position, 0
            else:
                number = _number(line)
        if head is not None:
            yield ForeignSheet(name=head[0], hidden=head[1], offset=offset, rows=number)


# What follows believes nothing: a process that a stranger's file has taken over may have written these lines.


def _lines(opened: BinaryIO) -> Iterator[bytes]:
    while line := opened.readline(_MAX_LINE_BYTES + 1):
        if len(line) > _MAX_LINE_BYTES:
            raise InputError(_NOT_UNDERSTOOD)
        yield line


def _head(line: bytes) -> tuple[str, bool]:
    match _parsed(line):
        case {"sheet": str(name), "hidden": bool(hidden)}:
            return name, hidden
        case _:
            raise InputError(_NOT_UNDERSTOOD)


def _number(line: bytes) -> int:
    found = _ROW.match(line)
    if found is None:
        raise InputError(_NOT_UNDERSTOOD)
    return int(found[1])


def _row(line: bytes) -> tuple[int, tuple[CellValue, ...]]:
    match _parsed(line):
        case [int(number), *cells] if number > 0:
            return number, tuple(map(_value, cells))
        case _:
            raise InputError(_NOT_UNDERSTOOD)


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        raise InputError(_NOT_UNDERSTOOD) from None


def _value(cell: Any) -> CellValue:
    match cell:
        case str():
            return cell
        case {"n": str(digits)}:
            return NumberCell(literal=digits)
        case {"b": str(text)}:
            return OddCell(kind="boolean", text=text)
        case {"d": str(text)}:
            return OddCell(kind="date", text=text)
        case _:
            raise InputError(_NOT_UNDERSTOOD)
