"""Packages and the AppCode: what was bought, what is left, and why the gateway may say no.

The one thing to know: packages are used up in the order of earliest expiry, then earliest purchase. The vendor documents
no order, so nobody may rely on this one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from math import inf

from batchverify.sandbox.gateway import GatewayError, Refusal


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


class Wallet:
    """The account behind one AppCode."""

    def __init__(self, *, app_code: str, packages: tuple[Package, ...] = ()) -> None:
        self.app_code = app_code
        self.standing = Standing.VALID
        self._packages = {package.number: package for package in packages}

    def packages(self) -> tuple[Package, ...]:
        """Return all packages in the order of use."""
        return tuple(sorted(self._packages.values(), key=lambda package: (package.expires_at, package.bought_at, package.number)))

    def left(self, *, now: float) -> int:
        """Return the calls that can still be used."""
        return sum(package.left for package in self._packages.values() if package.expires_at > now)

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

    def _shortage(self, now: float) -> GatewayError | None:
        expired = False
        for package in self._packages.values():
            if package.left > 0:
                if package.expires_at > now:
                    return None
                expired = True
        return Refusal.QUOTA_EXPIRED.value if expired else Refusal.QUOTA_EXHAUSTED.value

    def use_one(self, *, now: float) -> None:
        """Take one call from the first package that has one. Nothing is taken where none has."""
        for package in self.packages() if len(self._packages) > 1 else self._packages.values():
            if package.left > 0 and package.expires_at > now:
                self._packages[package.number] = replace(package, used=package.used + 1)
                return

    def top_up(self, calls: int, *, now: float, expires_at: float = inf) -> Package:
        """Add a package of that many calls."""
        package = Package(number=max(self._packages, default=0) + 1, total=calls, bought_at=now, expires_at=expires_at)
        self._packages[package.number] = package
        return package

    def set_left(self, calls: int, *, now: float) -> None:
        """Forget all packages and start again with one of that many calls."""
        self._packages = {}
        self.top_up(calls, now=now)
