"""Which orders go on which invoice, and for how much.

The one thing to know: what was paid in cash or stored value is invoiced, vouchers are not. A month whose sum is negative
(refunds) is applied for together with the next one; and since the last months may stay negative, there may be a rest that
has to wait.

Source of the rules: VENDOR, section 5 (the vendor's 发票管理 page: months may be merged, and must be once one month's sum is
negative; paper only; at or under 50 yuan the buyer pays the postage).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from batchverify.rules.windows import BEIJING

#: An application for this or less is sent at the buyer's expense.
POSTAGE_UP_TO = Decimal(50)
_DECEMBER = 12
_MONTHS = range(1, 13)
_SPELLED = re.compile(r"(\d{4})[-/.年]?(\d{1,2})月?")


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month in Beijing."""

    year: int
    month: int

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"

    @classmethod
    def spelled(cls, text: str) -> Month | None:
        """Read a month as people write it, None where it is none.

        >>> str(Month.spelled("2026年1月")), Month.spelled("2026-13")
        ('2026-01', None)
        """
        found = _SPELLED.fullmatch(text.strip())
        if found is None or int(found[2]) not in _MONTHS:
            return None
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def of(cls, at: datetime) -> Month:
        """Find the month of an instant.

        >>> from datetime import UTC
        >>> str(Month.of(datetime(2026, 1, 31, 16, tzinfo=UTC)))
        '2026-02'
        """
        local = at.astimezone(BEIJING)
        return cls(local.year, local.month)

    def next(self) -> Month:
        """Give the month after it.

        >>> str(Month(2026, 12).next())
        '2027-01'
        """
        return Month(self.year + 1, 1) if self.month == _DECEMBER else Month(self.year, self.month + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A line of the statement. `paid` goes on the invoice, `voucher` does not; both are negative, or 0, in a refund."""

    number: str
    product: str
    is_refund: bool
    paid_at: datetime
    paid: Decimal
    voucher: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """The months that are applied for together. `waits` where their sum is negative and no later month makes up for it."""

    months: tuple[Month, ...]
    orders: tuple[Order, ...]
    waits: bool = False

    @property
    def amount(self) -> Decimal:
        """What the invoice is about, in yuan."""
        return sum((order.paid for order in self.orders), Decimal(0))

    @property
    def vouchers(self) -> Decimal:
        """What vouchers paid, in yuan: on no invoice."""
        return sum((order.voucher for order in self.orders), Decimal(0))

    @property
    def is_merged(self) -> bool:
        """True where a negative month had to be taken along."""
        return len(self.months) > 1

    @property
    def buyer_pays_postage(self) -> bool:
        return not self.waits and 0 < self.amount <= POSTAGE_UP_TO


def applications(orders: Iterable[Order], *, first: Month, last: Month) -> tuple[Application, ...]:
    """Sort the orders that were paid from `first` to `last` into applications, by time. Months without an order have none.

    >>> at = datetime(2026, 1, 5, tzinfo=BEIJING)
    >>> def order(month, paid):
    ...     return Order(number="", product="", is_refund=paid < 0, paid_at=at.replace(month=month), paid=Decimal(paid), voucher=Decimal(0))
    >>> [(str(one.months[0]), one.amount) for one in applications([order(1, 19), order(2, -5), order(3, 180)],
    ...     first=Month(2026, 1), last=Month(2026, 3))]
    [('2026-01', Decimal('19')), ('2026-02', Decimal('175'))]
    """
    by_month: dict[Month, list[Order]] = {}
    for order in sorted(orders, key=lambda order: (order.paid_at, order.number)):
        month = Month.of(order.paid_at)
        if first <= month <= last:
            by_month.setdefault(month, []).append(order)
    return tuple(_merged(by_month))


def _merged(by_month: dict[Month, list[Order]]) -> Iterator[Application]:
    months: list[Month] = []
    held: list[Order] = []
    for month, orders in by_month.items():
        months.append(month)
        held += orders
        if sum(order.paid for order in held) >= 0:
            yield Application(months=tuple(months), orders=tuple(held))
            months, held = [], []
    if held:
        yield Application(months=tuple(months), orders=tuple(held), waits=True)
