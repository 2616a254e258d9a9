"""The rate that was kept: compared with counting by hand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from batchverify.rules.busiest import busiest

SPANS = st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 3000)), max_size=30)


def at(milliseconds: int) -> int:
    return milliseconds * 1000


@given(SPANS)
def test_it_equals_counting_by_hand(spans):
    spans = sorted(spans)
    found = busiest((at(start), at(start + length)) for start, length in spans)

    starts = [start for start, _ in spans]
    assert found.in_one_second == max((sum(0 <= end - start < 1000 for start in starts) for end in starts), default=0)
    # A span that is over the instant it begins was in flight at that instant, too.
    by_hand = [sum(s <= one and s + length > one for s, length in spans[:place]) + 1 for place, (one, _) in enumerate(spans)]
    assert found.in_flight == max(by_hand, default=0)


def test_nothing_asked_is_no_rate():
    assert busiest([]) == (0, 0)
