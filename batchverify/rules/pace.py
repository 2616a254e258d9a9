"""How many asks may be in flight, and when to stop trying: two small automata without a clock.

The one thing to know: both start careful. Four asks in flight at first, so that a vendor who is down costs at most a
handful of asks in doubt before the breaker opens.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

#: Fewer than the five failures that open the breaker.
FIRST_LIMIT = 4
_FAILURES_IN_A_ROW = 5
_WINDOW = 20
_LONGEST_PAUSE_FACTOR = 20  # 30 s grow to 10 min


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Additive increase, multiplicative decrease of the number in flight (RELIABILITY §2).

    `cut_at` is the number of the newest attempt when the limit was last cut: throttles of asks that were already in
    flight then say nothing new.
    """

    ceiling: int
    limit: float = FIRST_LIMIT
    cut_at: int = 0

    @property
    def slots(self) -> int:
        """Whole asks that may be in flight, at least 1 and at most the ceiling."""
        return max(1, min(self.ceiling, int(self.limit)))

    def answered(self, *, attempt: int, was_full: bool) -> Pace:
        """One more slot for each answer, if all slots were taken when its ask left, and the limit was not cut since.

        Whether all are taken when the answer comes says little: answers come in bursts, and the first of a burst leaves
        the others with a free slot. Judged by that, fifty at once took two seconds to reach.

        >>> Pace(ceiling=50).answered(attempt=1, was_full=True).slots
        5
        >>> Pace(ceiling=50).answered(attempt=1, was_full=False).slots
        4
        """
        if self.limit >= self.ceiling or not was_full or attempt <= self.cut_at:
            return self
        return replace(self, limit=self.limit + 1)

    def throttled(self, *, attempt: int, newest: int) -> Pace:
        """Seven tenths, once for each burst.

        >>> Pace(ceiling=50, limit=40).throttled(attempt=8, newest=9).slots
        28
        >>> Pace(ceiling=50, limit=40, cut_at=9).throttled(attempt=8, newest=9).slots
        40
        """
        if attempt <= self.cut_at:
            return self
        return replace(self, limit=max(1.0, min(self.limit, self.ceiling) * 0.7), cut_at=newest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """Opens after 5 failures in a row, or when half of the last 20 failed; then one real row probes.

    `recent` holds the newest results, True for a failure. `pauses` counts the pauses since the last success.
    """

    recent: tuple[bool, ...] = ()
    pauses: int = 0

    def after(self, *, failed: bool) -> Breaker:
        """The breaker with one more result.

        >>> Breaker(pauses=2).after(failed=False).pauses
        0
        """
        if not failed and not self.recent and not self.pauses:
            return self  # the calm case, a million times over
        recent = (*self.recent, failed)[-_WINDOW:]
        if not any(recent):
            recent = ()
        return Breaker(recent=recent, pauses=self.pauses if failed else 0)

    @property
    def room(self) -> int | None:
        """How many asks may be in flight after failures in a row: what is missing to five; None while all is well.

        So a vendor that is down costs five asks and not five and as many again as were in flight, and after a pause
        there is room for one probe.

        >>> Breaker(recent=(True, True)).room, Breaker(recent=(True, False)).room, Breaker(recent=(True,) * 5).opened().room
        (3, None, 1)
        """
        in_a_row = next((row for row, failed in enumerate(reversed(self.recent)) if not failed), len(self.recent))
        return max(1, _FAILURES_IN_A_ROW - in_a_row) if in_a_row else None

    @property
    def is_open(self) -> bool:
        """True when the vendor must be left alone for a while.

        >>> Breaker(recent=(True,) * 5).is_open, Breaker(recent=(True,) * 4).is_open
        (True, False)
        """
        in_a_row = len(self.recent) >= _FAILURES_IN_A_ROW and all(self.recent[-_FAILURES_IN_A_ROW:])
        return in_a_row or sum(self.recent) * 2 >= _WINDOW

    def opened(self) -> Breaker:
        """The breaker during a pause: it forgets the failures, and one more of them opens it again.

        >>> Breaker(recent=(True,) * 5).opened().after(failed=True).is_open
        True
        """
        return Breaker(recent=(True,) * (_FAILURES_IN_A_ROW - 1), pauses=self.pauses + 1)

    def pause_seconds(self, first_seconds: float) -> float:
        """How long to wait: doubling from the first pause, at most twenty times it.

        >>> Breaker(pauses=1).pause_seconds(30), Breaker(pauses=9).pause_seconds(30)
        (30, 600)
        """
        return first_seconds * min(1 << max(0, self.pauses - 1), _LONGEST_PAUSE_FACTOR)
