"""Our asks laid beside the vendor's usage: which asks in doubt were billed, which were not, and who else used the AppCode.

The one thing to know: an ask near an edge may stand in either of two windows, so windows that share such an ask are
judged together, and an ask in doubt is decided only where every way of placing the asks says the same of it. Nothing is
decided where the vendor's count cannot be explained at all.

Whether asks can be placed is two questions that may be asked apart: can all that surely were billed be placed, and can
every count be filled. Where both can, one placing does both (Mendelsohn and Dulmage, 1958), and each is answered exactly
by giving a window to those asks first that have the fewest later ones.

Source of the rules: RELIABILITY, section 8.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from batchverify.rules.windows import Window, possible_windows

_LENGTH = timedelta(minutes=10)
#: An ask leaves within 5 s of its reservation, or not at all, and no deadline is longer than 60 s.
_LONGEST_FLIGHT = timedelta(seconds=65)
#: For this long after we gave an ask up, the vendor may still be at it and bill it.
_PROCESSING = timedelta(seconds=15)
#: Two clocks that differ by less are taken as one: the 5 s around an edge are wider than that.
_SAME_CLOCK = timedelta(seconds=3)


class Finding(StrEnum):
    """What the vendor's count of joined windows says. `undecided` ones and alarms leave something to be explained."""

    AGREES = "agrees"
    """As many as surely were billed, and none in doubt."""
    NOT_BILLED = "not_billed"
    """None of those in doubt was billed."""
    BILLED = "billed"
    """All of those in doubt were billed."""
    DECIDED = "decided"
    """Of each of those in doubt it is known; some were billed."""
    NUMBER_ONLY = "number_only"
    """How many of those in doubt were billed is known, and not which."""
    ABOVE = "above"
    """More than all of ours: another user of the AppCode."""
    BELOW = "below"
    """Fewer than surely were billed: posted late, or not billed after all."""
    UNSETTLED = "unsettled"
    """Something is in doubt, and of some window it may stand in no count is known: too recent, outside of the export, or of an
    export that lacks something."""

    @property
    def is_alarm(self) -> bool:
        """True where our asks cannot explain the count."""
        return self in {Finding.ABOVE, Finding.BELOW}

    @property
    def explains(self) -> bool:
        """True where nothing is left to be explained."""
        return self not in {Finding.ABOVE, Finding.BELOW, Finding.NUMBER_ONLY, Finding.UNSETTLED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """Asks that the vendor counted, or may have, between two instants of its clock. `attempt` is the number of one in doubt."""

    earliest: datetime
    latest: datetime
    asks: int = 1
    attempt: int | None = None

    @property
    def span(self) -> tuple[Window, Window]:
        """The first and the last window that it may stand in."""
        return possible_windows(self.earliest)[0], possible_windows(max(self.earliest, self.latest))[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgment:
    """What is found of windows that are judged together. `above` and `below` are how many asks no placing can explain.

    `counts` are the vendor's, window by window, and `bounds` the least and the most that ours may be there.
    """

    windows: tuple[Window, ...]
    counts: tuple[int, ...]
    bounds: tuple[tuple[int, int], ...]
    certain: int
    doubt: int
    finding: Finding
    billed: tuple[int, ...] = ()
    not_billed: tuple[int, ...] = ()
    undecided: tuple[int, ...] = ()
    above: int = 0
    below: int = 0

    @property
    def vendor(self) -> int:
        """The vendor's count of all of them."""
        return sum(self.counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offset:
    """The vendor's clock minus ours, from `low` to `high`."""

    low: timedelta = timedelta(0)
    high: timedelta = timedelta(0)


def offset_between(low: timedelta, high: timedelta) -> Offset:
    """Read the difference of two clocks from answers that carry the vendor's time.

    `low` is the most by which such a time lies after the answer came (below 0 for one clock), `high` the least by which it
    lies after the ask was reserved. Clocks that may be the same are taken to be.

    >>> seconds = timedelta(seconds=1)
    >>> offset_between(-seconds, seconds), offset_between(719 * seconds, 721 * seconds).low
    (Offset(low=datetime.timedelta(0), high=datetime.timedelta(0)), datetime.timedelta(seconds=719))
    """
    low, high = min(low, high), max(low, high)  # a clock that was set in between: the truth is somewhere from one to the other
    if low <= _SAME_CLOCK and high >= -_SAME_CLOCK:
        return Offset()
    return Offset(low=low, high=high)


def hull(offsets: Iterable[Offset]) -> Offset:
    """Give the offset that holds all of these, and none; for asks of a run that got no answer."""
    known = [Offset(), *offsets]
    return Offset(low=min(offset.low for offset in known), high=max(offset.high for offset in known))


def time_in_doubt(*, reserved_at: datetime, settled_at: datetime | None, offset: Offset) -> tuple[datetime, datetime]:
    """Give the first and the last instant at which the vendor may have counted an ask that brought no answer.

    Recovery settles what a dead process left, perhaps days later; the ask itself cannot have flown that long.

    >>> from datetime import UTC
    >>> at = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
    >>> first, last = time_in_doubt(reserved_at=at, settled_at=at + timedelta(days=2), offset=Offset())
    >>> first == at, (last - at).total_seconds()
    (True, 80.0)
    """
    landed = reserved_at + _LONGEST_FLIGHT
    if settled_at is not None:
        landed = max(reserved_at, min(landed, settled_at))
    return reserved_at + offset.low, landed + offset.high + _PROCESSING


def bounds_of(charges: Iterable[Charge]) -> dict[Window, tuple[int, int]]:
    """Give for each window the least and the most that the vendor can have counted for these asks."""
    least: Counter[Window] = Counter()
    most: Counter[Window] = Counter()
    for charge in charges:
        first, last = charge.span
        for window in windows_between(first, last):
            most[window] += charge.asks
            least[window] += charge.asks if first == last and charge.attempt is None else 0
    return {window: (least[window], most[window]) for window in sorted(most)}


def windows_between(first: Window, last: Window) -> Iterator[Window]:
    """Give all windows from the first to the last."""
    for number in range((last.start - first.start) // _LENGTH + 1):
        start = first.start + number * _LENGTH
        yield Window(start=start, end=start + _LENGTH)


def judge(
    charges: Iterable[Charge], counts: Mapping[Window, int], *, first: Window, last: Window, settled_at: datetime | None = None
) -> list[Judgment]:
    """Lay our asks beside the vendor's counts from window `first` to window `last`; what has no count there was counted 0.

    Nothing is known of windows outside, and nothing of those that end after `settled_at` (None: all have been counted).
    Newest first; windows in which nobody asked are absent. Where a window has fewer than surely were billed, the exports lack
    something, and what another window lacks proves nothing either: then nothing is freed.

    >>> from datetime import UTC
    >>> from batchverify.rules.windows import window_of
    >>> at = datetime(2026, 11, 24, 2, 55, tzinfo=UTC)
    >>> asks = [Charge(earliest=at, latest=at, asks=6), Charge(earliest=at, latest=at, attempt=7)]
    >>> window = window_of(at)
    >>> [judge(asks, {window: count}, first=window, last=window)[0].finding.value for count in (5, 6, 7, 8)]
    ['below', 'not_billed', 'billed', 'above']
    """
    known = {
        window: counts.get(window, 0) for window in windows_between(first, last) if settled_at is None or window.end <= settled_at
    }
    spans = [(charge, *charge.span) for charge in charges]
    judged = []
    for windows, members in _joined(spans, (window for window, count in known.items() if count)):
        if any(window in known for window in windows):
            judged.append(_judged(windows, members, known))
        elif (doubtful := _numbers(members)) and any(first <= window <= last for window in windows):
            judged.append(
                Judgment(
                    windows=windows,
                    counts=tuple(counts.get(window, 0) for window in windows),
                    bounds=_bounds(windows, members),
                    certain=_certain(members),
                    doubt=len(doubtful),
                    finding=Finding.UNSETTLED,
                    undecided=doubtful,
                )
            )
    if any(one.finding is Finding.BELOW for one in judged):
        judged = [_withheld(one) for one in judged]
    return judged[::-1]


def _withheld(one: Judgment) -> Judgment:
    """Free nothing by an export that lacks asks which surely were billed: of one package of several, or of another product."""
    if not one.not_billed:
        return one
    undecided = tuple(sorted((*one.undecided, *one.not_billed)))
    return replace(one, finding=Finding.UNSETTLED, not_billed=(), undecided=undecided)


_Span = tuple[Charge, Window, Window]


def _joined(spans: Sequence[_Span], counted: Iterable[Window]) -> Iterator[tuple[tuple[Window, ...], list[Charge]]]:
    """Give the windows that share an ask, with the asks that may stand in them, in order of time; others each for itself."""
    steps = sorted(
        [(first, last, charge) for charge, first, last in spans] + [(window, window, None) for window in counted],
        key=lambda step: (step[0], step[1]),
    )
    begin: Window | None = None
    end: Window | None = None
    members: list[Charge] = []
    for first, last, charge in steps:
        if begin is None or end is None or first > end:
            if begin is not None and end is not None:
                yield tuple(windows_between(begin, end)), members
            begin, end, members = first, last, []
        end = max(end, last)
        if charge is not None:
            members.append(charge)
    if begin is not None and end is not None:
        yield tuple(windows_between(begin, end)), members


def _judged(windows: tuple[Window, ...], charges: Sequence[Charge], known: Mapping[Window, int]) -> Judgment:
    counts = [known.get(window) for window in windows]
    place = {window: number for number, window in enumerate(windows)}
    certain: Counter[tuple[int, int]] = Counter()
    doubtful: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for charge in charges:
        first, last = charge.span
        if charge.attempt is None:
            certain[place[first], place[last]] += charge.asks
        else:
            doubtful[place[first], place[last]].append(charge.attempt)
    everything = certain + Counter({span: len(numbers) for span, numbers in doubtful.items()})
    below = certain.total() - _placed(certain, counts, elsewhere=True)
    above = sum(count or 0 for count in counts) - _placed(everything, counts, elsewhere=False)
    billed: list[int] = []
    not_billed: list[int] = []
    undecided: list[int] = []
    for span, numbers in doubtful.items():
        was_billed = None if above or below else _was_billed(span, certain, everything, counts)
        (undecided if was_billed is None else billed if was_billed else not_billed).extend(numbers)
    return Judgment(
        windows=windows,
        counts=tuple(count or 0 for count in counts),
        bounds=_bounds(windows, charges),
        certain=certain.total(),
        doubt=len(billed) + len(not_billed) + len(undecided),
        finding=Finding.UNSETTLED
        if undecided and None in counts and not (above or below)
        else _finding(above=above, below=below, billed=billed, not_billed=not_billed, undecided=undecided),
        billed=tuple(sorted(billed)),
        not_billed=tuple(sorted(not_billed)),
        undecided=tuple(sorted(undecided)),
        above=above,
        below=below,
    )


def _was_billed(
    span: tuple[int, int], certain: Counter[tuple[int, int]], everything: Counter[tuple[int, int]], counts: Sequence[int | None]
) -> bool | None:
    """Say whether those in doubt of a span were billed; None where it depends on how the asks are placed.

    Those of one span are alike: what must be so of any one is so of all.
    """
    counted = sum(count or 0 for count in counts)
    if counted == everything.total():
        return True
    if counted == certain.total() and None not in counts:
        return False
    one = Counter({span: 1})
    if _placed(everything - one, counts, elsewhere=False) < counted:
        return True
    if _placed(certain + one, counts, elsewhere=True) <= certain.total():
        return False
    return None


def _finding(*, above: int, below: int, billed: list[int], not_billed: list[int], undecided: list[int]) -> Finding:
    if above or below:
        return Finding.ABOVE if above else Finding.BELOW
    if undecided:
        return Finding.NUMBER_ONLY
    if billed and not_billed:
        return Finding.DECIDED
    if billed:
        return Finding.BILLED
    return Finding.NOT_BILLED if not_billed else Finding.AGREES


def _placed(asks: Counter[tuple[int, int]], counts: Sequence[int | None], *, elsewhere: bool) -> int:
    """Count how many of the asks can be given a place among the vendor's counts.

    A count of None is a window of which nothing is known: it takes any number where `elsewhere` is true, and none otherwise.
    """
    waiting: list[list[int]] = []  # last window, how many
    arriving = sorted(((first, last, number) for (first, last), number in asks.items() if number), reverse=True)
    placed = 0
    for window, count in enumerate(counts):
        while arriving and arriving[-1][0] == window:
            _, last, number = arriving.pop()
            heapq.heappush(waiting, [last, number])
        while waiting and waiting[0][0] < window:
            heapq.heappop(waiting)
        room = count
        while waiting and (elsewhere if room is None else room > 0):
            taken = waiting[0][1] if room is None else min(room, waiting[0][1])
            placed += taken
            waiting[0][1] -= taken
            if room is not None:
                room -= taken
            if not waiting[0][1]:
                heapq.heappop(waiting)
    return placed


def _bounds(windows: Iterable[Window], charges: Iterable[Charge]) -> tuple[tuple[int, int], ...]:
    found = bounds_of(charges)
    return tuple(found.get(window, (0, 0)) for window in windows)


def _certain(charges: Iterable[Charge]) -> int:
    return sum(charge.asks for charge in charges if charge.attempt is None)


def _numbers(charges: Iterable[Charge]) -> tuple[int, ...]:
    return tuple(sorted(charge.attempt for charge in charges if charge.attempt is not None))
