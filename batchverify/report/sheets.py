"""A summary as sheets for the result workbook: Summary, Quota, Legend, in the clerk's language.

The one thing to know: they show the numbers of `Summary` and work out nothing of their own but products with the unit price.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from batchverify.model import RowStatus, Sheet
from batchverify.report.legend import legend_sheet
from batchverify.report.summary import BillKind, Ending, GroupBill, Summary
from batchverify.rules.prices import yuan
from batchverify.rules.windows import beijing_time
from batchverify.words import Lang, Saying, label_of_status

_SUMMARY_WIDTHS = (54, 14, 14, 50)
_QUOTA_WIDTHS = (66, 14, 14, 14)
_SPLIT_WIDTHS = (66, 14, 14, 14, 14, 14, 14)

Row = tuple[str | int, ...]
#: What somebody should look at in the sheet, how many rows that are, and which.
LookAt = tuple[Saying, int, str]
_Words = Mapping[str, str]

_EN: _Words = {
    "summary": "Summary",
    "quota": "Quota",
    "simulated": "SIMULATED: the sandbox answered. Nothing here says anything about a real person, and nothing was billed.",
    "job": "Job",
    "run": "Run",
    "ending": "How it ended",
    "next": "To go on",
    "origin": "Goes on from job",
    "file": "Input file",
    "sheet": "Sheet",
    "encoding": "Encoding",
    "sha256": "SHA-256 of the input",
    "product": "Product",
    "host": "Asked at",
    "started": "Started (Beijing time)",
    "ended": "Ended (Beijing time)",
    "head": "Head of the ledger's chain",
    "by_status": "Rows by status",
    "rows": "Rows",
    "share": "Share",
    "total": "Total",
    "by_kind": "Rows by kind",
    "unique": "Different questions",
    "duplicate": "Duplicates of another row",
    "reused": "Answered from an earlier job (among the different ones)",
    "blocked": "Blocked by local checks",
    "look_at": "Contradictions in the sheet (asked all the same)",
    "which_rows": "Which",
    "cost": "Cost",
    "yuan": "Yuan",
    "unit_price": "Price of one ask",
    "cost_certain": "Certain",
    "cost_most": "At most, with all asks in doubt",
    "saved": "Saved",
    "asks": "Asks",
    "planned": "Planned",
    "sent": "Sent",
    "billed": "Billed",
    "free": "Answered free of charge",
    "not_billed": "Without an answer, not billed",
    "in_doubt": "In doubt, perhaps billed",
    "in_doubt_short": "In doubt",
    "saved_asks": "Asks saved",
    "by_duplicate": "By duplicates",
    "by_reused": "By earlier answers",
    "by_blocked": "By local checks",
    "billed_by_status": "Billed by status",
    "windows": "Windows of 10 minutes, as in the vendor's usage list (Beijing time)",
    "from_to": "From – to",
    "groups": "By column {column}",
    "blank": "(blank)",
    "elsewhere": "(other values, or in no row any more)",
    "yuan_most": "Yuan at most",
    "value": "Value",
    "packages": "Packages",
    "bought": "Bought",
    "before": "Left before",
    "after": "Left after",
    "unknown": "Not known: no package is registered.",
    "low": "Low balance: less than {percent} % is left.",
    "fine": "The balance is above {percent} %.",
    "none": "none",
    "auto": "auto (by row)",
    Ending.COMPLETE: "Complete: every row has a final result.",
    Ending.OPEN_ROWS: "Finished, but some rows are still open. See sheet To retry.",
    Ending.VENDOR_STOP: "Stopped by the vendor (quota, AppCode or arrears). It can be resumed.",
    Ending.INTERRUPTED: "Interrupted. It can be resumed.",
    Ending.HOME_ERROR: "Stopped because the home folder could not be written.",
}
_ZH: _Words = {
    "summary": "汇总",
    "quota": "额度消耗",
    "simulated": "模拟结果：由沙箱答复，不代表任何真实核验，也未产生费用。",
    "job": "任务",
    "run": "批次",
    "ending": "结束情况",
    "next": "继续的命令",
    "origin": "接续的任务",
    "file": "输入文件",
    "sheet": "工作表",
    "encoding": "编码",
    "sha256": "输入文件 SHA-256",
    "product": "产品",
    "host": "接口地址",
    "started": "开始时间（北京时间）",
    "ended": "结束时间（北京时间）",
    "head": "台账链头",
    "by_status": "按核验结果",
    "rows": "行数",
    "share": "占比",
    "total": "合计",
    "by_kind": "按行的类别",
    "unique": "不同的查询",
    "duplicate": "与其他行重复",
    "reused": "复用历史答复（含在不同的查询内）",
    "blocked": "本地检查拦截",
    "look_at": "表内矛盾（照常调用，请核对）",
    "which_rows": "行号",
    "cost": "费用",
    "yuan": "元",
    "unit_price": "单价",
    "cost_certain": "确定费用",
    "cost_most": "最高费用（含全部结果未知的调用）",
    "saved": "节省",
    "asks": "调用次数",
    "planned": "计划",
    "sent": "已发送",
    "billed": "已计费",
    "free": "已答复、免费",
    "not_billed": "未答复、未计费",
    "in_doubt": "结果未知、可能已计费",
    "in_doubt_short": "结果未知",
    "saved_asks": "节省的调用",
    "by_duplicate": "因重复行",
    "by_reused": "因历史复用",
    "by_blocked": "因本地检查",
    "billed_by_status": "已计费调用（按核验结果）",
    "windows": "每10分钟窗口（与服务商“使用明细”对应，北京时间）",
    "from_to": "起止时间",
    "groups": "按“{column}”列",
    "blank": "（空白）",
    "elsewhere": "（其他取值，或已不在表中）",
    "yuan_most": "最高（元）",
    "value": "取值",
    "packages": "套餐包",
    "bought": "已购",
    "before": "运行前剩余",
    "after": "运行后剩余",
    "unknown": "未知：未登记套餐包。",
    "low": "余额不足：剩余低于 {percent}%。",
    "fine": "余额高于 {percent}%。",
    "none": "无",
    "auto": "自动（按行）",
    Ending.COMPLETE: "已完成：每一行都有最终结果。",
    Ending.OPEN_ROWS: "已运行完，仍有未完结的行，见“待重试”表。",
    Ending.VENDOR_STOP: "被服务商中止（额度、AppCode 或欠费），可继续。",
    Ending.INTERRUPTED: "被中断，可继续。",
    Ending.HOME_ERROR: "工作目录无法写入，已停止。",
}
_WORDS = {Lang.EN: _EN, Lang.ZH: _ZH}


def summary_sheets(summary: Summary, lang: Lang, *, look_at: Sequence[LookAt] = ()) -> tuple[Sheet, ...]:
    """Give the sheets Summary, Quota and Legend. In the result workbook To fix and To retry stand after the first."""
    return (_summary_sheet(summary, lang, look_at), _quota_sheet(summary, lang), legend_sheet(lang))


class _Draft:
    """Rows under a title, with the rows that are headings remembered."""

    def __init__(self, title: str) -> None:
        self.title = title
        self._rows: list[Row] = [(title,)]
        self._headings: list[int] = []

    def section(self, *heading: str) -> None:
        self._rows.append(())
        self._headings.append(len(self._rows))
        self._rows.append(heading)

    def add(self, *row: str | int) -> None:
        self._rows.append(row)

    def sheet(self, widths: tuple[int, ...]) -> Sheet:
        return Sheet(title=self.title, rows=tuple(self._rows), widths=widths, heading_rows=tuple(self._headings))


def _summary_sheet(summary: Summary, lang: Lang, look_at: Sequence[LookAt]) -> Sheet:
    words = _WORDS[lang]
    draft = _Draft(words["summary"])
    if summary.simulated:
        draft.add(words["simulated"])
    draft.section(words["by_status"], words["rows"], words["share"], "")
    tally = summary.tally
    for status in RowStatus:
        rows = tally.status.get(status, 0)
        draft.add(label_of_status(status, lang), rows, _share(rows, tally.total))
    draft.add(words["total"], tally.total, _share(tally.total, tally.total))
    draft.section(words["by_kind"], words["rows"], "", "")
    for word, rows in (
        ("unique", tally.unique),
        ("duplicate", tally.duplicate),
        ("blocked", tally.blocked),
        ("total", tally.total),
        ("reused", tally.reused),
    ):
        draft.add(words[word], rows)
    if look_at:
        draft.section(words["look_at"], words["rows"], "", words["which_rows"])
        for saying, rows, which in look_at:
            draft.add(saying.en if lang is Lang.EN else saying.zh.rstrip("，"), rows, "", which)
    cost = summary.cost
    draft.section(words["cost"], words["yuan"], "", "")
    for word, amount in (
        ("unit_price", cost.unit_price),
        ("cost_certain", cost.low),
        ("cost_most", cost.high),
        ("saved", cost.saved),
    ):
        draft.add(words[word], yuan(amount))
    draft.section(words["job"], "", "", "")
    for word, text in _facts(summary, words):
        draft.add(words[word], text)
    return draft.sheet(_SUMMARY_WIDTHS)


def _facts(summary: Summary, words: _Words) -> list[tuple[str, str]]:
    return [
        ("ending", words[summary.ending]),
        ("next", summary.next or words["none"]),
        ("file", summary.input.name),
        ("sheet", summary.input.sheet),
        ("encoding", summary.input.encoding),
        ("product", summary.product.value if summary.product is not None else words["auto"]),
        ("host", summary.endpoint_host),
        ("started", beijing_time(summary.started_at)),
        ("ended", beijing_time(summary.ended_at)),
        ("job", summary.job),
        *([("origin", summary.origin)] if summary.origin else []),
        ("run", summary.run),
        ("sha256", summary.input.sha256),
        ("head", summary.ledger_head),
    ]


def _quota_sheet(summary: Summary, lang: Lang) -> Sheet:
    words = _WORDS[lang]
    draft = _Draft(words["quota"])
    if summary.simulated:
        draft.add(words["simulated"])
    bill, tally, price = summary.bill, summary.tally, summary.cost.unit_price
    draft.section(words["asks"], words["asks"], words["yuan"])
    if bill.planned is not None:
        draft.add(words["planned"], bill.planned, yuan(price * bill.planned))
    for word, asks, costs in (
        ("sent", bill.sent, None),
        ("billed", bill.billed, bill.billed),
        ("in_doubt", bill.in_doubt, bill.in_doubt),
        ("free", bill.free, 0),
        ("not_billed", bill.not_billed, 0),
    ):
        draft.add(words[word], asks, "" if costs is None else yuan(price * costs))
    draft.section(words["saved_asks"], words["asks"], words["yuan"])
    for word, asks in (("by_duplicate", tally.duplicate), ("by_reused", tally.reused), ("by_blocked", tally.blocked)):
        draft.add(words[word], asks, yuan(price * asks))
    draft.section(words["billed_by_status"], words["asks"], words["yuan"])
    for status in RowStatus:
        if asks := bill.by_status.get(status, 0):
            draft.add(label_of_status(status, lang), asks, yuan(price * asks))
    draft.add(words["total"], bill.billed, yuan(price * bill.billed))
    _add_packages(draft, summary, words)
    if bill.cost_by:
        _add_groups(draft, summary, words)
    draft.section(words["windows"], words["asks"], words["billed"], words["yuan"])
    for one in bill.windows:
        span = f"{beijing_time(one.start)[:19].replace('T', ' ')} – {beijing_time(one.end)[11:19]}"
        draft.add(span, one.asks, one.billed, yuan(price * one.billed))
    return draft.sheet(_SPLIT_WIDTHS if bill.cost_by else _QUOTA_WIDTHS)


def _add_groups(draft: _Draft, summary: Summary, words: _Words) -> None:
    bill, price = summary.bill, summary.cost.unit_price
    heading = [words[word] for word in ("asks", "billed", "in_doubt_short", "saved", "yuan", "yuan_most")]
    draft.section(words["groups"].format(column=bill.cost_by), *heading)
    lines = [(words["elsewhere"] if one.value is None else one.value or words["blank"], one) for one in bill.groups]
    total = GroupBill(value=None, **{kind.value: bill.count(kind) for kind in BillKind}, saved=summary.tally.saved)
    for label, one in (*lines, (words["total"], total)):
        costs = (yuan(price * one.billed), yuan(price * (one.billed + one.in_doubt)))
        draft.add(label, one.asks, one.billed, one.in_doubt, one.saved, *costs)


def _add_packages(draft: _Draft, summary: Summary, words: _Words) -> None:
    quota = summary.quota
    draft.section(words["packages"], words["asks"] if quota.is_known else "")
    if not quota.is_known:
        draft.add(words["unknown"])
        return
    for word, asks in (("bought", quota.total), ("before", quota.left_before), ("after", quota.left_after)):
        if asks is not None:
            draft.add(words[word], asks)
    draft.add(words["low" if quota.is_low else "fine"].format(percent=quota.low_percent))


def _share(rows: int, total: int) -> str:
    return f"{rows / total:.1%}" if total else ""
