"""The vendor's windows of usage: ten minutes, Beijing time, with edges one second after the full ten minutes.

The one thing to know: an ask near an edge may be counted in either window, since the vendor's clock, not ours, decides;
reconciliation joins the two. That an exact edge (10:50:01.000) opens the new window is an assumption: the vendor's list
shows both windows with the same second.

Source of the rules: VENDOR, section 5 ("2018-03-19 10:50:01 - 2018-03-19 11:00:01"); RELIABILITY, section 8.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

#: China has one time, without summer time since 1991.
BEIJING = timezone(timedelta(hours=8), "Asia/Shanghai")

_LENGTH = timedelta(minutes=10)
_OFFSET = timedelta(seconds=1)
_ORIGIN = datetime(2000, 1, 1, tzinfo=BEIJING) + _OFFSET
_NEAR = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Window:
    """From `start`, which belongs to it, to `end`, which does not; both in Beijing time."""

    start: datetime
    end: datetime


def beijing_time(at: datetime) -> str:
    """Spell an aware instant as the vendor's console shows it, in seconds.

    >>> from datetime import UTC
    >>> beijing_time(datetime(2026, 11, 24, 2, 50, 1, tzinfo=UTC))
    '2026-11-24T10:50:01+08:00'
    """
    return at.astimezone(BEIJING).isoformat(timespec="seconds")


def window_of(at: datetime) -> Window:
    """Find the window that an instant falls into; `at` must be aware, or TypeError is raised (a bug).

    >>> from datetime import UTC
    >>> window = window_of(datetime(2026, 11, 24, 2, 55, tzinfo=UTC))
    >>> window.start.isoformat(), window.end.isoformat()
    ('2026-11-24T10:50:01+08:00', '2026-11-24T11:00:01+08:00')
    """
    start = _ORIGIN + (at - _ORIGIN) // _LENGTH * _LENGTH
    return Window(start=start, end=start + _LENGTH)


def possible_windows(at: datetime) -> tuple[Window, ...]:
    """Give the window of an instant and, within 5 s of an edge, the neighbor that the vendor may have counted it in.

    >>> from datetime import UTC
    >>> [window.start.minute for window in possible_windows(datetime(2026, 11, 24, 2, 59, 58, tzinfo=UTC))]
    [50, 0]
    """
    window = window_of(at)
    if at - window.start <= _NEAR:
        return Window(start=window.start - _LENGTH, end=window.start), window
    if window.end - at <= _NEAR:
        return window, Window(start=window.end, end=window.end + _LENGTH)
    return (window,)


def is_near_edge(at: datetime) -> bool:
    """Say whether an instant is within 5 s of an edge, so that its window is not certain.

    >>> from datetime import UTC
    >>> is_near_edge(datetime(2026, 11, 24, 3, 0, 6, tzinfo=UTC)), is_near_edge(datetime(2026, 11, 24, 3, 0, 7, tzinfo=UTC))
    (True, False)
    """
    return len(possible_windows(at)) > 1
