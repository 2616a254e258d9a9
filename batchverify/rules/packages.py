"""The vendor's price list, and the cheapest packages that cover a number of asks.

The one thing to know: the biggest package is not always the cheapest way. Four packages of 1,000 beat one of 5,000 for
4,000 asks, and lose to it for 4,900: a small covering problem, solved exactly.

Source of the list: VENDOR, section 5.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """What can be bought: `asks` for `price` yuan."""

    asks: int
    price: Decimal


def _package(asks: int, price: int) -> Package:
    return Package(asks=asks, price=Decimal(price))


#: For trying, once per account: never counted unless asked for.
TRIAL = _package(5, 0)
#: The price list, the smallest first; the price of one ask falls as packages grow.
PACKAGES = (
    _package(100, 19),
    _package(1_000, 180),
    _package(5_000, 850),
    _package(10_000, 1_600),
    _package(20_000, 3_000),
    _package(50_000, 7_000),
    _package(100_000, 13_000),
    _package(200_000, 24_000),
    _package(500_000, 55_000),
    _package(1_000_000, 100_000),
)

_BIGGEST = PACKAGES[-1]
# All sizes are multiples of the smallest, so asks are counted in units of it.
_UNIT = PACKAGES[0].asks


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """Packages with their counts, the biggest first; what they hold together and what they cost."""

    packages: tuple[tuple[Package, int], ...]

    @property
    def asks(self) -> int:
        """How many asks the packages hold."""
        return sum(package.asks * count for package, count in self.packages)

    @property
    def price(self) -> Decimal:
        """What the packages cost, in yuan."""
        return sum((package.price * count for package, count in self.packages), Decimal(0))

    @property
    def price_per_ask(self) -> Decimal:
        """What one ask of the mix costs, in yuan; 0 where nothing is bought."""
        return self.price / self.asks if self.packages else Decimal(0)


def cheapest_mix(asks: int, *, with_trial: bool = False) -> Mix:
    """Choose the packages that cover `asks` for the least money; `with_trial` counts the free package, once.

    >>> [(package.asks, count) for package, count in cheapest_mix(4_000).packages]
    [(1000, 4)]
    >>> cheapest_mix(4_900).price, cheapest_mix(1_234_567).price
    (Decimal('850'), Decimal('129434'))
    >>> cheapest_mix(5, with_trial=True).price, cheapest_mix(0).asks
    (Decimal('0'), 0)
    """
    trial = [TRIAL] if with_trial and asks > 0 else []
    units = _units(asks - sum(package.asks for package in trial))
    # Beyond what smaller packages can fill in a cheapest mix, every unit comes from the biggest.
    biggest = max(0, units - _most_units_in_smaller()) // _units(_BIGGEST.asks)
    chosen = Counter({_BIGGEST: biggest}) + Counter(trial)
    rest = units - biggest * _units(_BIGGEST.asks)
    while rest > 0:
        package = _last_choices()[rest]
        chosen[package] += 1
        rest -= _units(package.asks)
    return Mix(packages=tuple(sorted(chosen.items(), key=lambda item: -item[0].asks)))


def naive_choice(asks: int) -> Mix:
    """Choose as a hurried buyer does: the smallest single package that fits, beyond the biggest as many of that as needed.

    >>> naive_choice(4_000).price, naive_choice(2_500_000).price
    (Decimal('850'), Decimal('300000'))
    """
    if asks <= 0:
        return Mix(packages=())
    for package in PACKAGES:
        if asks <= package.asks:
            return Mix(packages=((package, 1),))
    return Mix(packages=((_BIGGEST, -(-asks // _BIGGEST.asks)),))


def _units(asks: int) -> int:
    return max(0, -(-asks // _UNIT))


@lru_cache(maxsize=1)
def _most_units_in_smaller() -> int:
    """Bound the units that packages below the biggest hold in a cheapest mix.

    L/s packages of size s can be swapped for one of size L, where L is a multiple of s. It costs less, for the price of
    one ask falls with size; so a cheapest mix has at most L/s - 1 packages of size s, for the smallest such L.
    """
    most = 0
    for place, package in enumerate(PACKAGES[:-1]):
        larger = next(other for other in PACKAGES[place + 1 :] if other.asks % package.asks == 0)
        most += (larger.asks // package.asks - 1) * _units(package.asks)
    return most


@lru_cache(maxsize=1)
def _last_choices() -> tuple[Package, ...]:
    """For each number of units that `cheapest_mix` may be left with, a package of a cheapest mix (dynamic programming)."""
    most = _most_units_in_smaller() + _units(_BIGGEST.asks)
    offers = [(_units(package.asks), int(package.price), package) for package in reversed(PACKAGES)]
    costs = [0]
    choices = [_BIGGEST]  # for 0 units: never read
    for units in range(1, most + 1):
        cost, choice = min(
            ((costs[max(0, units - size)] + price, package) for size, price, package in offers), key=lambda offer: offer[0]
        )
        costs.append(cost)
        choices.append(choice)
    return tuple(choices)
