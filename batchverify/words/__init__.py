"""Every word that a user reads: labels, messages, what to do, in English and Chinese.

The one thing to know: a code (`bv_code`) is either one of the vendor's statuses or a word of ours, and both have a message
and an action here. A status that nobody has seen before gets the words of `unknown_status`, so a result can always be drawn.
"""

from __future__ import annotations

from collections.abc import Mapping

from batchverify.words.blocking import BLOCKING
from batchverify.words.endings import ENDINGS
from batchverify.words.labels import (
    RESULT_COLUMNS,
    label_of_column,
    label_of_field,
    label_of_note,
    label_of_source,
    label_of_status,
    label_of_warning,
    recognise_result_column,
    recognise_status,
    result_columns,
)
from batchverify.words.sayings import Lang, Saying
from batchverify.words.statuses import STATUSES

__all__ = [
    "RESULT_COLUMNS",
    "SAYINGS",
    "Lang",
    "Saying",
    "action",
    "label_of_column",
    "label_of_field",
    "label_of_note",
    "label_of_source",
    "label_of_status",
    "label_of_warning",
    "message",
    "recognise_result_column",
    "recognise_status",
    "result_columns",
]

#: What is said about each code. 9999 is the vendor's status and our word for the same thing.
SAYINGS: Mapping[str, Saying] = {**BLOCKING, **ENDINGS, **STATUSES, "9999": ENDINGS["service_error"]}

_UNKNOWN = SAYINGS["unknown_status"]


def message(code: str, lang: Lang) -> str:
    """Say what happened to a row, from its `bv_code`.

    >>> message("id_15_digits", Lang.EN), message("01", Lang.ZH)
    ('The ID number is of the old form with 15 digits.', '各项信息一致。')
    """
    saying = SAYINGS.get(code, _UNKNOWN)
    return saying.en if lang is Lang.EN else saying.zh


def action(code: str, lang: Lang) -> str:
    """Say what the user should do about a row, from its `bv_code`.

    >>> action("missing_field", Lang.EN), action("missing_field", Lang.ZH)
    ('Fill it in and run this row again.', '请补充后重跑此行。')
    """
    saying = SAYINGS.get(code, _UNKNOWN)
    return saying.en_action if lang is Lang.EN else saying.zh_action
