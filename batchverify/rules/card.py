"""What can be known of a bank card number without asking: digits, length, Luhn.

The one thing to know: Luhn is a warning, since some real cards fail it and one damaged number in ten passes. Tables of
issuers (BIN) are old and of unclear origin, so they decide nothing: the vendor returns the bank.
"""

from __future__ import annotations

CARD_CHARACTERS = "card_characters"
CARD_LENGTH = "card_length"
#: A warning, unless checks are strict: then it blocks as `card_luhn`.
LUHN = "luhn"

_LENGTHS = range(12, 20)
# "0" … "9" to the value that a doubled digit adds, and to its own value.
_DOUBLED = bytes.maketrans(b"0123456789", bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))
_SINGLE = bytes.maketrans(b"0123456789", bytes(range(10)))


def passes_luhn(digits: str) -> bool:
    """Say whether the last digit agrees with the others (ISO/IEC 7812-1 annex B).

    >>> passes_luhn("6217000000000000004"), passes_luhn("6217000000000000003")
    (True, False)
    """
    text = digits.encode("ascii")
    return (sum(text[-1::-2].translate(_SINGLE)) + sum(text[-2::-2].translate(_DOUBLED))) % 10 == 0


def check_card(text: str) -> tuple[str, ...]:
    """Name what is wrong or odd about a normalised card number: digits, 12 to 19 of them, Luhn.

    >>> check_card("6217000000000000004"), check_card("6217000000000000003")
    ((), ('luhn',))
    >>> check_card("6217"), check_card("6217-A")
    (('card_length',), ('card_characters',))
    """
    if not (text.isdecimal() and text.isascii()):
        return (CARD_CHARACTERS,)
    if len(text) not in _LENGTHS:
        return (CARD_LENGTH,)
    return () if passes_luhn(text) else (LUHN,)
