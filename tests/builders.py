"""Made-up people, sheets of them, and readers of results, for tests of every floor.

The one thing to know: the digits say what the sandbox answers (see `batchverify.sandbox.verdicts`): the two digits before
the last of a card are its verdict, "00" is a match.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from openpyxl import Workbook, load_workbook

from batchverify.store.ledger import Ledger, NewPackage, Package

HEADERS = {"name": "姓名", "idCard": "身份证号", "accountNo": "银行卡号", "mobile": "手机号"}
_NAMES = ("张三", "李四", "王小明", "测试甲", "测试乙")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_FIRST_DAY = date(1990, 1, 1)


def an_id(person: int) -> str:
    """Return an ID number of Beijing's 东城区 with a right check digit, another one for each person."""
    days, sequence = divmod(person, 999)
    body = f"110101{_FIRST_DAY + timedelta(days=days):%Y%m%d}{sequence + 1:03d}"
    return body + "10X98765432"[sum(int(digit) * weight for digit, weight in zip(body, _WEIGHTS, strict=True)) % 11]


def a_card(number: int, *, verdict: str = "00") -> str:
    """Return a card of 19 digits with a right Luhn digit, to which the sandbox says what `verdict` stands for."""
    body = f"621700{number:010d}{verdict}"
    total = 0
    for place, digit in enumerate(reversed(body)):
        doubled = int(digit) * (1 if place % 2 else 2)
        total += doubled - 9 if doubled > 9 else doubled
    return f"{body}{-total % 10}"


def a_row(person: int = 1, *, verdict: str = "00", **cells: Any) -> dict[str, Any]:
    """Return a row by field (`name`, `idCard`, `accountNo`), each of which may be given otherwise; other words are columns."""
    return {
        "name": _NAMES[person % len(_NAMES)],
        "idCard": an_id(person),
        "accountNo": a_card(person, verdict=verdict),
    } | cells


def rows(count: int, *, first: int = 1) -> list[dict[str, Any]]:
    """Return rows of that many different people, all of whom match."""
    return [a_row(person) for person in range(first, first + count)]


def a_sheet(folder: Path, people: Sequence[Mapping[str, Any]], *, name: str = "people.csv") -> Path:
    """Write rows as csv or xlsx, by the suffix of the name; fields get Chinese headers, other columns their own word."""
    columns = list(dict.fromkeys(column for person in people for column in person))
    table = [
        [HEADERS.get(column, column) for column in columns],
        *([person.get(column, "") for column in columns] for person in people),
    ]
    path = folder / name
    if path.suffix == ".csv":
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            csv.writer(file).writerows(table)
        return path
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in table:
        sheet.append(row)
    book.save(path)
    return path


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read a result back as a stranger would, one dict a row by header. Empty cells are ""."""
    if path.suffix == ".csv":
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))
    book = load_workbook(path)
    header, *table = book.worksheets[0].iter_rows(values_only=True)
    return [{str(word): "" if cell is None else cell for word, cell in zip(header, row, strict=True)} for row in table]


def enter_package(
    ledger: Ledger, label: str, *, total: int, used: int = 0, now: datetime, expires_at: datetime | None = None
) -> Package:
    """Enter one package that is bought now; `used` asks were gone from it."""
    (entered,) = ledger.bought().enter([NewPackage(label=label, total=total, used=used, expires_at=expires_at)], now=now) or []
    return entered
