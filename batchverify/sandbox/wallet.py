"""Packages and the AppCode: what was bought, what is left, and why the gateway may say no.

The one thing to know: packages are used up in the order of earliest expiry, then earliest purchase. The vendor documents
no order, so nobody may rely on this one.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from enum import StrEnum
from math import inf
from typing import NamedTuple

from batchverify.sandbox.bill import window_start
from batchverify.sandbox.gateway import GatewayError, Refusal

LOW_PERCENT = 20


class Standing(StrEnum):
    """How the account stands."""

    VALID = "valid"
    REVOKED = "revoked"
    UNAUTHORIZED = "unauthorized"
    ARREARS = "arrears"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A bought package: calls in all and used, and its Unix times."""

    number: int
    total: int
    used: int = 0
    bought_at: float
    expires_at: float = inf

    @property
    def left(self) -> int:
        return self.total - self.used


class Notice(NamedTuple):
    """What the vendor writes to the account by SMS and mail when less than a fifth is left: when, and how much that was."""

    at: float
    left: int
    total: int


class Wallet:
    """The account behind one AppCode. `notices` has one for each time that what is left fell below a fifth."""

    def __init__(self, *, app_code: str) -> None:
        self.app_code = app_code
        self.standing = Standing.VALID
        self._bought: list[Package] = []  # in the order of use
        self._used: dict[int, int] = {}
        self._windows: Counter[tuple[int, int]] = Counter()  # by package and start
        self._is_low = False
        self.notices: list[Notice] = []

    def packages(self) -> tuple[Package, ...]:
        """Return all packages in the order of use."""
        return tuple(replace(package, used=self._used[package.number]) for package in self._bought)

    def left(self, *, now: float) -> int:
        """Return the calls that can still be used."""
        return sum(package.left for package in self.packages() if package.expires_at > now)

    def refusal(self, app_code: str | None, *, now: float) -> GatewayError | None:
        """Return why the gateway turns an ask with this AppCode away, or None."""
        if app_code is None or app_code != self.app_code:
            return Refusal.UNKNOWN_APP_CODE.value
        match self.standing:
            case Standing.REVOKED:
                return Refusal.REVOKED_APP_CODE.value
            case Standing.UNAUTHORIZED:
                return Refusal.UNAUTHORIZED.value
            case Standing.ARREARS:
                return Refusal.ARREARS.value
            case Standing.VALID:
                return self._shortage(now)

    def use_one(self, *, now: float) -> None:
        """Take one call from the first package that has one. Nothing is taken where none has."""
        package = self._next(now)
        if package is not None:
            self._used[package.number] += 1
            self._windows[package.number, window_start(now)] += 1
            self._warn(now)

    def usage(self, number: int) -> dict[int, int]:
        """Return the calls taken from one package, by the start of the window, newest first."""
        used = {start: calls for (package, start), calls in self._windows.items() if package == number}
        return {start: used[start] for start in sorted(used, reverse=True)}

    def top_up(self, calls: int, *, now: float, expires_at: float = inf) -> Package:
        """Add a package of that many calls."""
        package = Package(number=len(self._bought) + 1, total=calls, bought_at=now, expires_at=expires_at)
        self._bought = sorted((*self._bought, package), key=lambda one: (one.expires_at, one.bought_at, one.number))
        self._used[package.number] = 0
        self._is_low = False
        return package

    def set_left(self, calls: int, *, now: float) -> None:
        """Forget all packages and start again with one of that many calls."""
        self._bought, self._used = [], {}
        self._windows.clear()
        self.top_up(calls, now=now)

    def _warn(self, now: float) -> None:
        """Write once for each crossing; what was bought since begins anew."""
        if self._is_low:
            return
        total = left = 0
        for package in self._bought:
            if package.expires_at > now:
                total += package.total
                left += package.total - self._used[package.number]
        if left * 100 < total * LOW_PERCENT:
            self._is_low = True
            self.notices.append(Notice(now, left, total))

    def _next(self, now: float) -> Package | None:
        for package in self._bought:
            if package.expires_at > now and self._used[package.number] < package.total:
                return package
        return None

    def _shortage(self, now: float) -> GatewayError | None:
        if self._next(now) is not None:
            return None
        # A package that ran out of time with calls left is another story than one that is used up.
        has_unused = any(package.left for package in self.packages())
        return Refusal.QUOTA_EXPIRED.value if has_unused else Refusal.QUOTA_EXHAUSTED.value
