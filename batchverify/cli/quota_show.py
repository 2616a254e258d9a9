"""Packages, balances and purchases in words for a terminal, and as JSON. Prints nothing."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from batchverify.cli.show import mix_text
from batchverify.rules.balance import BalanceWarning
from batchverify.rules.prices import yuan
from batchverify.rules.windows import BEIJING, beijing_time
from batchverify.words import Lang

if TYPE_CHECKING:
    from batchverify.job.wallet import Calibration, Entered, Holdings, Purchasing
    from batchverify.rules.packages import Mix
    from batchverify.store.ledger import Package

#: As many as the vendor's console shows.
PAGE = 10
_WIDE = "WF"
_FINE = Decimal("0.0001")

_WORDS: Mapping[str, tuple[str, str]] = {
    "id": ("ID", "套餐包ID"),
    "name": ("Name", "套餐包名称"),
    "use": ("Used/total", "使用状况 (使用/总量)"),
    "validity": ("Valid", "到期时间"),
    "price": ("Yuan", "金额（元）"),
    "state": ("State", "状态"),
    "ever": ("for ever", "长期有效"),
    "active": ("active", "已开通"),
    "used_up": ("used up", "已用完"),
    "expired": ("expired", "已过期"),
    "page": ("{} in all, {} a page, page {} of {}", "共有 {} 条，每页显示 {} 条，第 {}/{} 页"),
    "none": (
        "No package is entered. Enter one with `batchverify quota add --from-list 1000`.",
        "尚未登记套餐包。请用 batchverify quota add --from-list 1000 录入。",
    ),
    "left": ("Left by our count", "按本机台账剩余"),
    "unknown": ("not known", "未知"),
    "vendor_left": ("Left as the vendor says", "服务商显示剩余"),
    "typed": ("typed in", "手工录入"),
    "vendor": ("from the vendor", "来自服务商"),
    "as_of": ("as of {}, {}", "{}，{}"),
    "then": ("Our count of that moment", "当时按本机台账剩余"),
    "same": ("Both counts agree.", "两者一致。"),
    "fewer": (
        "The vendor counts {} fewer left than we do: somebody else uses the AppCode, or asks were made from another home.",
        "服务商显示的剩余比本机少 {} 次：AppCode 可能另有人使用，或在其他工作目录中调用过。",
    ),
    "more": (
        "The vendor counts {} more left than we do: some statuses may be free, usage is posted late, or a package is not entered.",
        "服务商显示的剩余比本机多 {} 次：部分状态可能不计费、消耗尚未入账，或有套餐包未登记。",
    ),
    "low": ("Less than {} % of the packages is left. Time to buy.", "套餐余量不足 {}%，请及时续费。"),
    "entered": ("Entered", "已录入"),
    "orders_only": ("Entered for the invoice, with no package of this product", "仅录入订单（用于发票），无本产品套餐包"),
    "known": ("Entered before, left as they are", "此前已录入，未作更改"),
    "refunded": (
        "Refunded and still counted; take it out with `quota remove` if the vendor has taken it back",
        "订单已退款，套餐包仍计入额度；如服务商已收回，请用 quota remove 移除",
    ),
    "removed": ("The package {} is taken out.", "套餐包 {} 已移除。"),
    "needed": ("Asks needed", "需要调用"),
    "in_wallet": ("left in the wallet", "剩余额度"),
    "to_buy": ("to buy", "需购买"),
    "cheapest": ("Cheapest", "最省"),
    "naive": ("One package that fits", "单个够用的套餐包"),
    "naive_many": ("Only the biggest package", "只买最大的套餐包"),
    "per_ask": ("an ask", "每次"),
    "over": ("left over", "余"),
    "cheaper": ("Cheaper by", "节省"),
    "enough": ("The wallet holds enough. Nothing to buy.", "剩余额度足够，无需购买。"),
    "no_trial": (
        "The free package counts once per account, and one was entered before.",
        "免费套餐包每个账户仅一次，此前已录入，不再计入。",
    ),
    "billed": ("Status {} is billed: {} asks used up {}.", "状态 {} 计费：调用 {} 次，消耗 {} 次。"),
    "free": ("Status {} is free: {} asks used up {}.", "状态 {} 不计费：调用 {} 次，消耗 {} 次。"),
    "unsure": (
        "Status {} is sometimes billed: {} asks used up {}. It counts as unknown.",
        "状态 {} 有时计费：调用 {} 次，消耗 {} 次。按“未知”处理。",
    ),
    "line": ("Write this into config.toml in the home, or add --save:", "请写入工作目录的 config.toml，或加 --save："),
    "saved": ("Saved in {}.", "已写入 {}。"),
}


def word(name: str, lang: Lang) -> str:
    """One of the words above.

    >>> word("used_up", Lang.ZH)
    '已用完'
    """
    return _WORDS[name][lang is Lang.ZH]


def packages_text(held: Holdings, lang: Lang, *, page: int) -> str:
    """One page of the packages, as the vendor's console shows them, and what is left of all."""
    if not held.packages:
        return word("none", lang)
    shown = held.packages[(page - 1) * PAGE : page * PAGE]
    header = [word(name, lang) for name in ("id", "name", "use", "validity", "price", "state")]
    rows = [_row(package, held, lang) for package in shown]
    pages = -(-len(held.packages) // PAGE)
    return "\n".join(
        [*_table([header, *rows]), word("page", lang).format(len(held.packages), PAGE, page, pages), *_left(held, lang)]
    )


def packages_json(held: Holdings, *, page: int | None, low_percent: int) -> dict[str, Any]:
    """The packages for programs: one page, or all of them."""
    from batchverify.job.wallet import state_of

    shown = held.packages if page is None else held.packages[(page - 1) * PAGE : page * PAGE]
    return {
        "count": len(held.packages),
        "packages": [package_json(package) | {"state": state_of(package, now=held.now).value} for package in shown],
        **balance_json(held, low_percent=low_percent),
    }


def package_json(package: Package) -> dict[str, Any]:
    """One package for programs."""
    return {
        "number": package.number,
        "id": package.vendor_id or None,
        "name": package.label,
        "order": package.order or None,
        "total": package.total,
        "used": package.used,
        "left": package.left,
        "yuan": None if package.price is None else yuan(package.price),
        "bought_at": beijing_time(package.bought_at),
        "expires_at": None if package.expires_at is None else beijing_time(package.expires_at),
    }


def entered_text(entered: Entered, lang: Lang) -> str:
    """What was entered."""
    lines = [f"{word('entered', lang)}: {_name(package)} · {_span(package, lang)}" for package in entered.packages]
    for name, orders in (("orders_only", entered.orders_only), ("known", entered.known)):
        if orders:
            lines.append(f"{word(name, lang)}: {', '.join(orders)}")
    if entered.refunded:
        lines.append(f"{word('refunded', lang)}: {', '.join(shown_id(package) for package in entered.refunded)}")
    return "\n".join(lines)


def balance_text(held: Holdings, lang: Lang, *, low_percent: int) -> str:
    """Our count, the vendor's, and how they differ."""
    lines = _left(held, lang)
    reading = held.reading
    if reading is not None:
        total = "" if reading.total is None else f" / {reading.total:,}"
        as_of = word("as_of", lang).format(_seconds(reading.at), word(reading.source.value, lang))
        lines.append(f"{word('vendor_left', lang)}: {reading.left:,}{total} ({as_of})")
        if held.difference is not None:
            lines.append(f"{word('then', lang)}: {reading.counted:,}")
            lines.append(_difference(held.difference, lang))
    if BalanceWarning.LOW in held.warnings:
        lines.append(word("low", lang).format(low_percent))
    return "\n".join(lines)


def balance_json(held: Holdings, *, low_percent: int) -> dict[str, Any]:
    """Both counts for programs."""
    reading = held.reading
    return {
        "total": held.wallet.total,
        "used": held.wallet.used,
        "left": held.wallet.left,
        "low": BalanceWarning.LOW in held.warnings,
        "low_percent": low_percent,
        "vendor": None
        if reading is None
        else {
            "at": beijing_time(reading.at),
            "source": reading.source.value,
            "left": reading.left,
            "total": reading.total,
            "our_count_then": reading.counted,
            "difference": held.difference,
        },
    }


def purchasing_text(plan: Purchasing, lang: Lang, *, trial: bool) -> str:
    """What to buy, beside what a hurried buyer would take."""
    counts = [f"{word('needed', lang)}: {plan.needed:,}"]
    if plan.left is not None:
        counts.append(f"{word('in_wallet', lang)} {plan.left:,} · {word('to_buy', lang)} {plan.to_buy:,}")
    lines = [" · ".join(counts)]
    if trial and not plan.with_trial:
        lines.append(word("no_trial", lang))
    if not plan.to_buy:
        return "\n".join([*lines, word("enough", lang)])
    naive = "naive" if sum(count for _, count in plan.naive.packages) == 1 else "naive_many"
    lines += [
        f"{word(name, lang)}: {_mix(mix, plan.to_buy, lang)}" for name, mix in (("cheapest", plan.cheapest), (naive, plan.naive))
    ]
    if plan.saved:
        lines.append(f"{word('cheaper', lang)} ¥{yuan(plan.saved)}")
    return "\n".join(lines)


def purchasing_json(plan: Purchasing) -> dict[str, Any]:
    """What to buy, for programs."""
    return {
        "needed": plan.needed,
        "left": plan.left,
        "to_buy": plan.to_buy,
        "with_trial": plan.with_trial,
        "cheapest": _mix_json(plan.cheapest, plan.to_buy),
        "naive": _mix_json(plan.naive, plan.to_buy),
        "saved": yuan(plan.saved),
    }


def calibration_text(found: Calibration, lang: Lang) -> str:
    """What a status costs, and what that rests on."""
    name = {"1": "billed", "0": "free", "?": "unsure"}[found.billed.value]
    return word(name, lang).format(found.status, found.asks, found.used)


def _mix(mix: Mix, asks: int, lang: Lang) -> str:
    price = f"¥{yuan(mix.price_per_ask.quantize(_FINE))}"
    each = f"{price} {word('per_ask', lang)}" if lang is Lang.EN else f"{word('per_ask', lang)} {price}"
    over = f"{mix.asks - asks:,} {word('over', lang)}" if lang is Lang.EN else f"{word('over', lang)} {mix.asks - asks:,}"
    return f"{mix_text(mix)} · {each} · {over}"


def _mix_json(mix: Mix, asks: int) -> dict[str, Any]:
    return {
        "packages": [{"asks": package.asks, "yuan": yuan(package.price), "count": count} for package, count in mix.packages],
        "asks": mix.asks,
        "yuan": yuan(mix.price),
        "per_ask": yuan(mix.price_per_ask.quantize(_FINE)),
        "left_over": mix.asks - asks,
    }


def _left(held: Holdings, lang: Lang) -> list[str]:
    wallet = held.wallet
    known = word("unknown", lang) if wallet.left is None else f"{wallet.left:,} / {wallet.total:,}"
    return [f"{word('left', lang)}: {known}"]


def _difference(difference: int, lang: Lang) -> str:
    if not difference:
        return word("same", lang)
    return word("more" if difference > 0 else "fewer", lang).format(f"{abs(difference):,}")


def _row(package: Package, held: Holdings, lang: Lang) -> list[str]:
    from batchverify.job.wallet import state_of

    return [
        shown_id(package),
        package.label,
        f"{package.used}/{package.total}",
        _span(package, lang),
        "" if package.price is None else yuan(package.price),
        word(state_of(package, now=held.now).value, lang),
    ]


def shown_id(package: Package) -> str:
    """The vendor's ID, or our number where none was entered. `remove` knows it by this."""
    return package.vendor_id or str(package.number)


def _name(package: Package) -> str:
    price = "" if package.price is None else f" · ¥{yuan(package.price)}"
    return f"{shown_id(package)} · {package.label} · {package.used}/{package.total}{price}"


def _span(package: Package, lang: Lang) -> str:
    return f"{_day(package.bought_at)} – {word('ever', lang) if package.expires_at is None else _day(package.expires_at)}"


def _day(at: datetime) -> str:
    return f"{at.astimezone(BEIJING):%Y-%m-%d}"


def _seconds(at: datetime) -> str:
    return f"{at.astimezone(BEIJING):%Y-%m-%d %H:%M:%S}"


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Align columns; a Han character takes two places on a terminal."""
    widths = [max(_width(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in _WIDE else 1 for char in text)
