"""The sums of a summary that must agree, whatever happened during the run.

The one thing to know: this is the checker, so it shares no arithmetic with what makes summaries; it reads the finished
JSON as a stranger would.

Source of the rules: PRODUCT, section 3 ("Sums cross-add").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from batchverify.model import RowStatus


def check_sums(summary: Mapping[str, Any]) -> list[str]:
    """List every sum of a summary (PRODUCT, section 3, schema 1) that does not agree, as a sentence; none is well.

    >>> rows = {"total": 1, "unique": 1, "duplicate": 0, "reused": 0, "blocked": 0}
    >>> status = dict.fromkeys((status.value for status in RowStatus), 0) | {"matched": 1}
    >>> asks = {"sent": 2, "billed": 1, "free": 0, "not_billed": 0, "in_doubt": 0}
    >>> asks["saved"] = {"duplicate": 0, "reused": 0, "blocked": 0}
    >>> cost = {"unit_price": "0.19", "min": "0.19", "max": "0.19", "saved": "0.00"}
    >>> window = {"asks": 2, "billed": 1}
    >>> check_sums({"rows": rows, "status": status, "asks": asks, "cost": cost, "windows": [window]})
    ['asks.sent is 2, but billed + free + not_billed + in_doubt is 1.']
    """
    return [*_row_sums(summary), *_ask_sums(summary), *_cost_sums(summary), *_quota_sums(summary)]


def _row_sums(summary: Mapping[str, Any]) -> Iterator[str]:
    rows, status = summary["rows"], summary["status"]
    missing = [word.value for word in RowStatus if word.value not in status]
    if missing:
        yield f"status does not list {', '.join(missing)}."
    yield from _differ("rows.total", rows["total"], "the sum of status", sum(status.values()))
    yield from _differ(
        "rows.total", rows["total"], "unique + duplicate + blocked", rows["unique"] + rows["duplicate"] + rows["blocked"]
    )
    yield from _differ("rows.blocked", rows["blocked"], "status.blocked", status.get("blocked", 0))
    yield from _exceed("rows.reused", rows["reused"], "rows.unique", rows["unique"])


def _ask_sums(summary: Mapping[str, Any]) -> Iterator[str]:
    rows, asks, windows = summary["rows"], summary["asks"], summary["windows"]
    parts = ("billed", "free", "not_billed", "in_doubt")
    yield from _differ("asks.sent", asks["sent"], " + ".join(parts), sum(asks[part] for part in parts))
    for saved in ("duplicate", "reused", "blocked"):
        yield from _differ(f"asks.saved.{saved}", asks["saved"][saved], f"rows.{saved}", rows[saved])
    yield from _differ("asks.sent", asks["sent"], "the sum of windows.asks", sum(window["asks"] for window in windows))
    yield from _differ("asks.billed", asks["billed"], "the sum of windows.billed", sum(window["billed"] for window in windows))


def _cost_sums(summary: Mapping[str, Any]) -> Iterator[str]:
    asks, cost = summary["asks"], summary["cost"]
    price = Decimal(cost["unit_price"])
    least, most = Decimal(cost["min"]), Decimal(cost["max"])
    yield from _differ("cost.min", least, "unit_price × billed", price * asks["billed"])
    yield from _differ("cost.max", most, "unit_price × (billed + in_doubt)", price * (asks["billed"] + asks["in_doubt"]))
    yield from _differ("cost.saved", Decimal(cost["saved"]), "unit_price × saved", price * sum(asks["saved"].values()))


def _quota_sums(summary: Mapping[str, Any]) -> Iterator[str]:
    quota = summary.get("quota") or {}
    for left in ("left_before", "left_after"):
        if quota.get("known") and quota[left] is not None:
            yield from _exceed(f"quota.{left}", quota[left], "quota.total", quota["total"])


def _differ(name: str, value: int | Decimal, other: str, expected: int | Decimal) -> Iterator[str]:
    if value != expected:
        yield f"{name} is {value}, but {other} is {expected}."


def _exceed(name: str, value: int | Decimal, other: str, most: int | Decimal) -> Iterator[str]:
    if value > most:
        yield f"{name} is {value}, more than {other}, which is {most}."
