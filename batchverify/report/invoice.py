"""The invoice statement: which orders to tick on the vendor's 发票管理 page, application by application.

The one thing to know: it is what to apply for, and no invoice. Amounts are numbers in the workbook, so that they can be
added up and laid beside the paper.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from batchverify.model import Sheet
from batchverify.rules.invoice import POSTAGE_UP_TO, Application, Month, Order
from batchverify.rules.prices import yuan
from batchverify.rules.windows import beijing_time
from batchverify.words import Lang

_WIDTHS = (24, 40, 12, 22, 20, 20)

Row = tuple[str | int | Decimal, ...]

_WORDS: Mapping[Lang, Mapping[str, str]] = {
    Lang.EN: {
        "title": "Invoice statement",
        "span": "{first} to {last}",
        "application": "Application {number} ({months})",
        "merged": "one application, since a month with more refunds than payments goes with the next one",
        "order": "Order number",
        "product": "Product",
        "kind": "Type",
        "paid_at": "Paid at",
        "paid": "Paid (yuan)",
        "voucher": "Vouchers (yuan)",
        "months": "Months",
        "number": "Application",
        "normal": "order",
        "refund": "refund",
        "to_invoice": "To be invoiced",
        "nothing": "Nothing to be invoiced: the orders were paid by voucher or taken back.",
        "waits": "Less than nothing: apply for it together with the next month that has payments.",
        "postage": "{limit} yuan or less: the buyer pays the postage. Several months may be applied for together.",
        "total": "To be invoiced in all",
        "none": "No order was paid in these months. Enter orders with `batchverify quota add --order` or `--orders FILE`.",
        "rules": (
            "Paid is cash and stored value; what vouchers paid is on no invoice. Invoices are on paper only. "
            "Apply under 费用中心 → 发票管理 → 云市场, order by order."
        ),
    },
    Lang.ZH: {
        "title": "发票申请明细",
        "span": "{first} 至 {last}",
        "application": "第 {number} 次申请（{months}）",
        "merged": "合并申请：当月可索取总额小于零，需与下月合并",
        "order": "订单编号",
        "product": "产品名称",
        "kind": "类型",
        "paid_at": "支付时间",
        "paid": "实付金额（元）",
        "voucher": "代金券（元）",
        "months": "月份",
        "number": "申请",
        "normal": "订单",
        "refund": "退款",
        "to_invoice": "可开票金额",
        "nothing": "无可开票金额：订单由代金券支付或已退款。",
        "waits": "可索取总额小于零：请与之后有付款的月份合并申请。",
        "postage": "不超过 {limit} 元：运费由用户承担。可将多个月份合并申请。",
        "total": "可开票金额合计",
        "none": "这些月份没有已付款的订单。请用 batchverify quota add --order 或 --orders FILE 录入。",
        "rules": "实付金额为现金与储值卡支付部分，代金券抵扣部分不开票。仅支持纸质发票。申请入口：费用中心 → 发票管理 → 云市场，按订单勾选。",
    },
}


def invoice_sheet(found: Sequence[Application], *, first: Month, last: Month, lang: Lang) -> Sheet:
    """Draw the statement as a sheet."""
    words = _WORDS[lang]
    rows: list[Row] = [(f"{words['title']} {words['span'].format(first=first, last=last)}",), (words["rules"],)]
    headings = []
    for number, one in enumerate(found, 1):
        rows += [(), (_name(one, number, words),)]
        headings.append(len(rows))
        rows.append(tuple(words[word] for word in ("order", "product", "kind", "paid_at", "paid", "voucher")))
        rows += [_line(order, words) for order in one.orders]
        rows.append((words["to_invoice"], "", "", "", one.amount))
        rows += [(note,) for note in _notes(one, words)]
    rows.append(())
    rows.append((words["total"], "", "", "", total_of(found)) if found else (words["none"],))
    return Sheet(title=words["title"], rows=tuple(rows), widths=_WIDTHS, heading_rows=tuple(headings))


def invoice_rows(found: Sequence[Application], lang: Lang) -> Iterator[tuple[str, ...]]:
    """Give the statement as a plain table with a header, a row for each order."""
    words = _WORDS[lang]
    yield tuple(words[word] for word in ("number", "months", "order", "product", "kind", "paid_at", "paid", "voucher"))
    for number, one in enumerate(found, 1):
        for order in one.orders:
            line = [yuan(cell) if isinstance(cell, Decimal) else str(cell) for cell in _line(order, words)]
            yield (str(number), " + ".join(map(str, one.months)), *line)


def invoice_text(found: Sequence[Application], *, first: Month, last: Month, lang: Lang) -> str:
    """Say in a few lines what is to be applied for."""
    words = _WORDS[lang]
    lines = [f"{words['title']} {words['span'].format(first=first, last=last)}"]
    for number, one in enumerate(found, 1):
        lines.append(f"{_name(one, number, words)}: ¥{yuan(one.amount)}")
        lines += [f"  {note}" for note in _notes(one, words)]
    lines.append(f"{words['total']}: ¥{yuan(total_of(found))}" if found else words["none"])
    return "\n".join([*lines, words["rules"]])


def invoice_json(found: Sequence[Application], *, first: Month, last: Month) -> dict[str, Any]:
    """Give the statement for programs."""
    return {
        "from": str(first),
        "to": str(last),
        "applications": [
            {
                "months": [str(month) for month in one.months],
                "merged": one.is_merged,
                "waits": one.waits,
                "amount": yuan(one.amount),
                "vouchers": yuan(one.vouchers),
                "buyer_pays_postage": one.buyer_pays_postage,
                "orders": [
                    {
                        "order": order.number,
                        "product": order.product,
                        "refund": order.is_refund,
                        "paid_at": beijing_time(order.paid_at),
                        "paid": yuan(order.paid),
                        "voucher": yuan(order.voucher),
                    }
                    for order in one.orders
                ],
            }
            for one in found
        ],
        "total": yuan(total_of(found)),
    }


def total_of(found: Sequence[Application]) -> Decimal:
    """What all applications come to that can be made now."""
    return sum((one.amount for one in found if not one.waits), Decimal(0))


def _name(one: Application, number: int, words: Mapping[str, str]) -> str:
    months = " + ".join(map(str, one.months))
    return words["application"].format(number=number, months=months) + (f" · {words['merged']}" if one.is_merged else "")


def _notes(one: Application, words: Mapping[str, str]) -> Iterator[str]:
    if one.waits:
        yield words["waits"]
    elif one.amount == 0:
        yield words["nothing"]
    elif one.buyer_pays_postage:
        yield words["postage"].format(limit=POSTAGE_UP_TO)


def _line(order: Order, words: Mapping[str, str]) -> Row:
    paid_at = beijing_time(order.paid_at)[:19].replace("T", " ")
    kind = words["refund" if order.is_refund else "normal"]
    return (order.number, order.product, kind, paid_at, order.paid, order.voucher)
