"""Orders as copied from the vendor's order page or 发票管理, a csv or a workbook: columns by name, wherever they stand.

The one thing to know: a line that is not understood is refused by its row, never left out: an order that was overlooked
would be missing on the invoice.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from batchverify.errors import InputError
from batchverify.model import CellValue, Record
from batchverify.rules.orders import OrderLine, asks_in, is_refund, moment_in, size_of, yuan_in
from batchverify.tables.cell_xml import plain_text
from batchverify.tables.reader import open_table

_SEARCHED_ROWS = 50
_HEADERS: Mapping[str, re.Pattern[str]] = {
    "order": re.compile("订单(?:编号|号|id)|ordernumber|orderid|^order$"),
    "product": re.compile("(?:产品|商品|服务)(?:名称)?$|^product"),
    "kind": re.compile("^(?:订单)?类型$|^(?:order)?type$|^kind$"),
    "paid_at": re.compile("支付时间|付款时间|paidat|paymenttime"),
    "paid": re.compile("实付(?:金额)?|^paid$|amountpaid"),
    "cash": re.compile("现金(?:支付|金额)?|余额支付|^cash"),
    "stored": re.compile("储值卡?|storedvalue"),
    "owed": re.compile("应付(?:金额)?|订单金额|原价|^amount$|^price$"),
    "voucher": re.compile("代金券|优惠券|voucher|coupon"),
    "vendor_id": re.compile("套餐包id|packageid"),
    "used": re.compile("已用|已使用|^used"),
    "size": re.compile("套餐版本|套餐配额|套餐包?(?:名称)?$|规格|配额|次数|^size$|^package"),
    "count": re.compile("购买个数|数量|^count$|quantity"),
    "expires_at": re.compile("到期|有效期|expir|validuntil"),
}
_NEEDED = ("order", "paid_at")
_MONEY = ("paid", "cash", "stored", "owed")
_TOTALS = re.compile("合计|总计|小计|共计|total", re.IGNORECASE)


def read_orders(path: Path, *, temporary: Path) -> list[OrderLine]:
    """Read the orders of a file. `temporary` is a private folder for a copy.

    Raises:
        InputError: It is no such list, or a line is not understood. Nothing was entered.
    """
    with open_table(path, temporary=temporary) as table:
        records = table.source.records()
        for record in records:
            columns = _columns(record)
            if all(name in columns for name in _NEEDED) and any(name in columns for name in _MONEY):
                return list(_lines(records, columns, path.name))
            if record.number >= _SEARCHED_ROWS:
                break
    raise InputError(
        f"{path.name} has no columns 订单编号, 支付时间 and 实付金额 within its first {_SEARCHED_ROWS} rows. "
        "Copy the list of orders with its header from the vendor's pages. Nothing was entered."
    )


def _columns(record: Record) -> dict[str, int]:
    found: dict[str, int] = {}
    for place, cell in enumerate(record.cells):
        word = "".join(unicodedata.normalize("NFKC", plain_text(cell)).lower().split())
        for name, pattern in _HEADERS.items():
            if name not in found and word and pattern.search(word):
                found[name] = place
                break
    return found


def _lines(records: Iterator[Record], columns: Mapping[str, int], name: str) -> Iterator[OrderLine]:
    for record in records:
        cells = {word: _text(record.cells, place) for word, place in columns.items()}
        if any(cells.values()) and not _is_sum(cells["order"], record):
            yield _line(cells, where=f"Row {record.number} of {name}")


def _is_sum(order: str, record: Record) -> bool:
    return _TOTALS.search(order) is not None or (not order and any(_TOTALS.search(plain_text(cell)) for cell in record.cells))


def _line(cells: Mapping[str, str], *, where: str) -> OrderLine:
    order = re.sub(r"\s|^'", "", cells["order"])
    if not order or re.search("[eE]\\+", order):
        raise InputError(f"{where} has no whole order number. Copy the column 订单编号 as text. Nothing was entered.")
    paid_at = moment_in(cells["paid_at"])
    if paid_at is None:
        raise InputError(f"{where} has no time of payment such as 2018-06-21 12:46:41. Nothing was entered.")
    paid, voucher = _money(cells, where=where)
    refund = is_refund(cells.get("kind", ""), paid)
    if refund:
        paid, voucher = -abs(paid), -abs(voucher)
    count = _whole(cells, "count", where=where) or 1
    product = cells.get("product", "")
    size = None if refund else size_of(spelled=cells.get("size", ""), product=product, price=(paid + voucher) / count)
    expires_at = moment_in(cells["expires_at"].rpartition(" - ")[2]) if cells.get("expires_at") else None
    return OrderLine(
        order=order,
        product=product,
        is_refund=refund,
        paid_at=paid_at,
        paid=paid,
        voucher=voucher,
        asks=size,
        count=count,
        used=_whole(cells, "used", where=where) or 0,
        expires_at=expires_at,
        vendor_id=cells.get("vendor_id", "").strip(),
    )


def _money(cells: Mapping[str, str], *, where: str) -> tuple[Decimal, Decimal]:
    """Give what was paid in cash and stored value, and by voucher.

    Where cash and stored value have columns of their own, they are added; else 实付金额 is both; else what was owed less the voucher.
    """
    amounts: dict[str, Decimal] = {}
    for word in (*_MONEY, "voucher"):
        text = cells.get(word, "")
        if text and text not in ("-", "—", "--"):
            amount = yuan_in(text)
            if amount is None:
                raise InputError(f"{where} has an amount that is not understood; write it like ¥180.00. Nothing was entered.")
            amounts[word] = amount
    voucher = amounts.get("voucher", Decimal(0))
    if "cash" in amounts or "stored" in amounts:
        return amounts.get("cash", Decimal(0)) + amounts.get("stored", Decimal(0)), voucher
    if "paid" in amounts:
        return amounts["paid"], voucher
    if "owed" in amounts:
        return amounts["owed"] - voucher, voucher
    raise InputError(f"{where} has no amount that was paid. Look at the column 实付金额. Nothing was entered.")


def _whole(cells: Mapping[str, str], word: str, *, where: str) -> int | None:
    text = cells.get(word, "")
    if not text:
        return None
    number = asks_in(text.removesuffix(".0"))
    if number is None:
        raise InputError(f"{where} has a number that is not understood. Write it in digits. Nothing was entered.")
    return number


def _text(cells: Sequence[CellValue], place: int) -> str:
    return plain_text(cells[place]).strip() if place < len(cells) else ""
