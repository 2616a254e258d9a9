"""By which numbers a person may have been asked about: a number as somebody types it, and every form it is sent in.

The one thing to know: it is looked up as an ID number and as a card number both. Nobody has to say which it is, and a number
that is neither is refused rather than found nowhere.
"""

from __future__ import annotations

from batchverify.rules.card import LUHN, check_card
from batchverify.rules.id_number import upgrade_15
from batchverify.rules.normalise import normalise_card, normalise_id_number

_LONG, _SHORT = 18, 15


def numbers_of(text: str) -> frozenset[str]:
    """Give the forms in which the ID number or card number in `text` is sent, none where it is neither.

    An ID number of a person born before 2000 has an older form of 15 digits, and the other way round.

    >>> sorted(numbers_of(" 110101 1990 0307 0011"))
    ['110101199003070011', '110101900307001']
    >>> sorted(numbers_of("110101900307001")), sorted(numbers_of("6217 0000 0000 0000 003")), sorted(numbers_of("somebody"))
    (['110101199003070011', '110101900307001'], ['6217000000000000003'], [])
    """
    found = set()
    id_number, _ = normalise_id_number(text)
    if len(id_number) == _LONG and id_number[:-1].isdecimal():
        # Not by its check character: with checks off a wrong one was sent, too.
        found.add(id_number)
        short = id_number[:6] + id_number[8:-1]
        if upgrade_15(short) == id_number:
            found.add(short)
    elif len(id_number) == _SHORT and id_number.isdecimal():
        found.add(id_number)
        found.update(long for long in [upgrade_15(id_number)] if long is not None)
    card, _ = normalise_card(text)
    if not set(check_card(card)) - {LUHN}:
        found.add(card)
    return frozenset(found)
