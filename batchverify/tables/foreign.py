"""Old and foreign workbooks (xls, et, xlsb, ods): read once, in a process of their own, into a private copy of their cells.

The one thing to know: what parses the file is never this process. A workbook that crashes its reader, fills its memory or
never ends costs a child process and ends in a sentence that names the way out.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from batchverify.errors import InputError
from batchverify.model import CellValue, NumberCell, OddCell, Record
from batchverify.tables.foreign_child import MAX_CPU_SECONDS, TOO_LARGE, UNREADABLE
from batchverify.tables.snapshot import Snapshot, unnamed_file

#: Longer than the child's own bound of processor time, which is what ends it on a busy machine.
_PATIENCE_SECONDS = 2 * MAX_CPU_SECONDS
_REMEDY = "Open it in Excel, WPS or LibreOffice and save it as .xlsx."
_ODD_KINDS = {"b": "boolean", "d": "date"}


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
            for line in opened:
                if line.startswith(b"{"):
                    return
                number, *cells = json.loads(line)
                values: tuple[CellValue, ...] = tuple(map(_value, cells))
                yield Record(number=number, cells=values + ("",) * (width - len(values)))


def read_foreign(snapshot: Snapshot, *, name: str, temporary: Path) -> tuple[Snapshot, tuple[ForeignSheet, ...]]:
    """Read all sheets of a workbook; returns the private copy of their cells, to be closed by the caller, and the sheets.

    Raises:
        InputError: It cannot be read, is protected, or is more than a bounded process can hold. Nothing was sent.
        HomeError: The copy cannot be written.
    """
    copy = unnamed_file(temporary)
    try:
        _run_child(snapshot, copy, name=name)
        size_bytes = os.fstat(copy.fileno()).st_size
        cells = Snapshot(copy, sha256=snapshot.sha256, size_bytes=size_bytes)
        return cells, tuple(_sheets(cells))
    except BaseException:
        copy.close()
        raise


def _run_child(snapshot: Snapshot, copy: IO[bytes], *, name: str) -> None:
    # No setting and no secret of ours goes into a process that a stranger's file may take over.
    environment = {word: value for word, value in os.environ.items() if not word.startswith("BATCHVERIFY_")}
    command = [sys.executable, "-m", "batchverify.tables.foreign_child"]
    with snapshot.open() as content:
        try:
            done = subprocess.run(  # noqa: S603 - our own module, and no word of the user's in the command
                command,
                input=content.read(),
                stdout=copy,
                stderr=subprocess.DEVNULL,
                env=environment | {"PYTHONIOENCODING": "utf-8"},
                timeout=_PATIENCE_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise InputError(f"{name} takes longer to read than {_PATIENCE_SECONDS} s. {_REMEDY}") from None
    match done.returncode:
        case 0:
            return
        case code if code == UNREADABLE:
            raise InputError(f"{name} is protected, damaged, far too large or of an unknown kind. {_REMEDY}")
        case code if code == TOO_LARGE:
            raise InputError(f"{name} needs more memory than a workbook of its kind should. {_REMEDY}")
        case _:
            raise InputError(f"{name} cannot be read: whatever reads such a file breaks down on it. {_REMEDY}")


def _sheets(cells: Snapshot) -> Iterator[ForeignSheet]:
    with cells.open() as opened:
        head: dict[str, Any] | None = None
        offset = number = 0
        position = 0
        for line in opened:
            position += len(line)
            if line.startswith(b"{"):
                if head is not None:
                    yield ForeignSheet(name=head["sheet"], hidden=head["hidden"], offset=offset, rows=number)
                head, offset, number = json.loads(line), position, 0
            else:
                number = int(line[1 : line.index(b",")])
        if head is not None:
            yield ForeignSheet(name=head["sheet"], hidden=head["hidden"], offset=offset, rows=number)


def _value(cell: str | dict[str, str]) -> CellValue:
    if isinstance(cell, str):
        return cell
    ((kind, text),) = cell.items()
    return NumberCell(literal=text) if kind == "n" else OddCell(kind=_ODD_KINDS[kind], text=text)
