"""Windows of the vendor's bill."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchverify.rules.windows import BEIJING, Window, is_near_edge, possible_windows, window_of

instants = st.datetimes(datetime(1995, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
zones = st.sampled_from([UTC, BEIJING, timezone(timedelta(hours=-9, minutes=-30))])


def beijing(hour, minute, second=0, microsecond=0):
    return datetime(2018, 3, 19, hour, minute, second, microsecond, tzinfo=timezone(timedelta(hours=8)))


def test_the_vendors_own_example():
    window = window_of(beijing(10, 55))

    assert f"{window.start:%Y-%m-%d %H:%M:%S} - {window.end:%Y-%m-%d %H:%M:%S}" == "2018-03-19 10:50:01 - 2018-03-19 11:00:01"


@pytest.mark.parametrize(
    ("at", "start"),
    [
        (beijing(10, 50, 0, 999_999), beijing(10, 40, 1)),
        (beijing(10, 50, 1), beijing(10, 50, 1)),
        (beijing(11, 0, 0, 999_999), beijing(10, 50, 1)),
        (beijing(11, 0, 1), beijing(11, 0, 1)),
        (beijing(0, 0, 0), beijing(0, 0, 1) - timedelta(minutes=10)),
    ],
)
def test_an_edge_opens_the_new_window(at, start):
    assert window_of(at) == Window(start=start, end=start + timedelta(minutes=10))


@given(at=instants, zone=zones)
def test_every_instant_lies_in_the_one_window_that_holds_it(at, zone):
    window = window_of(at.astimezone(zone))

    assert window.start <= at < window.end
    assert window.end - window.start == timedelta(minutes=10)
    assert (window.start.minute % 10, window.start.second, window.start.microsecond) == (0, 1, 0)
    assert window.start.utcoffset() == timedelta(hours=8)


@given(at=instants)
def test_near_an_edge_the_windows_on_both_sides_are_possible(at):
    """Oracle: the windows of the instants 5 s before and after."""
    possible = possible_windows(at)

    assert set(possible) == {
        window_of(at - timedelta(seconds=5, microseconds=1)),
        window_of(at),
        window_of(at + timedelta(seconds=5)),
    }
    assert list(possible) == sorted(possible)
    assert is_near_edge(at) == (len(possible) == 2)


@pytest.mark.parametrize(
    ("at", "near"),
    [
        (beijing(10, 59, 55), False),
        (beijing(10, 59, 56), True),
        (beijing(11, 0, 1), True),
        (beijing(11, 0, 6), True),
        (beijing(11, 0, 6, 1), False),
    ],
)
def test_near_means_within_five_seconds(at, near):
    assert is_near_edge(at) is near


def test_a_naive_time_is_a_bug():
    with pytest.raises(TypeError, match="offset-naive"):
        window_of(datetime(2026, 11, 24, 10, 55))
