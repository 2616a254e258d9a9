"""What can be known of a name without asking: whether it can be read, and whether it can be a name.

The one thing to know: a rare character is sent, since the registers have it; a private-use one is not, since it means
something else on every machine. The standard tables of Python 3.11 lack Extensions H and I, so `regex` judges Han.
"""

from __future__ import annotations

import re

import regex

from batchverify.rules.normalise import HAN

NAME_UNREADABLE = "name_unreadable"
NAME_CHARACTERS = "name_characters"

#: Warnings: a mismatch deserves a look by hand.
RARE_CHARACTER = "rare_character"
NOT_HAN = "not_han"

_LONGEST = 64
_CLEAN = re.compile("[㐀-䶿一-鿿〇]{1,20}(?:·[㐀-䶿一-鿿〇]{1,20})?")
# Private use, halves of surrogate pairs, and what converters and fonts put where a character was lost.
_UNREADABLE = regex.compile(r"[\p{Co}\p{Cs}\uFFFD?？□〓]")
_LETTER = regex.compile(rf"[\p{{L}}{HAN}]")
_NAME = regex.compile(rf"[\p{{L}}\p{{M}}{HAN}·'’.,\- ]+")
_OTHER_THAN_HAN = regex.compile(rf"[^{HAN}·]")
# Extension B and after (planes 2 and 3): in the registers, seldom in the systems of banks.
_RARE = regex.compile("[\U00020000-\U0003ffff]")


def check_name(text: str) -> tuple[str, ...]:
    r"""Name what is wrong or odd about a normalised name.

    >>> check_name("张三"), check_name("John O'Neil"), check_name("张3")
    ((), ('not_han',), ('name_characters',))
    >>> check_name("王\ue000"), check_name("王\U0002b7ce")
    (('name_unreadable',), ('rare_character',))
    """
    if _CLEAN.fullmatch(text):
        return ()
    if _UNREADABLE.search(text):
        return (NAME_UNREADABLE,)
    if len(text) > _LONGEST or not _NAME.fullmatch(text) or not _LETTER.search(text):
        return (NAME_CHARACTERS,)
    warnings = ((_RARE, RARE_CHARACTER), (_OTHER_THAN_HAN, NOT_HAN))
    return tuple(word for pattern, word in warnings if pattern.search(text))
