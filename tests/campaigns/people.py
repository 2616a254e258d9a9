"""People who do not exist, by number: valid ID numbers of one made-up place, cards of zeros, names of a fixed pattern.

The one thing to know: a person's card decides the sandbox's verdict by the two digits before its last, so `verdict` puts
any status into a sheet. Cards pass Luhn, so that the plan has nothing to say about them.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

HEADER = ("姓名", "身份证号", "银行卡号")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_MATCH_DIGITS = "00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One made-up person, as a sheet has them."""

    name: str
    id_card: str
    account_no: str

    @property
    def cells(self) -> tuple[str, str, str]:
        return self.name, self.id_card, self.account_no


def id_number(number: int) -> str:
    """Spell the 18 digits of person `number`, up to 300,000 of them, with the check character of GB 11643 (MOD 11-2).

    >>> id_number(0)
    '110101196001010003'
    """
    body = f"110101{1960 + number // 1_000 % 12}01{1 + number // 12_000:02d}{number % 1_000:03d}"
    return body + "10X98765432"[sum(int(digit) * weight for digit, weight in zip(body, _WEIGHTS, strict=True)) % 11]


def card_number(number: int, digits: str = _MATCH_DIGITS) -> str:
    """Spell a card of 19 digits whose two before the last are `digits`, with a last one that passes Luhn.

    >>> card_number(7, "02")
    '6217000000000007025'
    """
    body = f"621700{number:010d}{digits}"
    odd = sum(sum(divmod(2 * int(digit), 10)) for digit in body[::-2])
    return f"{body}{-(odd + sum(int(digit) for digit in body[-2::-2])) % 10}"


def person(number: int, digits: str = _MATCH_DIGITS) -> Person:
    """Make person `number`; `digits` choose the sandbox's verdict (see batchverify/sandbox/verdicts.py)."""
    return Person(name=f"王{chr(0x4E00 + number)}", id_card=id_number(number), account_no=card_number(number, digits))


def people(count: int, *, first: int = 0) -> list[Person]:
    """Make that many people with matching cards."""
    return [person(number) for number in range(first, first + count)]


def write_sheet(path: Path, rows: Iterable[Person]) -> Path:
    """Write a csv of people and return its path."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows(one.cells for one in rows)
    return path


def read_result(path: Path) -> list[dict[str, str]]:
    """Read a csv result, a dict for each row."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))
