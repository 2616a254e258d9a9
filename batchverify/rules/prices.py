"""What asks cost, as an interval, since nobody states which answers are billed.

The one thing to know: an HTTP 200 is taken as billed unless the price table says otherwise, and an ask in doubt counts in
the upper end only. Money is always Decimal, in yuan.

Source of the rules: VENDOR, "Which statuses cost money".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal

from batchverify.model import Billed

_FEN = Decimal("0.01")
# Finer than any price of the list; what does not divide evenly is rounded up, so that no cap in yuan is overrun.
_FINEST = Decimal("0.0001")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """From what is certain to what is possible, in yuan."""

    min: Decimal
    max: Decimal

    def __add__(self, other: Cost) -> Cost:
        return Cost(min=self.min + other.min, max=self.max + other.max)

    def __str__(self) -> str:
        return yuan(self.min) if self.min == self.max else f"{yuan(self.min)}–{yuan(self.max)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTable:
    """The price of an ask in yuan, and the statuses that are not billed like the rest.

    >>> table = PriceTable(unit_price=Decimal("0.19"), exceptions={"203": Billed.NO, "202": Billed.UNKNOWN})
    >>> table.billed("01"), table.billed("203")
    (<Billed.YES: '1'>, <Billed.NO: '0'>)
    >>> str(table.cost(billed=3)), str(table.cost(billed=3, unknown=1))
    ('0.57', '0.57–0.76')
    """

    unit_price: Decimal
    exceptions: Mapping[str, Billed] = field(default_factory=dict)

    def billed(self, status: str) -> Billed:
        """Say whether an answer with this status is billed; YES for every status that the table does not list."""
        return self.exceptions.get(status, Billed.YES)

    def cost(self, *, billed: int, unknown: int = 0) -> Cost:
        """Compute what that many asks cost, in yuan; `unknown` are those in doubt and those whose status may or may not be billed."""
        return Cost(min=self.unit_price * billed, max=self.unit_price * (billed + unknown))


def unit_price(price: Decimal, *, asks: int) -> Decimal:
    """Compute the price of one ask from that of a package; `asks` is its size.

    >>> unit_price(Decimal(1600), asks=10_000)
    Decimal('0.16')
    """
    return price / asks


def price_of_asks(offers: Iterable[tuple[Decimal | None, int, int]], *, asks: int, otherwise: Decimal) -> Decimal:
    """Find the price of one of `asks` asks from packages in their order of use, each (price, size, left).

    Where several are reached it is the dearest of them: a price to stay below. A package without a known price, and asks
    without any package, cost what the setting says, `otherwise`.

    >>> offers = [(Decimal(1600), 10_000, 40), (Decimal(180), 1_000, 1_000)]
    >>> price_of_asks(offers, asks=40, otherwise=Decimal("0.19")), price_of_asks(offers, asks=41, otherwise=Decimal("0.19"))
    (Decimal('0.16'), Decimal('0.18'))
    >>> price_of_asks([], asks=1, otherwise=Decimal("0.19")), price_of_asks([(Decimal(100), 300, 9)], asks=0, otherwise=Decimal(1))
    (Decimal('0.19'), Decimal('0.3334'))
    """
    prices: list[Decimal] = []
    reached = 0
    for price, size, left in offers:
        if left > 0 and (not prices or reached < asks):
            reached += left
            prices.append(otherwise if price is None else _rounded_up(unit_price(price, asks=size)))
    return max(prices, default=otherwise)


def mean_price(prices: Sequence[tuple[Decimal, int]]) -> Decimal:
    """Average prices by the asks they are of; where none was asked, the last price stands.

    >>> mean_price([(Decimal("0.16"), 1), (Decimal("0.19"), 2)]), mean_price([(Decimal("0.19"), 5), (Decimal("0.16"), 0)])
    (Decimal('0.18'), Decimal('0.19'))
    >>> mean_price([(Decimal("0.19"), 0), (Decimal("0.16"), 0)]), mean_price([(Decimal("0.1"), 1), (Decimal("0.2"), 2)])
    (Decimal('0.16'), Decimal('0.1667'))
    """
    asks = sum(count for _, count in prices)
    if not asks:
        return prices[-1][0]
    return _rounded_up(sum((price * count for price, count in prices), Decimal(0)) / asks)


def _rounded_up(price: Decimal) -> Decimal:
    """Leave a price of four decimals or fewer as it is.

    >>> _rounded_up(Decimal("0.16")), _rounded_up(Decimal("0.12341"))
    (Decimal('0.16'), Decimal('0.1235'))
    """
    return price if price == price.quantize(_FINEST) else price.quantize(_FINEST, rounding=ROUND_CEILING)


def yuan(amount: Decimal) -> str:
    """Write an amount with two decimals, or with more where it has more, never with an exponent.

    >>> yuan(Decimal("0.57")), yuan(Decimal(720)), yuan(Decimal("0.1050")), yuan(Decimal("1E+3"))
    ('0.57', '720.00', '0.105', '1000.00')
    """
    shortest = amount.normalize()
    exponent = shortest.as_tuple().exponent
    has_more = isinstance(exponent, int) and exponent < -2  # noqa: PLR2004
    return f"{shortest:f}" if has_more else f"{amount.quantize(_FEN):f}"
