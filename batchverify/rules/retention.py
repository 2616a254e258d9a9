"""How long what is kept: answers, the keyed codes of questions, the record of money without any person in it.

The one thing to know: each outlives the one before it, and none may go while something still needs it. A code that is gone no
longer tells that its question was paid for, so codes are kept for as long as answers are reused and as locks last.

Source of the three ages: RELIABILITY, section 6 (PIPL 19: the shortest time; 55 and 56: three years for the record).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from batchverify.errors import SettingsError

#: What the law asks for at the least (PIPL 56).
LEAST_AUDIT_DAYS = 1_095


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """Days that things are kept, and what needs them: `reuse_days` is the longest reuse of an answer, `lock_minutes` a lock."""

    answers_days: float
    codes_days: float
    audit_days: float
    reuse_days: float
    lock_minutes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What was settled before these instants may go."""

    answers_before: datetime
    codes_before: datetime
    audit_before: datetime


def limits_of(keep: Keep, *, now: datetime, older_than_days: float | None = None) -> Limits:
    """Turn ages into instants. `older_than_days` takes the place of the ages of answers and codes for once; the record's stays.

    >>> from datetime import UTC
    >>> keep = Keep(answers_days=30, codes_days=180, audit_days=1095, reuse_days=30, lock_minutes=730)
    >>> limits_of(keep, now=datetime(2026, 11, 24, tzinfo=UTC)).answers_before.date().isoformat()
    '2026-10-25'

    Raises:
        SettingsError: Something would go while it is still needed. Nothing was erased.
    """
    answers, codes = keep.answers_days, keep.codes_days
    names = ("'keep_answers_days'", "'keep_codes_days'")
    if older_than_days is not None:
        answers = codes = older_than_days
        names = ("--older-than", "--older-than")
    lock_days = keep.lock_minutes / (24 * 60)
    for name, days, least, why in (
        (names[0], answers, keep.reuse_days, "answers are reused for so long ('reuse_days_matched', 'reuse_days_other')"),
        (names[1], codes, lock_days, "a lock lasts so long ('lock_minutes')"),
        (names[1], codes, 1, "asks per card are counted over a day"),
        (names[1], codes, answers, "an answer is found by its code ('keep_answers_days')"),
        ("'keep_audit_days'", keep.audit_days, codes, "the record outlives what it is about ('keep_codes_days')"),
        ("'keep_audit_days'", keep.audit_days, LEAST_AUDIT_DAYS, "the law asks for three years"),
    ):
        if days < least:
            raise SettingsError(f"{name} is {days:g} days and must be {least:g} or more: {why}. Nothing was erased.")
    return Limits(
        answers_before=now - timedelta(days=answers),
        codes_before=now - timedelta(days=codes),
        audit_before=now - timedelta(days=keep.audit_days),
    )
