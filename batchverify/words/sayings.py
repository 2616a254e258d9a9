"""The shape of what is said about a code: what happened and what to do, in English and Chinese.

The one thing to know: the reader is a clerk with a spreadsheet. Each text says what to do next, in whole sentences, and
none holds the content of a cell.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Lang(StrEnum):
    """The languages of labels and messages; the value is the word used on the command line."""

    EN = "en"
    ZH = "zh"


class Saying(NamedTuple):
    """Message and action in both languages. A tuple, since tables of these are read by the dozen."""

    en: str
    en_action: str
    zh: str
    zh_action: str
