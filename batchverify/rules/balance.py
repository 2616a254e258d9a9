"""Which warnings the packages call for: little is left, or less than a plan needs.

The one thing to know: a wallet that nobody has entered warns of nothing, since nobody knows what is in it.

Source of the level: VENDOR, section 5 ("under 20 % left": the vendor writes to the account, too).
"""

from __future__ import annotations

from enum import StrEnum


class BalanceWarning(StrEnum):
    """What is to be told to whoever buys packages."""

    LOW = "low_balance"
    SHORT = "needs_more"


def is_low(*, total: int | None, left: int | None, low_percent: int) -> bool:
    """Say whether less than the warning level is left; packages that have all expired hold nothing, and that is low.

    >>> is_low(total=100, left=20, low_percent=20), is_low(total=100, left=19, low_percent=20)
    (False, True)
    >>> is_low(total=0, left=0, low_percent=20), is_low(total=0, left=0, low_percent=0), is_low(total=None, left=None, low_percent=20)
    (True, False, False)
    """
    if total is None or left is None:
        return False
    return left * 100 < total * low_percent or (total == 0 and low_percent > 0)


def shortfall(*, left: int | None, needed: int) -> int:
    """Count the asks that must be bought before `needed` can leave; 0 where enough is left, or nobody knows what is.

    >>> shortfall(left=70, needed=100), shortfall(left=100, needed=100), shortfall(left=None, needed=100)
    (30, 0, 0)
    """
    return 0 if left is None else max(0, needed - max(0, left))


def warnings_of(*, total: int | None, left: int | None, low_percent: int, needed: int = 0) -> frozenset[BalanceWarning]:
    """Name the warnings that hold now. `total` and `left` are the wallet's, None where no package is known; `needed` is what a plan asks.

    >>> sorted(warnings_of(total=1000, left=150, low_percent=20, needed=200))
    [<BalanceWarning.LOW: 'low_balance'>, <BalanceWarning.SHORT: 'needs_more'>]
    >>> warnings_of(total=None, left=None, low_percent=20, needed=200)
    frozenset()
    """
    found = set()
    if is_low(total=total, left=left, low_percent=low_percent):
        found.add(BalanceWarning.LOW)
    if shortfall(left=left, needed=needed):
        found.add(BalanceWarning.SHORT)
    return frozenset(found)
