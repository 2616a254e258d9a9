"""An outcome as the 23 cells that stand beside a row, in the order of `words.RESULT_COLUMNS`.

The one thing to know: everything is text, in the clerk's language, and depends on nothing but the outcome. So a result can
be drawn again at any time and is the same.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

from batchverify.model import Field, Outcome, RowStatus
from batchverify.rules.windows import beijing_time
from batchverify.words import (
    RESULT_COLUMNS,
    SAYINGS,
    Lang,
    action,
    label_of_field,
    label_of_note,
    label_of_source,
    label_of_status,
    label_of_warning,
    message,
)

_SIMULATED = "-simulated"
#: Column widths in characters, in the order of the columns.
_WIDTHS = {
    "bv_status": 22,
    "bv_code": 16,
    "bv_message": 72,
    "bv_action": 72,
    "bv_source": 17,
    "bv_billed": 11,
    "bv_bank": 20,
    "bv_card_name": 18,
    "bv_card_type": 14,
    "bv_sex": 9,
    "bv_area": 28,
    "bv_province": 14,
    "bv_city": 14,
    "bv_prefecture": 15,
    "bv_birthday": 13,
    "bv_addr_code": 14,
    "bv_last_code": 14,
    "bv_sent_as": 48,
    "bv_duplicate_of": 17,
    "bv_asked_at": 27,
    "bv_retry_at": 27,
    "bv_request_id": 40,
    "bv_row": 30,
}
#: Where the columns with whole sentences stand among ours: they wrap, so that all of them can be read.
SENTENCES = tuple(index for index, (key, _) in enumerate(RESULT_COLUMNS) if key in ("bv_message", "bv_action", "bv_sent_as"))
OUR_WIDTHS = tuple(_WIDTHS[key] for key, _ in RESULT_COLUMNS)
#: Codes whose message fits any field, so the field is named before it.
_ABOUT_ANY_FIELD = frozenset({"missing_field", "precision_lost", "scientific_text", "formula_without_value", "odd_cell"})
_DETAILS = ("bank", "cardName", "cardType", "sex", "area", "province", "city", "prefecture", "birthday", "addrCode", "lastCode")


def our_header(lang: Lang) -> tuple[str, ...]:
    """Give the words over our columns: the keys in English, the labels in Chinese.

    >>> our_header(Lang.EN)[0], our_header(Lang.ZH)[0]
    ('bv_status', '核验结果')
    """
    return tuple(key if lang is Lang.EN else label for key, label in RESULT_COLUMNS)


def cells_of_outcome(outcome: Outcome, *, lang: Lang, simulated: bool) -> list[str]:
    """Give the cells beside a row, all text, "" where there is nothing to say.

    >>> from batchverify.model import RowSource, RowStatus
    >>> cells_of_outcome(Outcome(status=RowStatus.BLOCKED, code="precision_lost", source=RowSource.LOCAL), lang=Lang.ZH, simulated=True)[0]
    '本地拦截'
    """
    details = outcome.details
    return [
        *words_of_outcome(outcome, lang),
        label_of_source(outcome.source, lang) + (_SIMULATED if simulated else ""),
        outcome.billed.value,
        *[details.get(name, "") for name in _DETAILS],
        ("; " if lang is Lang.EN else "；").join([label_of_note(note, lang) for note in outcome.notes]) if outcome.notes else "",
        "" if outcome.duplicate_of is None else str(outcome.duplicate_of),
        _beijing_time(outcome.asked_at),
        _beijing_time(outcome.retry_at),
        outcome.request_id,
        outcome.row_tag,
    ]


def words_of_outcome(outcome: Outcome, lang: Lang) -> tuple[str, str, str, str]:
    """Give the words for status, code, message and action."""
    unknown = outcome.message if outcome.code not in SAYINGS else ""
    return _what_happened(outcome.status, outcome.code, outcome.at, unknown, outcome.warnings, lang)


@lru_cache(maxsize=1_024)  # few sentences, many rows: putting them together costs as much as reading an answer
def _what_happened(
    status: RowStatus, code: str, at: Field | None, vendor_message: str, warnings: tuple[str, ...], lang: Lang
) -> tuple[str, str, str, str]:
    """Give status, code, message and action: our words for the code, the vendor's own where it is new to us, and what looked odd."""
    text = message(code, lang)
    if at is not None and code in _ABOUT_ANY_FIELD:
        text = f"{label_of_field(at, lang)}{': ' if lang is Lang.EN else '：'}{text}"
    if vendor_message:
        text = f"{text} {vendor_message}"
    if warnings:
        odd = [label_of_warning(warning, lang) for warning in warnings]
        text += f" ({'; '.join(odd)})" if lang is Lang.EN else f"（{'；'.join(odd)}）"
    return label_of_status(status, lang), code, text, action(code, lang)


def _beijing_time(at: datetime | None) -> str:
    return "" if at is None else beijing_time(at)
