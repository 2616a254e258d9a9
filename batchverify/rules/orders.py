"""Reading what an order page says: amounts, times, sizes of packages, whether a line is a refund.

The one thing to know: a size that is not spelled out is never guessed from a price, unless the price is one of the list's
and the line names this product; an account buys other things, too.

Source of the spellings: VENDOR, section 5 ("1600元/10000次", "¥0.01", "2018-06-21 12:46:41").
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from batchverify.rules.packages import PACKAGES, TRIAL, Package
from batchverify.rules.windows import BEIJING

_YUAN = re.compile(r"([-+(]?)(?:¥|￥|cny|rmb)?([-+]?)(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?元?(\)?)")
_ASKS = re.compile(r"(\d{1,3}(?:,\d{3})+|\d+)(万?)次")
_BARE = re.compile(r"\d{1,3}(?:,\d{3})+|\d+")
_LISTED = re.compile(r"(\d+)元?/(\d+)次?")
_TIME = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[T ]*(\d{1,2}):(\d{2})(?::(\d{2}))?.*)?")
# How a workbook keeps a time that was typed as one: days since the end of 1899.
_SERIAL = re.compile(r"([3-9]\d{4})(?:\.(\d+))?")
_SERIAL_ORIGIN = datetime(1899, 12, 30, tzinfo=BEIJING)
_OURS = re.compile("银行卡|bank ?card|28807", re.IGNORECASE)
_REFUND = re.compile("退款|退订|退货|refund", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """One line of an order page. `asks` None is no package of this product; `paid` and `voucher` are yuan, negative in a refund.

    `price` is what one of the `count` packages has cost, vouchers included.
    """

    order: str
    product: str
    is_refund: bool
    paid_at: datetime
    paid: Decimal
    voucher: Decimal = Decimal(0)
    asks: int | None = None
    count: int = 1
    used: int = 0
    expires_at: datetime | None = None
    vendor_id: str = ""

    @property
    def price(self) -> Decimal:
        return (self.paid + self.voucher) / self.count


def yuan_in(text: str) -> Decimal | None:
    """Read an amount, None where it is none.

    >>> yuan_in("¥1,600.00"), yuan_in("-180元"), yuan_in("(30.5)"), yuan_in("免费")
    (Decimal('1600.00'), Decimal('-180'), Decimal('-30.5'), None)
    """
    found = _YUAN.fullmatch("".join(_plain(text).lower().split()))
    if found is None or (found[1] == "(") != (found[5] == ")"):
        return None
    amount = Decimal(found[3].replace(",", "") + (found[4] or ""))
    return -amount if "-" in (found[1], found[2]) or found[1] == "(" else amount


def moment_in(text: str) -> datetime | None:
    """Read a time of Beijing, or a day, which is its first instant; None where it is none.

    >>> moment_in("2018-06-21 12:46:41").isoformat(), moment_in("2020年5月25日").isoformat(), moment_in("43272.5").isoformat()
    ('2018-06-21T12:46:41+08:00', '2020-05-25T00:00:00+08:00', '2018-06-21T12:00:00+08:00')
    >>> moment_in("2018-02-30") is None, moment_in("soon") is None
    (True, True)
    """
    text = _plain(text)
    if serial := _SERIAL.fullmatch(text):
        return _SERIAL_ORIGIN + timedelta(seconds=round(float(serial[0]) * 86_400))
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=BEIJING)
    except ValueError:
        return None


def asks_in(text: str) -> int | None:
    """Read the size of a package from its name or its quota, None where it names none.

    >>> asks_in("1600元/10000次"), asks_in("套餐 2万次"), asks_in("1,000"), asks_in("使用次数套餐包")
    (10000, 20000, 1000, None)
    """
    plain = "".join(_plain(text).split())
    found = _ASKS.search(plain)
    if found is None:
        return int(plain.replace(",", "")) if _BARE.fullmatch(plain) else None
    return int(found[1].replace(",", "")) * (10_000 if found[2] else 1)


def listed_package(text: str) -> Package | None:
    """Find the package of the price list with this name (`180元/1000次`) or this size (`1000`).

    >>> listed_package("1,000").price, listed_package("180元/1000次").asks, listed_package("0元/5次").asks, listed_package("1001")
    (Decimal('180'), 1000, 5, None)
    """
    plain = "".join(_plain(text).replace(",", "").split())
    priced = _LISTED.fullmatch(plain)
    asks = int(priced[2]) if priced else asks_in(plain)
    found = next((package for package in (TRIAL, *PACKAGES) if package.asks == asks), None)
    return None if found is None or (priced and Decimal(priced[1]) != found.price) else found


def size_of(*, spelled: str, product: str, price: Decimal) -> int | None:
    """Tell the size of a package that an order line is about, None where it is none of ours or nobody can know.

    >>> size_of(spelled="180元/1000次", product="银行卡三要素", price=Decimal(170)), size_of(spelled="", product="云服务器", price=Decimal(180))
    (1000, None)
    >>> size_of(spelled="", product="银行卡3元素", price=Decimal(180)), size_of(spelled="", product="银行卡3元素", price=Decimal(181))
    (1000, None)
    """
    if product and not _OURS.search(_plain(product)):
        return None
    named = asks_in(spelled) or (asks_in(product) if _ASKS.search(_plain(product)) else None)
    return named or next((package.asks for package in PACKAGES if package.price == price), None)


def is_refund(kind: str, paid: Decimal) -> bool:
    """Say whether a line takes money back.

    >>> is_refund("退款订单", Decimal(5)), is_refund("订单", Decimal(-5)), is_refund("订单", Decimal(5))
    (True, True, False)
    """
    return paid < 0 or _REFUND.search(kind) is not None


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).replace("￥", "¥").strip()
