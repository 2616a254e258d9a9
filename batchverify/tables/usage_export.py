"""The vendor's 使用明细 as exported, a csv or a workbook: how many asks were used up in each 10-minute window.

The one thing to know: the export's format is undocumented, so columns are known by their names, wherever they stand and
whatever stands above them, and a line that is not understood is refused, never left out: a count that was overlooked
would free an ask that was paid for. Each package has an export of its own, so several files, and lines of one window, add up.

Source of the columns and windows: VENDOR, section 5.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path

from batchverify.errors import InputError
from batchverify.model import CellValue, NumberCell, OddCell, Record
from batchverify.rules.windows import BEIJING, Window, window_of
from batchverify.tables.reader import EmptyTable, Table, open_table

_SEARCHED_ROWS = 50
_WINDOW_HEADERS = re.compile(r"处理时间|processed|window")
_COUNT_HEADERS = re.compile(r"^(?:消耗|使用量|used)")
_SERIAL_HEADERS = re.compile(r"流水编?号|serial")
_OURS = re.compile(r"存疑")
_TOTALS = re.compile(r"合计|总计|小计|总数|共计|\b(?:sub)?total\b|\bsum\b")
_COUNT = re.compile(r"(\d{1,3}(?:,\d{3})+|\d+)(?:\.0+)?次?")
_DAY = r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?"
_TIME = r"(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.0+)?)?"
_FROM_TO = re.compile(rf"{_DAY}\s*T?\s*{_TIME}\s*(?:[-–—~〜～至到]|to)+\s*(?:{_DAY}\s*T?\s*)?{_TIME}", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageLine:
    """One line: the window, how many asks it used up, the vendor's number of the line ("" for none), and where it stands."""

    window: Window
    asks: int
    serial: str
    row: int
    sheet: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageExport:
    """One file: its lines in the file's order, the SHA-256 of its bytes in hex, and when it was saved at the latest."""

    name: str
    sha256: str
    saved_at: datetime
    lines: tuple[UsageLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Columns:
    header_row: int
    window: int
    count: int
    serial: int | None


def read_usage(path: Path, *, temporary: Path) -> UsageExport:
    """Read an export. `temporary` is a private folder for a copy.

    Raises:
        InputError: It is no such export, or holds a line that is not understood; the message names the row.
    """
    with open_table(path, temporary=temporary) as table:
        found = [_lines(table, path.name)]
        sha256 = table.sha256
        others = [entry.name for entry in table.sheets if entry.name != table.sheet]
    for name in others:  # a sheet for each package: all of them count
        with suppress(EmptyTable), open_table(path, temporary=temporary, sheet=name) as table:
            found.append(_lines(table, path.name))
    if known := [lines for lines in found if lines is not None]:
        saved_at = datetime.fromtimestamp(path.stat().st_mtime, BEIJING)
        return UsageExport(name=path.name, sha256=sha256, saved_at=saved_at, lines=tuple(chain(*known)))
    raise InputError(
        f"{path.name} has no columns 处理时间 and 消耗 within its first {_SEARCHED_ROWS} rows, so it is no usage export. "
        "Export 使用明细 of the package in the vendor's console. Nothing was changed."
    )


def counts_of(exports: Sequence[UsageExport]) -> dict[Window, int]:
    """Add up exports, one for each package, by window.

    Raises:
        InputError: A line, or a file, is there twice, and would be counted twice.
    """
    seen: dict[str, str] = {}
    seen_lines: dict[str, tuple[str, str, int]] = {}
    counts: dict[Window, int] = {}
    for export in exports:
        if export.sha256 in seen:
            raise InputError(
                f"{seen[export.sha256]} and {export.name} are the same file. Name each export once. Nothing was changed."
            )
        seen[export.sha256] = export.name
        for line in export.lines:
            if line.serial:
                place = (export.name, line.sheet, line.row)
                name, sheet, row = seen_lines.setdefault(line.serial, place)
                if (name, sheet, row) != place:
                    raise InputError(
                        f"Row {line.row} of {export.name} has the 流水编号 of row {row} of {name}, and would be counted twice. "
                        "Take one of them out. Nothing was changed."
                    )
            counts[line.window] = counts.get(line.window, 0) + line.asks
    return counts


def window_in(text: str) -> Window | None:
    """Read a window as the console spells it, or as a spreadsheet program has respelled it; None where it is none.

    The seconds may be gone, and the second date: an edge is an edge.

    >>> window_in("2018-03-19 10:50:01 - 2018-03-19 11:00:01") == window_in("2018/3/19 10:50~11:00")
    True
    >>> window_in("2018-03-19 10:50:01 - 2018-03-19 12:00:01"), window_in("2018-03-19 10:55:01 - 11:05:01")
    (None, None)
    """
    found = _FROM_TO.fullmatch(unicodedata.normalize("NFKC", text).strip())
    if found is None:
        return None
    day, begin, other_day, end = found.group(1, 2, 3), found.group(4, 5, 6), found.group(7, 8, 9), found.group(10, 11, 12)
    starts, ends = _instant(day, begin), _instant(other_day if other_day[0] else day, end)
    if starts is None or ends is None:
        return None
    if not other_day[0] and ends < starts:
        ends += timedelta(days=1)  # 23:50:01 - 00:00:01 with one date
    window = window_of(starts)
    return window if (window.start, window.end) == (starts, ends) else None


def _instant(day: tuple[str, ...], time: tuple[str | None, ...]) -> datetime | None:
    hour, minute, second = (int(part or 0) for part in time)
    if second not in (0, 1):
        return None
    year, month, date = (int(part) for part in day)
    try:
        return datetime(year, month, date, hour, minute, 1, tzinfo=BEIJING)
    except ValueError:
        return None


def _lines(table: Table, name: str) -> tuple[UsageLine, ...] | None:
    """Give the lines of one sheet, or None where it has no such columns."""
    records = table.source.records()
    columns = _columns(records, name)
    return None if columns is None else tuple(_read(records, columns, name, sheet=table.sheet or ""))


def _columns(records: Iterator[Record], name: str) -> _Columns | None:
    for record in records:
        if record.number > _SEARCHED_ROWS:
            return None
        words = ["".join(_text(cell).casefold().split()) for cell in record.cells]
        if _place(words, _OURS) is not None:
            # Our count laid beside itself would say of everything in doubt that it was not billed.
            raise InputError(
                f"{name} is our own count, written by `batchverify quota usage`. Name the vendor's 使用明细. Nothing was changed."
            )
        window, count = _place(words, _WINDOW_HEADERS), _place(words, _COUNT_HEADERS)
        if window is not None and count is not None:
            return _Columns(header_row=record.number, window=window, count=count, serial=_place(words, _SERIAL_HEADERS))
    return None


def _place(words: Sequence[str], pattern: re.Pattern[str]) -> int | None:
    return next((number for number, word in enumerate(words) if pattern.search(word)), None)


def _read(records: Iterable[Record], columns: _Columns, name: str, *, sheet: str) -> Iterator[UsageLine]:
    counts: list[int] = []
    total: int | None = None
    for record in records:
        texts = [_text(cell).strip() for cell in record.cells]
        window_text, count_text = _at(texts, columns.window), _at(texts, columns.count)
        window, count = window_in(window_text), _count_in(count_text)
        if window is None and not count_text:
            continue  # blank, or a remark
        if window is not None and count is not None and total is None:
            counts.append(count)
            yield UsageLine(window=window, asks=count, serial=_at(texts, columns.serial), row=record.number, sheet=sheet)
        elif (
            window is None and len(counts) > 1 and count == sum(counts) and not any(text for text in texts if text != count_text)
        ):
            total = record.number  # what follows it shows that it was none, but a line whose time was merged with the one above
        elif (window is None and not _is_a_total(window_text, texts)) or total is not None:
            raise InputError(
                f"Row {total or record.number} of {name} has no 10-minute window such as 2018-03-19 10:50:01 - 2018-03-19 11:00:01. "
                "Export the usage detail of the package as the console shows it. Nothing was changed."
            )
        elif window is not None:
            raise InputError(
                f"Row {record.number} of {name} has no number of asks such as 7次. Look at the column 消耗. Nothing was changed."
            )


def _is_a_total(window_text: str, texts: Sequence[str]) -> bool:
    """Say whether a row without a window names itself a sum. A time that is not understood is none."""
    return not any(map(str.isdigit, window_text)) and any(_TOTALS.search(text.casefold()) for text in texts)


def _at(texts: Sequence[str], column: int | None) -> str:
    return texts[column] if column is not None and column < len(texts) else ""


def _count_in(text: str) -> int | None:
    found = _COUNT.fullmatch("".join(text.split()))
    return int(found[1].replace(",", "")) if found else None


def _text(cell: CellValue) -> str:
    match cell:
        case NumberCell(literal=text) | OddCell(text=text):
            return unicodedata.normalize("NFKC", text)
        case _:
            return unicodedata.normalize("NFKC", cell)
