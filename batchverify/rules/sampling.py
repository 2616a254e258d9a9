"""Whether a first sample of answers looks sane, before the rest is paid for.

The one thing to know: a wrong column shows at once. Where nothing matches at all, or more than one ask in twenty fails for
technical reasons, the run stops and a person looks.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

from batchverify.model import RowStatus

#: Two-sided 95 % of the normal distribution.
_Z = 1.959964
_MOST_FAILED = 0.05
# Fewer answers than this prove no wrong column: three strangers may all have given a wrong card.
_FEWEST_ANSWERS = 5
_TECHNICAL = (RowStatus.FAILED, RowStatus.IN_DOUBT)
_JUDGED = (RowStatus.MATCHED, RowStatus.MISMATCHED, RowStatus.CARD_PROBLEM, RowStatus.UNVERIFIABLE, RowStatus.INVALID)


def looks_sane(statuses: Mapping[RowStatus, int]) -> bool:
    """Tell whether the rest may be asked, from the counts of a sample.

    >>> looks_sane({RowStatus.MATCHED: 18, RowStatus.MISMATCHED: 2})
    True
    >>> looks_sane({RowStatus.MISMATCHED: 20}), looks_sane({RowStatus.MATCHED: 18, RowStatus.FAILED: 2})
    (False, False)
    """
    total = sum(statuses.values())
    failed = sum(statuses.get(status, 0) for status in _TECHNICAL)
    judged = sum(statuses.get(status, 0) for status in _JUDGED)
    mismatched = statuses.get(RowStatus.MISMATCHED, 0) + statuses.get(RowStatus.INVALID, 0)
    return failed <= total * _MOST_FAILED and not (judged >= _FEWEST_ANSWERS and mismatched == judged)


def interval(count: int, total: int) -> tuple[float, float]:
    """Compute the 95 % interval of a share (Wilson's score, 1927), as numbers from 0 to 1.

    >>> [round(end, 3) for end in interval(18, 20)]
    [0.699, 0.972]
    >>> interval(0, 0)
    (0.0, 1.0)
    """
    if total == 0:
        return 0.0, 1.0
    share, z2 = count / total, _Z * _Z
    middle = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = _Z * sqrt(share * (1 - share) / total + z2 / (4 * total * total)) / (1 + z2 / total)
    # Rounding must not push an end past the share itself: 0 of 125 would begin above nought.
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))
