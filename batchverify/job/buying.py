"""What somebody says was bought, as a package of the wallet and its order for the invoice.

The one thing to know: a price is never guessed. A package of the price list has the list's price only where it was named
as one of the list; a bare size may have been bought at another.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from batchverify.errors import InputError
from batchverify.job.wallet import USUAL_NAME
from batchverify.rules.orders import asks_in, listed_package
from batchverify.store.ledger import NewPackage, Purchase


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """One kind of package as somebody enters it: `count` of it, at `price` yuan each, `voucher` yuan of all paid by voucher.

    `size` is spelled as people do (1000, 2万次, 180元/1000次); `is_listed` says that the price list's price holds.
    """

    size: str
    is_listed: bool = False
    price: Decimal | None = None
    voucher: Decimal = Decimal(0)
    order: str | None = None
    bought_at: datetime | None = None
    expires_at: datetime | None = None
    used: int = 0
    count: int = 1
    vendor_id: str = ""
    name: str = ""


def package_and_order(bought: Bought, *, now: datetime) -> tuple[NewPackage, Purchase | None]:
    """Make of it one package, and its order where a number is given.

    Raises:
        InputError: The size is none, or is none of the list; or the price or the ID cannot be. Nothing was entered.
    """
    listed = listed_package(bought.size)
    asks = listed.asks if listed is not None else asks_in(bought.size)
    if asks is None or (bought.is_listed and listed is None):
        raise InputError(
            f"{bought.size!r} is no package of the price list. Give its size and its price."
            if bought.is_listed
            else f"{bought.size!r} is no size of a package such as 1000 or 180元/1000次."
        )
    # A bare size says nothing of its price: it may have been bought at another one.
    is_priced = listed is not None and (bought.is_listed or "/" in bought.size)
    price = bought.price if bought.price is not None else listed.price if listed is not None and is_priced else None
    if bought.vendor_id and bought.count > 1:
        raise InputError("An ID is that of one package. Enter several one by one, or leave their IDs out. Nothing was entered.")
    package = NewPackage(
        label=bought.name or USUAL_NAME,
        total=asks,
        used=bought.used,
        bought_at=bought.bought_at,
        expires_at=bought.expires_at,
        price=price,
        vendor_id=bought.vendor_id.strip(),
    )
    if bought.order is None:
        return package, None
    if price is None or bought.voucher > price * bought.count:
        raise InputError("An order for the invoice needs its price, which is no less than the voucher. Nothing was entered.")
    purchase = Purchase(
        order=bought.order.strip(),
        product=bought.name or USUAL_NAME,
        paid_at=bought.bought_at or now,
        paid=price * bought.count - bought.voucher,
        voucher=bought.voucher,
    )
    return package, purchase
