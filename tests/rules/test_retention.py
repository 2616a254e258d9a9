from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from batchverify.errors import SettingsError
from batchverify.rules.retention import Keep, limits_of

NOW = datetime(2026, 11, 24, tzinfo=UTC)
KEEP = Keep(answers_days=30, codes_days=180, audit_days=1_095, reuse_days=30, lock_minutes=730)


def test_ages_become_instants():
    limits = limits_of(KEEP, now=NOW)

    ages = [NOW - limit for limit in (limits.answers_before, limits.codes_before, limits.audit_before)]
    assert ages == [timedelta(days=30), timedelta(days=180), timedelta(days=1_095)]


def test_for_once_answers_and_codes_go_at_one_age_and_the_record_stays():
    limits = limits_of(KEEP, now=NOW, older_than_days=60)

    assert limits.answers_before == limits.codes_before == NOW - timedelta(days=60)
    assert limits.audit_before == NOW - timedelta(days=1_095)


@pytest.mark.parametrize(
    ("changes", "older_than", "sentence"),
    [
        ({"answers_days": 29}, None, r"'keep_answers_days' is 29 days and must be 30 or more: answers are reused for so long"),
        ({"reuse_days": 90}, None, r"'keep_answers_days' is 30 days and must be 90 or more"),
        ({"codes_days": 29}, None, r"'keep_codes_days' is 29 days and must be 30 or more: an answer is found by its code"),
        ({"lock_minutes": 525_600}, None, r"'keep_codes_days' is 180 days and must be 365 or more: a lock lasts so long"),
        (
            {"answers_days": 0, "codes_days": 0.9, "reuse_days": 0},
            None,
            r"'keep_codes_days' is 0\.9 days and must be 1 or more: asks per card",
        ),
        ({"audit_days": 1_094}, None, r"'keep_audit_days' is 1094 days and must be 1095 or more: the law asks for three years"),
        ({"codes_days": 2_000}, None, r"'keep_audit_days' is 1095 days and must be 2000 or more: the record outlives"),
        ({}, 7, r"--older-than is 7 days and must be 30 or more: answers are reused for so long .*\. Nothing was erased\."),
    ],
)
def test_nothing_goes_while_it_is_needed(changes, older_than, sentence):
    with pytest.raises(SettingsError, match=sentence):
        limits_of(replace(KEEP, **changes), now=NOW, older_than_days=older_than)
