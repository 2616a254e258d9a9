"""Our asks beside the vendor's usage: what can be known of asks in doubt, and what never is."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchverify.rules.reconcile import (
    Charge,
    Finding,
    Offset,
    bounds_of,
    hull,
    judge,
    offset_between,
    time_in_doubt,
    windows_between,
)
from batchverify.rules.windows import Window, window_of

NOON = datetime(2026, 11, 24, 4, 0, 1, tzinfo=UTC)
"""An edge: 12:00:01 in Beijing."""
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
LENGTH = 10 * MINUTE
FIRST = window_of(NOON)


def at(minutes: float) -> datetime:
    return NOON + minutes * MINUTE


def window(number: int) -> Window:
    return window_of(NOON + number * LENGTH)


def certain(minutes: float, asks: int = 1) -> Charge:
    return Charge(earliest=at(minutes), latest=at(minutes), asks=asks)


def doubtful(attempt: int, minutes: float, until: float | None = None) -> Charge:
    return Charge(earliest=at(minutes), latest=at(minutes if until is None else until), attempt=attempt)


def judged(charges, *counts, windows=6, **more):
    """Judge against counts of the first windows; the rest were counted 0."""
    given = {window(number): count for number, count in enumerate(counts) if count}
    return judge(charges, given, first=FIRST, last=window(windows - 1), **more)


@pytest.mark.parametrize(
    ("vendor", "finding", "billed", "not_billed", "undecided"),
    [
        (2, Finding.BELOW, (), (), (7, 8)),
        (3, Finding.NOT_BILLED, (), (7, 8), ()),
        (4, Finding.NUMBER_ONLY, (), (), (7, 8)),
        (5, Finding.BILLED, (7, 8), (), ()),
        (6, Finding.ABOVE, (), (), (7, 8)),
    ],
)
def test_the_vendors_count_decides_what_is_in_doubt(vendor, finding, billed, not_billed, undecided):
    (found,) = judged([certain(3, asks=3), doubtful(7, 4), doubtful(8, 5)], vendor)

    assert found.finding is finding
    assert (found.billed, found.not_billed, found.undecided) == (billed, not_billed, undecided)
    assert (found.vendor, found.certain, found.doubt) == (vendor, 3, 2)
    assert (found.above, found.below) == (int(vendor == 6), int(vendor == 2))
    assert finding.is_alarm == (vendor in {2, 6})
    assert finding.explains == (vendor in {3, 5})


def test_windows_that_agree_are_told_newest_first_and_empty_ones_not_at_all():
    found = judged([certain(3, asks=2), certain(33)], 2, 0, 0, 1)

    assert [one.finding for one in found] == [Finding.AGREES, Finding.AGREES]
    assert [one.windows for one in found] == [(window(3),), (window(0),)]


def test_a_window_that_is_absent_from_the_export_was_counted_zero():
    (found,) = judged([doubtful(1, 3)])

    assert (found.finding, found.not_billed) == (Finding.NOT_BILLED, (1,))


def test_asks_of_somebody_else_alone_are_an_alarm():
    (found,) = judged([], 0, 4)

    assert (found.finding, found.windows, found.above) == (Finding.ABOVE, (window(1),), 4)


def test_an_ask_near_an_edge_joins_its_two_windows():
    found = judged([certain(3), doubtful(1, 10 - 3 / 60), certain(14)], 2, 1)

    (both,) = found
    assert both.windows == (window(0), window(1))
    assert (both.finding, both.billed) == (Finding.BILLED, (1,))


def test_an_ask_surely_billed_near_an_edge_makes_no_alarm_on_whichever_side_it_was_counted():
    for counts in ((2, 0), (1, 1)):
        (found,) = judged([certain(3), certain(10)], *counts)

        assert found.finding is Finding.AGREES


def test_joined_windows_whose_sum_fits_are_an_alarm_where_no_placing_does():
    """Three in the first, two of which were asked in the second: nobody's edge is 5 minutes wide."""
    (found,) = judged([certain(3), certain(10), certain(15, asks=2)], 3, 1)

    assert found.finding is Finding.ABOVE
    assert (found.above, found.below) == (1, 1)


