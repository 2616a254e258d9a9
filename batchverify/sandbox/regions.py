"""Names of regions by code and year, as GB/T 2260 had them; the table is regions.txt beside this file.

The one thing to know: a code's name changes over the years, and the name of the birth year is the one given. Where the
lists begin later than the person, the oldest name known stands in.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

_LATEST_YEAR = 9999

# Codes of the first lists for a city as a whole, its urban and its suburban districts; later lists left them out.
_UNLISTED_SUFFIXES = {"01": "市辖区", "02": "城区", "11": "郊区", "20": "市区"}


def name_of(code: str, *, year: int) -> str:
    """Return the name of a six-digit code in that year, or "" where no list has it.

    >>> name_of("511126", year=1995), name_of("510000", year=1995), name_of("999999", year=1995)
    ('夹江县', '四川省', '')
    >>> name_of("210311", year=1970), name_of("210311", year=1990), name_of("210311", year=2020)
    ('郊区', '旧堡区', '千山区')
    """
    timeline = _timelines().get(code)
    if timeline is None:
        return _UNLISTED_SUFFIXES.get(code[4:], "")
    fitting = [name for first, last, name in timeline if first <= year <= last]
    return fitting[-1] if fitting else timeline[0][2]


@cache
def _timelines() -> dict[str, tuple[tuple[int, int, str], ...]]:
    text = files(__package__).joinpath("regions.txt").read_text(encoding="utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return {line[:6]: tuple(_entry(part) for part in line[7:].split("|")) for line in lines}


def _entry(text: str) -> tuple[int, int, str]:
    years, _, name = text.partition(" ")
    first, _, last = years.partition("-")
    return int(first or 0), int(last or _LATEST_YEAR), name
