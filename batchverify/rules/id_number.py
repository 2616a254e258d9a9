"""What can be known of a Chinese ID number without asking: GB 11643-1999, permits, and the 15-digit form before it.

The one thing to know: an unknown region is a warning at most, since region codes change and published lists lag. The
check character, the length and the date of birth decide.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from operator import mul

from batchverify.rules.regions import is_known_region

ID_CHARACTERS = "id_characters"
ID_LENGTH = "id_length"
ID_15_DIGITS = "id_15_digits"
ID_BIRTHDATE = "id_birthdate"
ID_FUTURE = "id_future"
ID_CHECKSUM = "id_checksum"
MINOR = "minor"

#: Warnings: worth a look, never a reason to stop.
REGION = "region"
PERMIT = "permit"
PERMANENT_RESIDENCE = "permanent_residence"

_LENGTH = 18
_OLD_LENGTH = 15
_MINOR_BELOW_YEARS = 14
# Nobody alive was born before it, and the 15-digit form only knows the years 19yy.
_FIRST_YEAR = "1900"
# Order numbers 996 to 999 of the 15-digit form went to people born before 1900: their century is not 19.
_CENTENARIANS = frozenset({"996", "997", "998", "999"})
_WEIGHTS = tuple(pow(2, 17 - place, 11) for place in range(17))
# The check characters 1 0 X 9 8 … 2, turned so that ASCII codes can be weighted as they are, without taking off 48 each.
_CHECK_CHARACTERS = "".join("10X98765432"[(total - 48 * sum(_WEIGHTS)) % 11] for total in range(11))


def check_character(first_17: str) -> str:
    """Compute the check character of 17 digits by ISO 7064 MOD 11-2, as GB 11643-1999 prescribes it.

    >>> check_character("11010119900307001")
    '1'
    """
    return _CHECK_CHARACTERS[sum(map(mul, _WEIGHTS, first_17.encode("ascii"))) % 11]


def check_id_number(text: str, today: date) -> tuple[str, ...]:
    """Name what is wrong or odd about a normalised ID number, the gravest first; `today` is the date in Beijing.

    Resident identity cards, residence permits for Hong Kong, Macau and Taiwan residents (81, 82, 83) and the foreigners'
    permanent residence card of 2023 (9) share one form: date of birth at place 7, MOD 11-2 at the end.

    >>> check_id_number("110101199003070011", date(2026, 11, 24))
    ()
    >>> check_id_number("110101199013070019", date(2026, 11, 24))
    ('id_birthdate',)
    """
    body = text[:-1] if text[17:] == "X" else text
    if not (body.isdecimal() and body.isascii()):
        return (ID_CHARACTERS,)
    if len(text) != _LENGTH:
        return (ID_15_DIGITS,) if len(text) == _OLD_LENGTH else (ID_LENGTH,)
    born = text[6:14]
    if not _is_date(born):
        return (ID_BIRTHDATE,)
    today_text, minor_from = _limits(today)
    if born > today_text:
        return (ID_FUTURE,)
    if check_character(text[:17]) != text[17]:
        return (ID_CHECKSUM,)
    oddity = _oddity(text)
    if born >= minor_from:
        return (MINOR, *oddity)
    return oddity


def upgrade_15(text: str) -> str | None:
    """Propose the 18-digit form of a 15-digit ID number (GB 11643-1989 to -1999), or None where the century is not known.

    It is a proposal: the person's own card may say otherwise, so nothing is converted unasked.

    >>> upgrade_15("110101900307001")
    '110101199003070011'
    >>> upgrade_15("110101900307996") is None
    True
    """
    if not (len(text) == _OLD_LENGTH and text.isascii() and text.isdecimal()) or text[12:] in _CENTENARIANS:
        return None
    first_17 = f"{text[:6]}19{text[6:]}"
    return first_17 + check_character(first_17)


def _oddity(text: str) -> tuple[str, ...]:
    if text[0] == "9":
        return (PERMANENT_RESIDENCE,)
    if text[:2] in {"81", "82", "83"}:
        return (PERMIT,)
    return () if is_known_region(text[:6]) else (REGION,)


def _is_date(born: str) -> bool:
    if born < _FIRST_YEAR:
        return False
    try:
        date.fromisoformat(born)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=8)
def _limits(today: date) -> tuple[str, str]:
    """Today, and the first date of birth that is under age, as YYYYMMDD: a person comes of an age the day after the birthday."""
    return f"{today:%Y%m%d}", f"{today.year - _MINOR_BELOW_YEARS:04}{today:%m%d}"
