"""What was bought and what is left of it (VENDOR §5).

The one thing to know: the vendor tells nobody in which order packages are used up; the one that expires first is taken
to go first, then the one entered first. `left` is what is sure: asks in doubt count as spent.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from batchverify.store.ledger.shapes import Package, Wallet

_NEVER = datetime.max.replace(tzinfo=UTC)


def wallet_of(packages: Iterable[Package], *, spent: int, now: datetime) -> Wallet:
    """Lay `spent` asks, all since the first package was entered, on the packages in their order of use.

    What an expired package had left is lost. Without packages nobody knows the total.

    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> wallet_of([Package(number=1, label="100", total=100, used=40, added_at=at)], spent=10, now=at)
    Wallet(total=100, used=50, left=50)
    >>> wallet_of([], spent=10, now=at)
    Wallet(total=None, used=10, left=None)
    """
    total = left = known = 0
    unplaced = spent
    for package in sorted(packages, key=lambda package: (package.expires_at or _NEVER, package.number)):
        known += 1
        room = package.total - package.used
        taken = min(max(unplaced, 0), room)
        unplaced -= taken
        if package.expires_at is None or package.expires_at > now:
            total += package.total
            left += room - taken
    if not known:
        return Wallet(total=None, used=spent, left=None)
    return Wallet(total=total, used=total - left, left=left)