def test_of_joined_windows_each_ask_is_decided_where_all_placings_agree():
    """The first window was counted 0, so only the one at the edge can be the second's; the third window's is known too."""
    edge = 10 - 2 / 60
    (found,) = judged([doubtful(1, 3), doubtful(2, edge)], 0, 1)

    assert (found.finding, found.billed, found.not_billed) == (Finding.DECIDED, (2,), (1,))


def test_two_at_one_edge_with_one_counted_stay_undecided_and_the_rest_is_known():
    edge = 10 - 2 / 60
    (found,) = judged([doubtful(1, 3), doubtful(2, edge), doubtful(3, edge)], 0, 1)

    assert (found.finding, found.not_billed, found.undecided) == (Finding.NUMBER_ONLY, (1,), (2, 3))


def test_an_alarm_in_one_window_leaves_the_others_decided():
    found = judged([doubtful(1, 3), doubtful(2, 23)], 0, 0, 4)

    assert [(one.finding, one.not_billed) for one in found] == [(Finding.ABOVE, ()), (Finding.NOT_BILLED, (1,))]


def test_a_window_outside_of_the_range_is_unknown_and_not_zero():
    before, edge = doubtful(1, -5), doubtful(2, 2 / 60)

    (found,) = judged([before, edge], 0)

    assert found.windows == (window(-1), window(0))
    assert (found.finding, found.undecided, found.doubt) == (Finding.UNSETTLED, (1, 2), 2)
    assert judged([before]) == []


def test_a_full_count_beside_an_unknown_window_still_decides():
    (found,) = judged([certain(-5), doubtful(2, 2 / 60), doubtful(3, 4)], 2)

    assert (found.finding, found.billed) == (Finding.BILLED, (2, 3))


def test_what_is_too_recent_is_not_judged():
    charges = [doubtful(1, 3), doubtful(2, 13), certain(23, asks=9)]

    found = judged(charges, 0, 0, 0, settled_at=at(15))

    assert [(one.finding, one.not_billed, one.undecided) for one in found] == [
        (Finding.UNSETTLED, (), (2,)),
        (Finding.NOT_BILLED, (1,), ()),
    ]


def test_the_least_and_the_most_of_a_window_leave_out_no_edge():
    bounds = bounds_of([certain(3, asks=2), certain(10), doubtful(1, 14)])

    assert bounds == {window(0): (2, 3), window(1): (0, 2)}


def test_an_ask_in_doubt_may_have_been_counted_while_we_had_given_it_up():
    reserved, settled = at(9), at(9) + 46 * SECOND

    first, last = time_in_doubt(reserved_at=reserved, settled_at=settled, offset=Offset())
    still_open = time_in_doubt(reserved_at=reserved, settled_at=None, offset=Offset())
    set_back = time_in_doubt(reserved_at=reserved, settled_at=reserved - LENGTH, offset=Offset())

    assert (first, last) == (reserved, settled + 15 * SECOND)
    assert still_open == (reserved, reserved + 80 * SECOND)
    assert set_back == (reserved, reserved + 15 * SECOND)
    assert Charge(earliest=first, latest=last, attempt=1).span == (window(0), window(1))


def test_a_clock_of_ours_that_is_wrong_moves_what_is_in_doubt():
    offset = offset_between(-11 * MINUTE - SECOND, -11 * MINUTE + SECOND)

    first, last = time_in_doubt(reserved_at=at(15), settled_at=at(15) + SECOND, offset=offset)

    assert Charge(earliest=first, latest=last, attempt=1).span == (window(0), window(0))
    assert offset_between(-4 * SECOND, 2 * SECOND) == Offset()
    assert offset_between(LENGTH, -LENGTH) == Offset()
    assert hull([offset]) == Offset(low=offset.low, high=timedelta(0))
    assert hull([]) == Offset()


# Against brute force -------------------------------------------------------------------------------------------------

WINDOWS = 4
spans = st.tuples(st.integers(0, WINDOWS - 1), st.integers(0, 2)).map(lambda pair: (pair[0], min(pair[0] + pair[1], WINDOWS - 1)))
cases = st.tuples(
    st.lists(spans, max_size=3),
    st.lists(spans, max_size=4),
    st.lists(st.integers(0, 3), min_size=WINDOWS, max_size=WINDOWS),
    st.integers(0, WINDOWS),
)


