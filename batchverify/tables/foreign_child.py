"""A process of its own that reads an old or foreign workbook from standard input and writes its cells to standard output.

The one thing to know: it may die of what it reads (two cells far apart abort the whole process, a bomb fills the memory),
and nothing else dies with it. It is given no name of a file, no home and no secret, and its memory, time and output are bound.

The output is JSON, a line for each sheet (`{"sheet": name, "hidden": true}`) followed by one for each of its rows
(`[number, cell, …]`). A cell is a text, `{"n": digits}`, `{"b": "TRUE"}` or `{"d": "2026-11-24"}`.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from io import BytesIO
from typing import Any
from zipfile import ZipFile

MAX_MEMORY_BYTES = 512 << 20
MAX_CPU_SECONDS = 60
MAX_OUTPUT_BYTES = 2 << 30
#: No workbook of these kinds reaches further, and a cell out there would be given with all blanks before it.
MAX_COLUMNS = 16_384

#: In an old workbook: the beginning of its globals, and behind it the record that says it is encrypted (MS-XLS 2.1.7.20.3).
_FILE_PASS = re.compile(rb"\x09\x08\x10\x00\x00\x06\x05\x00.{12}(?:\x86\x00\x00\x00)?\x2f\x00", re.DOTALL)

#: Exit codes, which `foreign` turns into sentences.
UNREADABLE, TOO_LARGE, IS_PROTECTED = 3, 4, 5


def main() -> int:
    """Read, write, and say by the exit code how it ended."""
    content = sys.stdin.buffer.read()
    bind(MAX_MEMORY_BYTES)
    # Imported here: what the library takes for itself counts towards the bound, too.
    from python_calamine import (  # noqa: PLC0415
        CalamineError,
        CalamineWorkbook,
        SheetTypeEnum,
        SheetVisibleEnum,
    )

    out = sys.stdout
    try:
        book = CalamineWorkbook.from_filelike(BytesIO(content))
        for sheet in book.sheets_metadata:
            if sheet.typ is SheetTypeEnum.WorkSheet:
                hidden = sheet.visible is not SheetVisibleEnum.Visible
                out.write(json.dumps({"sheet": sheet.name, "hidden": hidden}, ensure_ascii=False) + "\n")
                for row in _rows(book.get_sheet_by_name(sheet.name)):
                    out.write(json.dumps(row, ensure_ascii=False) + "\n")
        out.flush()
    except (MemoryError, OSError):
        return TOO_LARGE
    except (CalamineError, ValueError, UnicodeError):
        return IS_PROTECTED if is_protected(content) else UNREADABLE
    return 0


def _rows(sheet: Any) -> Iterator[list[Any]]:
    """Give the rows that hold anything, each with its number; blanks at the end of a row are left off."""
    # The library gives blank rows before the first that holds anything, but no blank columns.
    _, first_column = sheet.start or (0, 0)
    blanks: list[Any] = [""] * min(first_column, MAX_COLUMNS)
    for number, row in enumerate(sheet.iter_rows(), 1):
        cells = [spelled(value) for value in row]
        while cells and cells[-1] == "":
            cells.pop()
        if cells:
            yield [number, *blanks, *cells]


def spelled(value: Any) -> Any:
    """Spell a cell for JSON. A whole number keeps all its digits; whether they can be trusted is decided elsewhere.

    >>> spelled("张三"), spelled(13800138000.0), spelled(1.5), spelled(True), spelled(date(2026, 11, 24))
    ('张三', {'n': '13800138000'}, {'n': '1.5'}, {'b': 'TRUE'}, {'d': '2026-11-24'})
    >>> spelled(6.21412e18)
    {'n': '6214120000000000000'}
    """
    match value:
        case str():
            return value
        case bool():
            return {"b": str(value).upper()}
        case int():
            return {"n": str(value)}
        case float():
            return {"n": f"{value:.0f}" if value.is_integer() else repr(value)}
        case datetime():
            return {"d": value.date().isoformat() if value.time() == time() else value.isoformat(sep=" ", timespec="seconds")}
        case date() | time():
            return {"d": value.isoformat()}
        case timedelta():
            return {"d": str(value)}
        case _:
            return ""


def is_protected(content: bytes) -> bool:
    """Tell whether a workbook is unreadable because it wants a password. The library that reads it does not say so."""
    if _FILE_PASS.search(content):
        return True
    try:
        with ZipFile(BytesIO(content)) as zipped:
            return b"encryption-data" in zipped.read("META-INF/manifest.xml")
    except Exception:  # noqa: BLE001 - it has just been found unreadable, in whatever way
        return False


def bind(memory_bytes: int) -> None:
    """Set an end to what this process may take."""
    with contextlib.suppress(ImportError):  # Windows has no such limits; there the parent's patience is the only one
        import resource  # noqa: PLC0415

        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
        resource.setrlimit(resource.RLIMIT_CPU, (MAX_CPU_SECONDS, MAX_CPU_SECONDS))
        resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_OUTPUT_BYTES, MAX_OUTPUT_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    sys.exit(main())
