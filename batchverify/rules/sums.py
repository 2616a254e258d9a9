"""The sums that must agree, whatever happened during the run: of a summary, of a workbook's sheets, of an audit report.

The one thing to know: this is the checker, so it shares no arithmetic with what makes summaries; it reads the finished
JSON as a stranger would.

Source of the rules: PRODUCT, section 3 ("Sums cross-add").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from batchverify.model import RowStatus

#: RELIABILITY §7. Not taken from where samples are chosen, see above.
_MOST_SAMPLE = 20


def check_sums(summary: Mapping[str, Any]) -> list[str]:
    """List every sum of a summary (PRODUCT, section 3, schema 1) that does not agree, as a sentence; none is well.

    An audit report has the keys of a summary and more; of these the sums are checked as well.

    >>> rows = {"total": 1, "unique": 1, "duplicate": 0, "reused": 0, "blocked": 0}
    >>> status = dict.fromkeys((status.value for status in RowStatus), 0) | {"matched": 1}
    >>> asks = {"sent": 2, "billed": 1, "free": 0, "not_billed": 0, "in_doubt": 0}
    >>> asks["saved"] = {"duplicate": 0, "reused": 0, "blocked": 0}
    >>> cost = {"unit_price": "0.19", "min": "0.19", "max": "0.19", "saved": "0.00"}
    >>> window = {"asks": 2, "billed": 1}
    >>> check_sums({"rows": rows, "status": status, "asks": asks, "cost": cost, "windows": [window]})
    ['asks.sent is 2, but billed + free + not_billed + in_doubt is 1.']
    """
    return [
        *_row_sums(summary),
        *_ask_sums(summary),
        *_cost_sums(summary),
        *_quota_sums(summary),
        *_group_sums(summary),
        *(_report_sums(summary) if "runs" in summary else ()),
    ]


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


def _group_sums(summary: Mapping[str, Any]) -> Iterator[str]:
    """Add up the split bill, where there is one."""
    if "cost_by" not in summary:
        return
    groups, asks, cost = summary["cost_by"]["groups"], summary["asks"], summary["cost"]
    for part in ("billed", "free", "not_billed", "in_doubt"):
        yield from _differ(f"asks.{part}", asks[part], f"the sum of cost_by.{part}", sum(group[part] for group in groups))
    yield from _differ("asks.sent", asks["sent"], "the sum of cost_by.asks", sum(group["asks"] for group in groups))
    saved = sum(asks["saved"].values())
    yield from _differ("the sum of asks.saved", saved, "the sum of cost_by.saved", sum(group["saved"] for group in groups))
    for end in ("min", "max"):
        total = sum((Decimal(group[end]) for group in groups), Decimal(0))
        yield from _differ(f"cost.{end}", Decimal(cost[end]), f"the sum of cost_by.{end}", total)


def _report_sums(report: Mapping[str, Any]) -> Iterator[str]:
    """What an audit report has beside the keys of a summary."""
    yield from _class_sums(report)
    yield from _run_sums(report)
    yield from _proof_sums(report)


def _class_sums(report: Mapping[str, Any]) -> Iterator[str]:
    """Rows by status and code, attempts by how they ended, billed asks by status."""
    for status, rows in report["status"].items():
        counted = sum(one["rows"] for one in report["outcomes"] if one["status"] == status)
        yield from _differ(f"status.{status}", rows, f"the sum of outcomes with {status}", counted)
    asks, classes, billed = report["asks"], report["ask_classes"], report["billed_by_status"]
    yield from _differ("asks.sent", asks["sent"], "the sum of ask_classes", sum(one["asks"] for one in classes))
    not_billed = sum(one["asks"] for one in classes if one["billed"] == "0" and one["state"] == "not_billed")
    yield from _differ("asks.not_billed", asks["not_billed"], "the sum of ask_classes not billed", not_billed)
    yield from _differ("asks.billed", asks["billed"], "the sum of billed_by_status", sum(one["asks"] for one in billed))
    yuan = sum((Decimal(one["yuan"]) for one in billed), Decimal(0))
    yield from _differ("cost.min", Decimal(report["cost"]["min"]), "the sum of billed_by_status in yuan", yuan)


def _run_sums(report: Mapping[str, Any]) -> Iterator[str]:
    runs, asks, evidence = report["runs"], report["asks"], report["evidence"]
    yield from _differ("asks.sent", asks["sent"], "the sum of runs.asks", sum(run["asks"] for run in runs))
    yield from _differ("asks.sent", asks["sent"], "evidence.attempts", evidence["attempts"])
    spent = sum(run["spent"] for run in runs)
    yield from _differ("asks.billed + in_doubt", asks["billed"] + asks["in_doubt"], "the sum of runs.spent", spent)
    yield from _exceed("evidence.request_ids", evidence["request_ids"], "evidence.attempts", evidence["attempts"])
    yield from _exceed("the count of evidence.listed", len(evidence["listed"]), "evidence.in_doubt", evidence["in_doubt"])
    for run in runs:
        if run["left_before"] is not None:
            left = run["left_before"] - run["spent"]
            yield from _differ(f"{run['run']} left_after", run["left_after"], "left_before − spent", left)


def _proof_sums(report: Mapping[str, Any]) -> Iterator[str]:
    rows, runs, sample = report["rows"], report["runs"], [one["row"] for one in report["sample"]]
    yield from _differ("merkle.leaves", report["merkle"]["leaves"], "runs + rows", len(runs) + rows["total"])
    if runs:
        yield from _differ("ledger_head", report["ledger_head"], "the head of the last run", runs[-1]["head"])
    yield from _exceed("the count of sample", len(sample), "what may be shown", min(_MOST_SAMPLE, rows["total"]))
    yield from _differ("the count of sample", len(sample), "its different rows", len(set(sample)))


def _differ(name: str, value: int | Decimal | str, other: str, expected: int | Decimal | str) -> Iterator[str]:
    if value != expected:
        yield f"{name} is {value}, but {other} is {expected}."


def _exceed(name: str, value: int | Decimal, other: str, most: int | Decimal) -> Iterator[str]:
    if value > most:
        yield f"{name} is {value}, more than {other}, which is {most}."