def charge_of(span, attempt=None):
    return Charge(earliest=at(10 * span[0] + 5), latest=at(10 * span[1] + 5), attempt=attempt)


def placings(sure, doubts):
    """Every way of placing: a window for each sure one, a window or None for each in doubt."""
    choices = [range(lo, hi + 1) for lo, hi in sure] + [(*range(lo, hi + 1), None) for lo, hi in doubts]
    return product(*choices)


@given(cases)
def test_judging_equals_looking_at_every_placing(case):
    sure, doubts, counts, known = case
    fitting = [
        placing
        for placing in placings(sure, doubts)
        if all(sum(place == number for place in placing) == counts[number] for number in range(known))
    ]
    charges = [charge_of(span) for span in sure] + [charge_of(span, number) for number, span in enumerate(doubts, 1)]

    found = judge(
        charges,
        {window(number): count for number, count in enumerate(counts) if count},
        first=FIRST,
        last=window(WINDOWS - 1),
        settled_at=window(known - 1).end,
    )

    assert any(one.finding.is_alarm for one in found) == (not fitting)
    if not fitting:
        return
    billed = {number for one in found for number in one.billed}
    not_billed = {number for one in found for number in one.not_billed}
    undecided = {number for one in found for number in one.undecided}
    ways = {number: {placing[len(sure) + number - 1] is not None for placing in fitting} for number in range(1, len(doubts) + 1)}
    assert billed == {number for number, seen in ways.items() if seen == {True}}
    assert not_billed == {number for number, seen in ways.items() if seen == {False}}
    assert undecided == {number for number, seen in ways.items() if len(seen) == 2}


@given(cases)
def test_an_alarm_tells_how_many_asks_nothing_explains(case):
    """Oracle: the placing of all asks (each may be left out) that fills most, and of the sure ones that places most."""
    sure, doubts, counts, _ = case
    charges = [charge_of(span) for span in sure] + [charge_of(span, number) for number, span in enumerate(doubts, 1)]

    def most(spans):
        return max(
            sum(min(counts[number], Counter(placing)[number]) for number in range(WINDOWS)) for placing in placings((), spans)
        )

    found = judge(
        charges,
        {window(number): count for number, count in enumerate(counts) if count},
        first=FIRST,
        last=window(WINDOWS - 1),
    )

    assert sum(one.above for one in found) == sum(counts) - most([*sure, *doubts])
    assert sum(one.below for one in found) == len(sure) - most(sure)


@given(st.lists(st.tuples(st.integers(0, 3000), st.booleans()), max_size=40), st.data())
def test_a_true_count_never_raises_an_alarm_and_never_decides_wrongly(asks, data):
    """Whatever side of an edge the vendor's clock put an ask on, and whichever in doubt it billed."""
    counts: Counter[Window] = Counter()
    charges, truth = [], {}
    for number, (second, is_sure) in enumerate(asks, 1):
        ours = NOON + second * SECOND
        theirs = ours + data.draw(st.integers(-5, 5)) * SECOND
        billed = is_sure or data.draw(st.booleans())
        counts[window_of(theirs)] += billed
        charges.append(Charge(earliest=ours, latest=ours, attempt=None if is_sure else number))
        truth[number] = billed

    found = judge(charges, counts, first=window(-1), last=window(6))
    bounds = bounds_of(charges)

    assert [one for one in found if one.finding.is_alarm] == []
    assert all(truth[number] for one in found for number in one.billed)
    assert not any(truth[number] for one in found for number in one.not_billed)
    for one in set(counts) | set(bounds):
        least, most = bounds.get(one, (0, 0))
        assert least <= counts[one] <= most


def test_a_whole_night_of_joined_windows_is_judged_as_one():
    """A rush for two days: every edge has asks on it, so 300 windows are joined."""
    charges = [certain(10 * number) for number in range(300)] + [doubtful(number, 10 * number + 5) for number in range(300)]
    counts = dict.fromkeys(windows_between(window(0), window(298)), 2) | {window(299): 2}

    found = judge(charges, counts, first=window(-1), last=window(299))

    assert sum(len(one.billed) for one in found) == 300
