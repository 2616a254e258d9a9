"""What two balances say of a status: billed, free, or both.

The one thing to know: nothing states which answers are billed (VENDOR, "Which statuses cost money"), so it is measured: asks
that all got one status, and what the vendor's count of the package lost meanwhile.
"""

from __future__ import annotations

from batchverify.model import Billed


def billed_by_balance(*, asks: int, used: int) -> Billed | None:
    """Say what `used` of the package means for `asks` of one status; None where it can mean nothing.

    >>> billed_by_balance(asks=2, used=2), billed_by_balance(asks=2, used=0), billed_by_balance(asks=2, used=1)
    (<Billed.YES: '1'>, <Billed.NO: '0'>, <Billed.UNKNOWN: '?'>)
    >>> billed_by_balance(asks=2, used=3), billed_by_balance(asks=0, used=0), billed_by_balance(asks=1, used=-1)
    (None, None, None)
    """
    if asks < 1 or not 0 <= used <= asks:
        return None
    if used == asks:
        return Billed.YES
    return Billed.UNKNOWN if used else Billed.NO
