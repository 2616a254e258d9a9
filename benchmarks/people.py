"""Made-up people, each different, in a csv or a workbook."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from typing import NamedTuple

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"
_STEMS = "甲乙丙丁戊己庚辛壬癸"
_BRANCHES = "子丑寅卯辰巳午未申酉戌亥"
_FIRST_DAY = date(1950, 1, 1)
_DAYS = 18_000
HEADER = ("姓名", "身份证号", "银行卡号", "部门")


class Person(NamedTuple):
    name: str
    id_number: str
    card: str


def person(number: int) -> Person:
    """Give the person of that number; no two numbers share an ID or a card, and the sandbox says of all that they match."""
    born = _FIRST_DAY + timedelta(days=number % _DAYS)
    first = f"110101{born:%Y%m%d}{1 + number // _DAYS:03d}"
    check = _CHECK[sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, first, strict=True)) % 11]
    name = f"测{_STEMS[number % 10]}{_BRANCHES[number % 12]}"
    return Person(name=name, id_number=first + check, card=_with_luhn(f"621700{number:010d}00"))


def rows(count: int) -> Iterator[tuple[str, str, str, str]]:
    for number in range(count):
        yield (*person(number), f"部门{number % 7}")


def write_csv(path: Path, count: int) -> Path:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows(rows(count))
    return path


def write_xlsx(path: Path, count: int) -> Path:
    import xlsxwriter  # type: ignore[import-untyped]

    book = xlsxwriter.Workbook(path, {"constant_memory": True, "strings_to_numbers": False})
    sheet = book.add_worksheet("名单")
    for at, row in enumerate([HEADER, *islice(rows(count), count)]):
        for column, text in enumerate(row):
            sheet.write_string(at, column, text)
    book.close()
    return path


def _with_luhn(digits: str) -> str:
    doubled = (int(digit) * (2 if at % 2 == 0 else 1) for at, digit in enumerate(reversed(digits)))
    return digits + str(-sum(value - 9 if value > 9 else value for value in doubled) % 10)
