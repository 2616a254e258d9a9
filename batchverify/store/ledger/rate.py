"""The shared rate as pure arithmetic: a generic cell rate algorithm over one number, `tat`, in monotonic seconds.

The one thing to know: `tat` is the instant at which the next ask is due when all keep to the interval. It lies in the
ledger, so that all processes of this machine share one rate.

A window of one second sees at most n asks with (n - 1) * interval < 1 s + burst + jitter on the way to the wire. With
interval = 1.1 / qps, burst = 0.02 s and jitter <= 0.08 s (the pool sees to that) that is n - 1 < 1.1 * qps / 1.1 = qps, so n <= qps.
"""

from __future__ import annotations

import math

MARGIN = 1.1
BURST_SECONDS = 0.02
JITTER_SECONDS = 0.08


def interval_seconds(qps: float) -> float:
    """Give the time between two asks at `qps` asks a second."""
    return MARGIN / qps


def seconds_to_slot(tat: float, *, at: float) -> float:
    """Give how long it is from `at` until an ask may leave; 0 or less when one may now.

    >>> round(seconds_to_slot(10.5, at=10.0), 6)
    0.48
    """
    return tat - BURST_SECONDS - at


def free_slots(tat: float, *, at: float, qps: float) -> int:
    """Count the asks that may leave together at `at`.

    >>> free_slots(0.0, at=10.0, qps=50), free_slots(0.0, at=10.0, qps=500), free_slots(10.5, at=10.0, qps=50)
    (1, 10, 0)
    """
    if seconds_to_slot(tat, at=at) > 0:
        return 0
    return math.floor((at + BURST_SECONDS - max(tat, at)) / interval_seconds(qps)) + 1


def tat_after(tat: float, *, at: float, qps: float, asks: int) -> float:
    """Move `tat` on by asks that were granted at `at`.

    >>> tat_after(0.0, at=10.0, qps=1.1, asks=3)
    13.0
    """
    return max(tat, at) + asks * interval_seconds(qps)
