"""A sample that looks wrong stops the run before the rest is paid for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from batchverify.model import RowStatus
from batchverify.rules.sampling import interval, looks_sane


def test_a_sample_without_one_match_is_a_wrong_column():
    assert not looks_sane({RowStatus.MISMATCHED: 4, RowStatus.INVALID: 1})


def test_a_few_strangers_prove_no_wrong_column():
    assert looks_sane({RowStatus.MISMATCHED: 4})


def test_one_failure_in_twenty_is_borne_and_more_is_not():
    assert looks_sane({RowStatus.MATCHED: 19, RowStatus.FAILED: 1})
    assert not looks_sane({RowStatus.MATCHED: 18, RowStatus.IN_DOUBT: 1, RowStatus.FAILED: 1})


@given(st.integers(0, 500), st.integers(1, 500))
def test_the_interval_holds_the_share_and_stays_within_nought_and_one(count: int, total: int):
    count = min(count, total)

    low, high = interval(count, total)

    assert 0 <= low <= count / total <= high + 1e-12
    assert high <= 1
